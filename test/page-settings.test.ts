import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { lookAt, PAGE_STATES, reachState } from './setup/page-states.ts'
import { usePage } from './setup/use-page.ts'

/** Names, and what is written alike in every language. */
const NAMES =
  /\b(?:Async-Chat|API|Gemini|Markdown|JSON|PDF|English|Enter|Shift|Ctrl|Esc|(?:gemini|deepseek|qwen)[\w.:-]*|(?:tsx?|typescript|python)|\d+ (?:B|kB|MB))(?![\w])|[^\s“]+\.(?:txt|png)/g

const used = usePage({ viewport: { width: 320, height: 640 }, locale: 'en-GB' })
const lang = (page: Page) => page.locator('html').getAttribute('lang')
const ground = (page: Page) =>
  page.locator('#app').evaluate((app) => getComputedStyle(app).backgroundColor)
const LIGHT = 'rgb(245, 246, 248)'
const DARK = 'rgb(18, 20, 25)'

async function choose(page: Page, name: string): Promise<void> {
  if (!(await page.locator('#settings').isVisible())) {
    await page.locator('[popovertarget=settings]').click()
  }
  await page.getByRole('radio', { name, exact: true }).check()
}

describe('the language', { timeout: 60_000 }, () => {
  test.each([
    ['zh-CN', 'zh-CN', '同时询问多个模型'],
    ['fr-FR', 'en', 'Ask several models at once'],
  ])('is that of the browser, where the page speaks it: %s', async (locale, expected, welcome) => {
    const page = await used.newPage({ locale })
    await page.goto(used.url)
    await page.getByText(welcome).waitFor()
    expect(await lang(page)).toBe(expected)
  })

  test('is switched in the page as it stands, and remembered', async () => {
    const { page } = used
    await reachState(page, used.url, used.made, 'thoughts')
    const card = await page.locator('.card').first().elementHandle()
    const cardText = () => page.locator('.card .answer').first().textContent()
    const answer = await cardText()
    await page.locator('#prompt').fill('A draft, half writ')
    await page
      .locator('#files')
      .setInputFiles([{ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('a') }])
    await page.locator('.attachment[data-state=stored]').waitFor()

    await choose(page, '中文')
    await page.getByRole('button', { name: '发送' }).waitFor()
    expect(await lang(page)).toBe('zh-CN')
    expect(await page.evaluate(() => document.activeElement?.getAttribute('value'))).toBe('zh')
    expect(await page.locator('#settings').isVisible()).toBe(true)
    expect(await page.locator('#prompt').inputValue()).toBe('A draft, half writ')
    expect(await page.locator('.attachment').count()).toBe(1)
    expect(await card?.evaluate((element) => element.isConnected)).toBe(true)
    expect(await cardText()).toBe(answer)
    expect(await page.locator('.reasoning[open]').count()).toBe(1)

    await page.reload()
    await page.getByRole('button', { name: '发送' }).waitFor()
    expect(await page.locator('#prompt').inputValue()).toBe('A draft, half writ')
    await choose(page, 'English')
    expect(await lang(page)).toBe('en')
  })

  test('is the same in another tab, at once', async () => {
    const page = await used.newPage({ locale: 'en-GB' })
    await page.goto(used.url)
    const other = await page.context().newPage()
    await other.goto(used.url)
    await choose(page, '中文')
    await choose(page, '深色')
    await other.locator('html[lang=zh-CN][data-theme=dark]').waitFor()
  })
})

describe('on a screen of 320 px', { timeout: 60_000 }, () => {
  test.each(PAGE_STATES)('nothing is wider, and all is said in one language: %s', async (state) => {
    const { page } = used
    await page.setViewportSize({ width: 320, height: 640 })
    await reachState(page, used.url, used.made, state)
    for (const language of ['zh', 'en'] as const) {
      await lookAt(page, { theme: 'light', language })
      const foreign = language === 'zh' ? /[a-z]{2,}/i : /[\u3000-\u9fff]/
      const said = (await page.evaluate(wordsOfPage)).map((text) => text.replace(NAMES, ''))
      const wrong = said.filter((text) => foreign.test(text.replace('中文', '')))
      expect({ language, wrong }).toEqual({ language, wrong: [] })
      expect(await page.evaluate(() => document.scrollingElement!.scrollWidth)).toBe(320)
      const [inner, outer] = await page
        .locator('#thread')
        .evaluate((box) => [box.scrollWidth, box.clientWidth])
      expect(inner).toBe(outer)
    }
  })
})

/** All that the page says and names, shown or not, without what others have written. */
function wordsOfPage(): string[] {
  const written =
    '.prompt, .reasoning .text, #conversations li > a, .file-name, script, style, .noscript, noscript'
  const found: string[] = []
  for (const element of document.querySelectorAll('body, body *')) {
    if (element.closest(written)) continue
    // In an answer, only what the page has put there.
    const isAnswers = element.closest('.answer') && !element.closest('.answer figcaption')
    const texts = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE)
    if (!isAnswers) found.push(...texts.map((node) => node.textContent ?? ''))
    for (const name of ['aria-label', 'title', 'placeholder', 'alt']) {
      found.push(element.getAttribute(name) ?? '')
    }
  }
  // What is quoted is somebody's, too: a title, or what is searched for.
  return found.map((text) => text.replace(/“[^”]*”/g, '')).filter((text) => text.trim() !== '')
}

describe('the theme', { timeout: 60_000 }, () => {
  test("is the system's until one is chosen, which is remembered", async () => {
    const page = await used.newPage({ colorScheme: 'dark', locale: 'en-GB' })
    await page.goto(used.url)
    await page.locator('#models').waitFor()
    expect(await ground(page)).toBe(DARK)
    await page.emulateMedia({ colorScheme: 'light' })
    expect(await ground(page)).toBe(LIGHT)
    await choose(page, 'Dark')
    expect(await ground(page)).toBe(DARK)
    await page.reload()
    await page.locator('#models').waitFor()
    expect(await ground(page)).toBe(DARK)
    await choose(page, 'System')
    expect(await ground(page)).toBe(LIGHT)
  })

  test('is there before anything is drawn', async () => {
    const page = await used.newPage({ colorScheme: 'light' })
    await page.addInitScript(() => localStorage.setItem('async-chat.theme', 'dark'))
    // The page itself never comes.
    await page.route('**/app.js', () => {})
    await page.goto(used.url, { waitUntil: 'commit' })
    await page.locator('#app').waitFor({ state: 'attached' })
    expect(await ground(page)).toBe(DARK)
    await page.unrouteAll({ behavior: 'ignoreErrors' })
  })
})

describe('the tabs of a phone', { timeout: 60_000 }, () => {
  test('bring their answer into view, follow a swipe, and leave nothing empty below', async () => {
    const { page } = used
    await page.setViewportSize({ width: 390, height: 844 })
    await reachState(page, used.url, used.made, 'done')
    const tabs = page.locator('.tabs button')
    const current = () => page.locator('.tabs [aria-current=true]').textContent()
    const shown = () =>
      page.locator('.cards').evaluate((row) => {
        const { left, bottom } = row.getBoundingClientRect()
        const cards = [...row.children].map((card) => card.getBoundingClientRect())
        const index = cards.findIndex((card) => Math.abs(card.left - left) < 2)
        return { index, fits: Math.abs((cards[index]?.bottom ?? 0) - bottom) < 2 }
      })
    expect(await tabs.count()).toBe(3)
    for (const index of [1, 2, 0]) {
      await tabs.nth(index).click()
      await expect.poll(shown).toEqual({ index, fits: true })
      await expect.poll(current).toBe(await tabs.nth(index).textContent())
    }
    const swipeTo = (index: number) =>
      page.locator('.cards').evaluate((row, to) => {
        row.scrollTo({ left: to * row.clientWidth, behavior: 'smooth' })
      }, index)
    for (const index of [2, 1]) {
      await swipeTo(index)
      await expect.poll(shown).toEqual({ index, fits: true })
      await expect.poll(current).toBe(await tabs.nth(index).textContent())
    }
  })
})
