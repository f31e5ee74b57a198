import axe, { type AxeResults } from 'axe-core'
import { describe, expect, test } from 'vitest'
import { type Look, lookAt, PAGE_STATES, reachState } from './setup/page-states.ts'
import { usePage } from './setup/use-page.ts'

type View = Look & { width: number }

/** Each theme with each language; a state is reached once on a wide screen, and once on narrow ones. */
const SCREENS: [string, [View, ...View[]]][] = [
  ['wide', [view(1280, 'light', 'en'), view(1280, 'dark', 'zh')]],
  ['narrow', [view(390, 'dark', 'en'), view(390, 'light', 'zh'), view(320, 'light', 'en')]],
]
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

const used = usePage({ reducedMotion: 'reduce' })

describe.each(SCREENS)('on a %s screen, in both themes and languages,', (_, views) => {
  test.each(PAGE_STATES)('axe finds nothing wrong with: %s', async (state) => {
    const { page } = used
    await page.setViewportSize({ width: views[0].width, height: 844 })
    await reachState(page, used.url, used.made, state)
    await page.evaluate(axe.source)
    for (const shown of views) {
      await page.setViewportSize({ width: shown.width, height: 844 })
      await lookAt(page, shown)
      expect({ shown, found: await violations() }).toEqual({ shown, found: [] })
    }
  })
})

test.each([
  'light',
  'dark',
] as const)('what has the focus, is chosen or waits is told by a line that stands out from all grounds: %s', async (theme) => {
  const { page } = used
  await reachState(page, used.url, used.made, 'empty')
  await lookAt(page, { theme, language: 'en' })
  for (const line of ['--accent', '--bad', '--warn', '--muted']) {
    for (const ground of ['--ground', '--surface', '--raised', '--tint']) {
      const contrast = contrastOf(await coloursOf([line, ground]))
      expect({ line, ground, enough: contrast >= 3, contrast }).toMatchObject({ enough: true })
    }
  }
})

test('nothing moves for whoever wants less motion, and it does for others', async () => {
  const { page } = used
  await page.setViewportSize({ width: 390, height: 844 })
  await reachState(page, used.url, used.made, 'writing')
  const moving = () =>
    page.evaluate(() => {
      const all = [...document.querySelectorAll('*')]
      return all.flatMap((element) =>
        [null, '::before', '::after'].flatMap((pseudo) => {
          const { animationName, transitionDuration } = getComputedStyle(element, pseudo)
          const still = animationName === 'none' && /^0s(, 0s)*$/.test(transitionDuration)
          return still ? [] : [`${element.tagName}.${element.className}${pseudo ?? ''}`]
        }),
      )
    })
  expect(await moving()).toEqual([])
  await page.emulateMedia({ reducedMotion: 'no-preference' })
  expect(await moving()).not.toEqual([])
  await page.emulateMedia({ reducedMotion: 'reduce' })
})

function view(width: number, theme: Look['theme'], language: Look['language']): View {
  return { width, theme, language }
}

async function violations(): Promise<string[]> {
  const found = await used.page.evaluate(
    async (tags): Promise<AxeResults['violations']> =>
      (
        await (window as unknown as { axe: typeof axe }).axe.run(document, {
          runOnly: tags,
          resultTypes: ['violations'],
          // The same model answers to each prompt, and its cards are told apart by the prompt.
          rules: { 'landmark-unique': { enabled: false } },
        })
      ).violations,
    TAGS,
  )
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)}\n${failureSummary}`),
  )
}

/** The red, green and blue, from 0 to 255, of colours that the style gives names. */
function coloursOf(names: string[]): Promise<number[][]> {
  return used.page.evaluate((wanted) => {
    const probe = document.body.appendChild(document.createElement('i'))
    const colours = wanted.map((name) => {
      probe.style.color = `var(${name})`
      return getComputedStyle(probe)
        .color.match(/[\d.]+/g)!
        .slice(0, 3)
        .map(Number)
    })
    probe.remove()
    return colours
  }, names)
}

/** By WCAG 2.2, "contrast ratio". */
function contrastOf(colours: number[][]): number {
  const [light, dark] = colours.map(luminance).sort((a, b) => b - a)
  return (light! + 0.05) / (dark! + 0.05)
}

function luminance(colour: number[]): number {
  const [red, green, blue] = colour
    .map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!
}
