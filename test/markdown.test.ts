import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildPage } from '../edge/page/build.ts'
import { launchChromium } from './chromium.ts'
import { type ModelServer, startModelServer } from './setup/model-server.ts'
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
beforeAll(async () => {
  await buildPage({ outDir: fileURLToPath(new URL('../edge/page/dist', import.meta.url)) })
  models = await startModelServer()
  stack = await startStack({ models, workerSettings: { PARTIAL_MS: '100' } })
  browser = await launchChromium()
  page = await browser.newPage()
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await stack?.stop()
  await models?.close()
})

test('an answer is shown as Markdown, and grows without losing what the reader has selected', async () => {
  const { promise: selected, resolve: goOn } = Promise.withResolvers<void>()
  models.answer(() => [{ text: FIRST }, { until: selected }, { text: REST }])
  await page.goto(stack.gatewayUrl)
  await page.locator('input[name=model]').first().waitFor()
  for (const box of await page.locator('input[name=model]').all()) {
    await box.setChecked((await box.inputValue()) === MODEL)
  }
  await page.getByLabel('Prompt', { exact: true }).fill('Show me')
  await page.getByLabel('Prompt', { exact: true }).press('Enter')
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
