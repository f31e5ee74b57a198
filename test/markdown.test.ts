import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { buildPage } from '../edge/page/build.ts'
import { launchChromium } from './chromium.ts'
import { type ModelServer, startModelServer } from './setup/model-server.ts'
import { askModels } from './setup/page-user.ts'
import { type Stack, startStack } from './stack.ts'

const MODEL = 'qwen3:1.7b'
const FIRST = `# Title

One **bold** and \`code\`, <b>markup</b> & more
with a second line.

| a | b |
| :- | -: |
| 1 | 2 |

\`\`\`js
if (1 < 2) go()
`
const REST = `\`\`\`

- one
  - inner
- [x] done

3. three

> quoted

[a link](https://example.org/?a=1&b=2 "tip"), [no link](javascript:alert(1)), ![a picture](https://example.org/p.png)

[named][1]

[1]: https://example.org/named
`

let models: ModelServer
let stack: Stack
let browser: Browser
let page: Page
/** What of `/chunks/` the page has asked for since it was loaded. */
let fetched: string[]
beforeAll(async () => {
  await buildPage({ outDir: fileURLToPath(new URL('../edge/page/dist', import.meta.url)) })
  models = await startModelServer()
  stack = await startStack({ models, workerSettings: { PARTIAL_MS: '100' } })
  browser = await launchChromium()
}, 120_000)
beforeEach(async () => {
  const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] })
  page = await context.newPage()
  fetched = []
  page.on('request', (request) => {
    const [, name] = /\/chunks\/(\w+)-\w+\.js$/.exec(request.url()) ?? []
    if (name) fetched.push(name)
  })
  return () => context.close()
})
afterAll(async () => {
  await browser?.close()
  await stack?.stop()
  await models?.close()
})

async function ask(): Promise<void> {
  await page.goto(stack.gatewayUrl)
  await askModels(page, 'Show me', [MODEL])
}

/** Has an answer written whole. */
async function show(text: string): Promise<void> {
  models.answer(() => [{ text }])
  await ask()
  await page.locator('.card[data-state=done]').waitFor()
}

test('an answer is shown as Markdown, and grows without losing what the reader has selected', async () => {
  const { promise: selected, resolve: goOn } = Promise.withResolvers<void>()
  models.answer(() => [{ text: FIRST }, { until: selected }, { text: REST }])
  await ask()
  const answer = page.locator('.answer')
  const code = answer.locator('pre code')
  await expect
    .poll(() => code.textContent().catch(() => ''), { timeout: 20_000 })
    .toBe('if (1 < 2) go()\n')
  expect(await answer.locator('h4').textContent()).toBe('Title')
  expect(await answer.locator('p').first().innerText()).toBe(
    'One bold and code, <b>markup</b> & more\nwith a second line.',
  )
  expect(await answer.locator('td').allTextContents()).toEqual(['1', '2'])
  expect(await answer.locator('td').last().getAttribute('align')).toBe('right')
  const select = (element: Element) => getSelection()?.selectAllChildren(element)
  await answer.locator('strong').evaluate(select)
  await code.evaluate((element) => Object.assign(element, { isTheFirst: true }))

  goOn()
  await page.locator('.card[data-state=done]').waitFor()
  expect(await page.evaluate(() => String(getSelection()))).toBe('bold')
  expect(await code.evaluate((element) => 'isTheFirst' in element)).toBe(true)
  expect(await code.textContent()).toBe('if (1 < 2) go()\n')
  expect(await answer.locator('ul ul li').textContent()).toBe('inner')
  expect(await answer.locator('li', { hasText: 'done' }).textContent()).toBe('☑ done')
  expect(await answer.locator('ol').getAttribute('start')).toBe('3')
  expect(await answer.locator('blockquote').innerText()).toBe('quoted')
  const links = await answer
    .locator('a')
    .evaluateAll((all) =>
      all.map((link) => [link.textContent, link.getAttribute('href'), link.getAttribute('target')]),
    )
  expect(links).toEqual([
    ['a link', 'https://example.org/?a=1&b=2', '_blank'],
    ['no link', null, '_blank'],
    ['a picture', 'https://example.org/p.png', '_blank'],
    ['named', 'https://example.org/named', '_blank'],
  ])
  expect(await answer.locator('a').first().getAttribute('rel')).toMatch(/noopener noreferrer/)
  expect(await answer.locator('img').count()).toBe(0)
})

test('an answer that grew piece by piece looks like one that came whole', async () => {
  const text = `See [the one][1].\n\n${FIRST}${REST}\n\n$$\na = b\n$$\n\nA title\n=======\n\n- a\n\n- b\n\nThe end.`
  const pieces = text.match(/[\s\S]{1,40}/g)!
  const { promise: seen, resolve: goOn } = Promise.withResolvers<void>()
  models.answer(() => [
    ...pieces.slice(0, -1).flatMap((text, i) => [{ text }, { until: sleep(120 * (i + 1)) }]),
    { until: seen },
    { text: pieces.at(-1)! },
  ])
  await ask()
  await page.locator('.card[data-state=writing] .answer p').first().waitFor()
  goOn()
  await page.locator('.card[data-state=done]').waitFor()
  await page.locator('.answer math').waitFor()
  const html = () => page.locator('.answer').innerHTML()
  const grown = await html()
  await page.reload()
  await page.locator('.answer math').waitFor()
  await expect.poll(html).toBe(grown)
  expect(await page.getByRole('link', { name: 'the one' }).getAttribute('href')).toBe(
    'https://example.org/named',
  )
})

describe('maths', () => {
  const formulas = () =>
    page
      .locator('.answer math')
      .evaluateAll((all) => all.map((math) => [math.textContent, math.getAttribute('display')]))

  test('is shown in a line and displayed, by each of its signs', async () => {
    await show(
      [
        'One $a^2$, $2xy$, \\(b_1\\), the $n$th of $\\mathbb{R}$, *so $x* y$ is*.',
        'Displayed:\n$$\nc\n+ d\n$$\nand on.',
        '\\[\ne \\\\[2pt]\nf\n\\]',
        '- in a list: \\[ g \\]',
      ].join('\n\n'),
    )
    await expect.poll(formulas).toEqual([
      ['a2', null],
      ['2xy', null],
      ['b1', null],
      ['n', null],
      ['ℝ', null],
      ['x∗y', null],
      ['c+d', 'block'],
      ['ef', 'block'],
      ['g', 'block'],
    ])
    expect(await page.locator('.answer em').textContent()).toBe('so x∗y is')
    expect(await page.locator('.answer p').nth(2).textContent()).toBe('and on.')
    expect(
      await page.locator('.answer annotation, .answer [style], .answer [class^=k]').count(),
    ).toBe(0)
    expect(fetched).toEqual(['katex'])
  })

  test('leaves prices, escaped brackets, code and what is not closed as they are', async () => {
    const texts = [
      'It is $5 and $10, or 20$ to 30$, not $5 million (in US$).',
      'Neither $ 3 $ nor $4 $5.',
      '[1] one, [2] two',
      '$a$ \\(b\\)',
      '$$c$ = d',
    ]
    await show(
      `${texts[0]}\n\n${texts[1]}\n\n\\[1\\] one, \\[2\\] two\n\n\`${texts[3]}\`\n\n${texts[4]}`,
    )
    expect(await page.locator('.answer p').allTextContents()).toEqual(texts)
    expect(await formulas()).toEqual([])
    expect(fetched).toEqual([])
  })

  test('that cannot be read stays as its source, beside what can', async () => {
    await show(`$\\frac{1}{$ and $x$ and $\\nope$ and $${'y'.repeat(5001)}$`)
    await expect.poll(formulas).toEqual([['x', null]])
    const sources = await page.locator('.answer code').allTextContents()
    expect(sources).toEqual(['\\frac{1}{', '\\nope', 'y'.repeat(5001)])
  })

  test('stays as its source where the library cannot be had', async () => {
    await page.route('**/chunks/katex-*', (route) => route.abort())
    await show('One $a^2$.')
    await expect.poll(() => fetched).toEqual(['katex'])
    expect(await page.locator('.answer p').innerHTML()).toBe(
      'One <code data-maths="inline">a^2</code>.',
    )
  })

  test('scrolls in a box of its own, within reach of the keyboard', async () => {
    await page.setViewportSize({ width: 320, height: 640 })
    await show(`$$${Array.from({ length: 60 }, (_, i) => `x_{${i}}`).join('+')}$$`)
    await page.locator('.answer math').waitFor()
    const box = page.locator('.answer .maths')
    expect(await box.evaluate((it) => it.scrollWidth > it.clientWidth)).toBe(true)
    await box.focus()
    expect(await box.evaluate((it) => it === document.activeElement)).toBe(true)
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320)
  })
})

describe('code', () => {
  const coloured = (code: number) => page.locator('.answer pre code').nth(code).locator('span')

  test('has its colours where its language is known', async () => {
    await show('```JS\nlet a = "<b>"\n```\n\n```mermaid\nlet b\n```\n\n```\nlet c\n```')
    await expect.poll(() => coloured(0).count()).toBe(2)
    expect(
      await coloured(0).evaluateAll((all) => all.map((span) => [span.className, span.textContent])),
    ).toEqual([
      ['hljs-keyword', 'let'],
      ['hljs-string', '"<b>"'],
    ])
    expect(await coloured(1).count()).toBe(0)
    expect(await coloured(2).count()).toBe(0)
    expect(await page.locator('.code figcaption span').allTextContents()).toEqual([
      'JS',
      'mermaid',
      'Code',
    ])
    expect(fetched).toEqual(['highlight'])
  })

  test('of no known language fetches nothing', async () => {
    await show('```mermaid\nlet b\n```\n\n```__proto__\nlet c\n```\n\n    let d')
    expect(await page.locator('.answer pre').count()).toBe(3)
    expect(fetched).toEqual([])
  })

  test('beyond 50,000 characters goes on without colours', async () => {
    const code = 'let a = 1\n'.repeat(5100)
    await show(`\`\`\`js\n${code}\`\`\``)
    await expect.poll(() => coloured(0).count(), { timeout: 10_000 }).toBe(2 * 5000)
    expect(await page.locator('.answer pre code').textContent()).toBe(code)
  })

  test('is copied to the character, and the button says so for a while', async () => {
    const code = 'if (a < b && c) {\n\tgo("&lt;")  \n}'
    await show(`\`\`\`js\n${code}\n\`\`\`\n\n- item\n  \`\`\`\n  other\n  \`\`\``)
    const button = page.locator('.copy-code').first()
    await button.click()
    await expect.poll(() => button.textContent()).toBe('Copied')
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(code)
    await expect.poll(() => button.textContent(), { timeout: 10_000 }).toBe('Copy')
  })

  test('is copied where the page has no clipboard of its own', async () => {
    await show('```\nby command\n```')
    await page.evaluate(() => {
      Object.assign(window, { clipboard: navigator.clipboard })
      Object.defineProperty(navigator, 'clipboard', { value: undefined })
    })
    const button = page.locator('.copy-code')
    await button.focus()
    await page.keyboard.press('Enter')
    await expect.poll(() => button.textContent()).toBe('Copied')
    const read = () => (window as unknown as { clipboard: Clipboard }).clipboard.readText()
    expect(await page.evaluate(read)).toBe('by command')
    expect(await button.evaluate((it) => it === document.activeElement)).toBe(true)
  })

  test('keeps what is selected while it gets its colours and grows', async () => {
    const { promise: selected, resolve: goOn } = Promise.withResolvers<void>()
    const { promise: asked, resolve: letThrough } = Promise.withResolvers<void>()
    await page.route('**/chunks/highlight-*', async (route) => {
      await asked
      await route.continue()
    })
    models.answer(() => [
      { text: '```js\nconst one = 1\nlet tw' },
      { until: selected },
      { text: 'o = `two\n```' },
    ])
    await ask()
    const code = page.locator('.answer pre code')
    await expect
      .poll(() => code.textContent().catch(() => ''), { timeout: 20_000 })
      .toBe('const one = 1\nlet tw\n')
    await code.evaluate((element) => {
      const text = element.firstChild!
      getSelection()?.setBaseAndExtent(text, 16, text, 3)
    })
    const selection = () => page.evaluate(() => String(getSelection()))
    expect(await selection()).toBe('st one = 1\nle')

    letThrough()
    await expect.poll(() => coloured(0).count()).toBe(3)
    expect(await selection()).toBe('st one = 1\nle')
    const first = await coloured(0)
      .first()
      .evaluateHandle((span) => span)

    goOn()
    await page.locator('.card[data-state=done]').waitFor()
    expect(await code.textContent()).toBe('const one = 1\nlet two = `two\n')
    expect(await selection()).toBe('st one = 1\nle')
    expect(await first.evaluate((span) => span.isConnected)).toBe(true)
  })

  test('and tables that are wide scroll within reach of the keyboard', async () => {
    await page.setViewportSize({ width: 320, height: 640 })
    const word = 'w'.repeat(60)
    await show(`\`\`\`\n${word}\n\`\`\`\n\n| ${word} | ${word} |\n| - | - |\n| 1 | 2 |`)
    for (const box of [page.locator('.answer pre'), page.locator('.answer .wide')]) {
      expect(await box.evaluate((it) => it.scrollWidth > it.clientWidth)).toBe(true)
      await box.focus()
      expect(await box.evaluate((it) => it === document.activeElement)).toBe(true)
    }
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320)
  })
})

test('an answer as plain text is what a reader sees', async () => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../edge/page/markdown/plain-text.ts', import.meta.url))],
    bundle: true,
    write: false,
    globalName: 'plainText',
  })
  await page.addScriptTag({ content: outputFiles[0]!.text })
  type Exports = { plainText: { plainTextOf(markdown: string): string } }
  const text = await page.evaluate(
    (markdown) => (globalThis as unknown as Exports).plainText.plainTextOf(markdown),
    FIRST + REST.replace('[named][1]', '$x^2$ of [named][1]  \nand more'),
  )
  expect(text).toBe(
    [
      'Title',
      'One bold and code, <b>markup</b> & more\nwith a second line.',
      'a\tb\n1\t2',
      'if (1 < 2) go()',
      '• one\n  • inner\n• ☑ done',
      '3. three',
      'quoted',
      'a link, no link, a picture',
      'x^2 of named\nand more',
    ].join('\n\n'),
  )
})
