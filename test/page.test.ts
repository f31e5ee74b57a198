import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Locator, Page, Request } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { buildPage } from '../edge/page/build.ts'
import { launchChromium } from './chromium.ts'
import { askModels, chooseModels } from './setup/page-user.ts'
import { PNG } from './setup/pictures.ts'
import { png } from './setup/sample-files.ts'
import { type StackOptions, startStack } from './stack.ts'

const THREE = ['gemini-2.5-flash', 'deepseek-r1:1.5b', 'qwen3:1.7b']
const ANSWERED_MS = 40_000

let stack: Awaited<ReturnType<typeof startStack>>
let browser: Browser
let context: BrowserContext
let page: Page
let complaints: string[]

beforeAll(async () => {
  await buildPage({ outDir: fileURLToPath(new URL('../edge/page/dist', import.meta.url)) })
  browser = await launchChromium()
}, 120_000)
afterAll(() => browser?.close())

function useStack(options: StackOptions = {}): void {
  beforeAll(async () => {
    stack = await startStack({ workerSettings: { PARTIAL_MS: '200' }, ...options })
  }, 120_000)
  afterAll(() => stack?.stop(), 60_000)
}

beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  page = await context.newPage()
  complaints = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('request', (request) => {
    if (
      !request
        .url()
        .replace(/^blob:/, '')
        .startsWith(stack.gatewayUrl)
    )
      complaints.push(request.url().slice(0, 200))
  })
  await page.goto(stack.gatewayUrl)
})
afterEach(async () => {
  await context.close()
})

const prompt = () => page.getByLabel('Prompt', { exact: true })
const cards = () => page.locator('.card')
const card = (model: string, batch = 0) =>
  page.locator('.batch').nth(batch).getByRole('region', { name: model, exact: true })
const answer = (of: Locator) => of.locator('.answer')

const choose = (models: string[]) => chooseModels(page, models)
const send = (text: string, models = THREE) => askModels(page, text, models)

async function untilDone(count: number): Promise<void> {
  await expect
    .poll(() => page.locator('.card[data-state=done]').count(), { timeout: ANSWERED_MS })
    .toBe(count)
}

// An answer is written for many seconds here, and grows many times: a slow machine must see that too.
describe('while models write, the chat page', { timeout: 120_000 }, () => {
  useStack({ wordMs: 90 })

  test('sends to three models, shows text as it is written, and then all answers', async () => {
    await page.getByText('Ask several models at once').waitFor()
    await send('Why is the sky blue?')
    await expect.poll(() => cards().count()).toBe(3)

    const writing = page.locator('.card[data-state=writing] .answer').first()
    await writing.waitFor({ timeout: ANSWERED_MS })
    const part = (await writing.textContent()) ?? ''
    expect(part).not.toBe('')
    const name = (await page.locator('.card[data-state=writing] h3').first().textContent()) ?? ''
    // The node must be the same one, longer: a new one would take the reader's selection away.
    const node = await answer(card(name)).elementHandle()
    await expect
      .poll(
        () =>
          answer(card(name))
            .textContent()
            .then((text) => text?.length ?? 0),
        {
          timeout: ANSWERED_MS,
        },
      )
      .toBeGreaterThan(part.length)
    await untilDone(3)
    expect(await node?.evaluate((element) => element.isConnected)).toBe(true)
    expect(await answer(card(name)).textContent()).toMatch(part.slice(0, 20))

    for (const model of THREE) {
      expect(await answer(card(model)).textContent()).not.toBe('')
      expect(await card(model).locator('.time').textContent()).toMatch(/^\d+\.\d s$/)
    }
    expect(complaints).toEqual([])
  })

  test('picks running answers up again after a reload, and after a visit without address', async () => {
    await send('What does a reload lose?')
    await page.locator('.card[data-state=writing]').first().waitFor({ timeout: ANSWERED_MS })
    await page.reload()
    await expect.poll(() => cards().count()).toBe(3)
    await untilDone(3)
    await page.goto('about:blank')
    await page.goto(stack.gatewayUrl)
    await untilDone(3)
    expect(await page.locator('.prompt').textContent()).toBe('What does a reload lose?')
    // The choice of models was remembered as well.
    expect(await page.locator('input[name=model]:checked').count()).toBe(3)
    expect(complaints).toEqual([])
  })

  test('leaves a reader who has scrolled up where they are', async () => {
    await page.setViewportSize({ width: 900, height: 420 })
    await send('First, something to scroll')
    await untilDone(3)
    await send('Second, something that grows')
    await page.locator('.card[data-state=writing]').first().waitFor({ timeout: ANSWERED_MS })
    const thread = page.locator('#thread')
    await thread.evaluate((box) => box.scrollTo(0, 0))
    await untilDone(6)
    expect(await thread.evaluate((box) => box.scrollHeight > box.clientHeight)).toBe(true)
    expect(await thread.evaluate((box) => box.scrollTop)).toBe(0)
  })

  test('waits for changes at the server, one request at a time, and follows its hint elsewhere', async () => {
    let open = 0
    const sent: Record<string, string>[] = []
    const isPoll = (request: Request) => request.url().includes('/v1/batches/')
    page.on('request', (request) => {
      if (!isPoll(request)) return
      sent.push(request.headers())
      expect(++open).toBe(1)
    })
    page.on('requestfinished', (request) => {
      if (isPoll(request)) open--
    })
    await send('Who waits?', ['qwen3:1.7b'])
    await untilDone(1)
    const [first, ...later] = sent
    expect([first?.prefer, first?.['if-none-match']]).toEqual([undefined, undefined])
    expect(later.length).toBeGreaterThan(2)
    for (const headers of later) {
      expect(headers).toMatchObject({ prefer: 'wait=25', 'if-none-match': expect.any(String) })
    }

    // As by a server that knows of no waiting: it would be asked at once, over and over.
    await page.route('**/v1/batches/*', async (route) => {
      const headers = route.request().headers()
      delete headers.prefer
      const response = await route.fetch({ headers })
      await route.fulfill({ response })
    })
    sent.length = 0
    await send('And who does not?', ['qwen3:1.7b'])
    await untilDone(2)
    const took = Number.parseFloat((await card('qwen3:1.7b', 1).locator('.time').textContent())!)
    expect(sent.length).toBeLessThan(took + 5)
    expect(complaints).toEqual([])
  })

  test('says so while the connection is lost, and catches up', async () => {
    await send('Through a tunnel')
    await cards().first().waitFor()
    await context.setOffline(true)
    await page.getByText('You are offline.').waitFor()
    await context.setOffline(false)
    await untilDone(3)
    await expect.poll(() => page.getByText('You are offline.').isVisible()).toBe(false)
  })

  test('does not poll while the tab is hidden', async () => {
    const show = (state: string) =>
      page.evaluate((visibility) => {
        Object.defineProperty(document, 'visibilityState', {
          value: visibility,
          configurable: true,
        })
        document.dispatchEvent(new Event('visibilitychange'))
      }, state)
    await send('Out of sight')
    await cards().first().waitFor()
    await show('hidden')
    await page.waitForTimeout(300)
    let polls = 0
    page.on('request', (request) => {
      if (request.url().includes('/v1/batches/')) polls += 1
    })
    await page.waitForTimeout(3000)
    expect(polls).toBe(0)
    await show('visible')
    await untilDone(3)
    expect(polls).toBeGreaterThan(0)
  })
})

describe('the chat page', { timeout: 60_000 }, () => {
  useStack()

  test('goes on with the conversation, lists it, and asks no more once all has ended', async () => {
    await send('The first question')
    await untilDone(3)
    const address = page.url()
    expect(address).toMatch(/#\/c\/[0-9a-f-]{36}$/)
    await send('The second question', ['qwen3:1.7b'])
    await untilDone(4)
    expect(page.url()).toBe(address)
    await page.getByRole('navigation').getByRole('link', { name: 'The first question' }).waitFor()

    const polls: string[] = []
    page.on('request', (request) => {
      if (request.url().includes('/v1/batches/')) polls.push(request.url())
    })
    await page.waitForTimeout(2500)
    expect(polls).toEqual([])

    await page.getByRole('button', { name: 'New chat' }).click()
    await page.getByText('Ask several models at once').waitFor()
    expect(await cards().count()).toBe(0)
    await page.goBack()
    await untilDone(4)
    expect(complaints).toEqual([])
  })

  test('a tab whose session request is stuck keeps no other tab from getting in', async () => {
    let sessions = 0
    const picker = (tab: Page) => tab.locator('#models', { hasText: '3 models' })
    await picker(page).waitFor()
    await context.route('**/v1/session', async (route) => {
      // The first one is never answered.
      if (++sessions > 1) await route.continue()
    })
    await page.reload()
    await expect.poll(() => sessions).toBe(1)
    const other = await context.newPage()
    await other.goto(stack.gatewayUrl)
    for (const tab of [other, page]) {
      await picker(tab).waitFor({ timeout: ANSWERED_MS })
    }
  })

  test('asks Gemini twice when the switch is on', async () => {
    await choose(['qwen3:1.7b'])
    expect(await page.getByRole('switch', { name: 'Gemini ×2' }).isVisible()).toBe(false)
    await choose(['gemini-2.5-flash'])
    await page.getByRole('switch', { name: 'Gemini ×2' }).check()
    await send('Twice, please', ['gemini-2.5-flash'])
    await card('gemini-2.5-flash (#1)').waitFor()
    await card('gemini-2.5-flash (#2)').waitFor()
    await untilDone(2)
  })

  test('says what is wrong and keeps the prompt', async () => {
    await choose([])
    await prompt().fill('To nobody')
    await prompt().press('Enter')
    await page.getByRole('alert').filter({ hasText: 'Choose at least one model.' }).waitFor()

    await choose(['qwen3:1.7b'])
    await prompt().fill('With a \u0000 in it')
    await page.getByRole('button', { name: 'Send' }).click()
    await page.getByRole('alert').filter({ hasText: 'NUL' }).waitFor()
    expect(await prompt().inputValue()).toBe('With a \u0000 in it')

    await context.setOffline(true)
    await prompt().fill('Into the void')
    await page.getByRole('button', { name: 'Send' }).click()
    await page
      .getByRole('alert')
      .filter({ hasText: 'You are offline. Your prompt is kept' })
      .waitFor()
    expect(await prompt().inputValue()).toBe('Into the void')
    await context.setOffline(false)
    await page.getByRole('button', { name: 'Send' }).click()
    await page.locator('.prompt', { hasText: 'Into the void' }).waitFor()
    await expect.poll(() => page.getByRole('alert').isVisible()).toBe(false)
  })

  test('attaches files, shows their pictures, and gives the rest to save', async () => {
    const red = { name: 'red.png', mimeType: 'image/png', buffer: png([200, 40, 40], 320, 200) }
    const notes = { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('Some notes') }
    const chips = page.getByRole('list', { name: 'Attached files' }).getByRole('listitem')
    await choose(['gemini-2.5-flash'])
    await page
      .locator('#files')
      .setInputFiles([red, notes, { ...notes, name: 'other.txt', buffer: Buffer.from('Others') }])
    expect(await chips.allInnerTexts()).toEqual([
      expect.stringMatching(/^red\.png\s+\d+ B$/),
      expect.stringMatching(/^notes\.txt\s+10 B$/),
      expect.stringMatching(/^other\.txt/),
    ])
    await page.getByRole('button', { name: 'Remove other.txt' }).click()
    await send('What do you see?', ['gemini-2.5-flash'])
    const files = page.getByRole('list', { name: 'Files of the prompt' })
    const picture = files.getByRole('img', { name: 'red.png' })
    const width = () => picture.evaluate((image) => (image as HTMLImageElement).naturalWidth)
    await expect.poll(width).toBe(320)
    expect(await chips.count()).toBe(0)
    const saved = page.waitForEvent('download')
    await files.getByRole('link', { name: 'notes.txt' }).click()
    expect((await saved).suggestedFilename()).toBe('notes.txt')
    await untilDone(1)

    // As a worker keeps a picture that a model made.
    const taken = await stack.database.query(
      `INSERT INTO task_files SELECT t.id, f.file_id, 1, 'made.png' FROM tasks t
       JOIN batch_files f ON f.batch_id = t.batch_id AND f.name = 'red.png' RETURNING task_id`,
    )
    expect(taken).toHaveLength(1)
    await page.reload()
    const made = card('gemini-2.5-flash').getByRole('img', { name: 'made.png' })
    await made.waitFor()
    await expect.poll(width).toBe(320)
    expect(complaints).toEqual([])
  })

  test('takes files that are dropped or pasted, and keeps them where the prompt is refused', async () => {
    await choose(['deepseek-r1:1.5b'])
    const chips = page.getByRole('list', { name: 'Attached files' }).getByRole('listitem')
    for (const [selector, event, name] of [
      ['body', 'drop', 'dropped.png'],
      ['#prompt', 'paste', 'pasted.txt'],
    ] as const) {
      await page.locator(selector).evaluate(
        (target, { event, name, bytes }) => {
          const data = new DataTransfer()
          data.items.add(new File([new Uint8Array(bytes)], name))
          const init = { bubbles: true, cancelable: true }
          const made =
            event === 'drop'
              ? new DragEvent('drop', { ...init, dataTransfer: data })
              : new ClipboardEvent('paste', { ...init, clipboardData: data })
          target.dispatchEvent(made)
        },
        { event, name, bytes: name.endsWith('png') ? [...PNG] : [104, 105] },
      )
    }
    expect(await chips.count()).toBe(2)
    await prompt().fill('Look at these')
    await prompt().press('Enter')
    await page
      .getByRole('alert')
      .filter({ hasText: '"dropped.png" cannot be sent to deepseek-r1:1.5b' })
      .waitFor()
    expect(await prompt().inputValue()).toBe('Look at these')
    expect(await chips.count()).toBe(2)
    await page.getByRole('button', { name: 'Remove dropped.png' }).click()
    await prompt().press('Enter')
    await page.getByRole('link', { name: 'pasted.txt' }).waitFor()

    const many = Array.from({ length: 11 }, (_, i) => ({
      name: `${i}.txt`,
      mimeType: 'text/plain',
      buffer: Buffer.from('hi'),
    }))
    await page.locator('#files').setInputFiles(many)
    await page.getByRole('alert').filter({ hasText: 'at most 10 files' }).waitFor()
    expect(await chips.count()).toBe(10)
  })

  test('asks for a picture where a chosen model makes one', async () => {
    await choose(['qwen3:1.7b'])
    const toggle = page.getByRole('radio', { name: 'Picture' })
    expect(await toggle.isVisible()).toBe(false)
    await choose(['gemini-2.5-flash-image', 'qwen3:1.7b'])
    await toggle.check()
    await prompt().fill('A red square')
    await prompt().press('Enter')
    await page.getByRole('alert').filter({ hasText: 'cannot make pictures: qwen3:1.7b' }).waitFor()
    const sent = page.waitForRequest(/chat\/completions/)
    await send('A red square', ['gemini-2.5-flash-image'])
    expect((await sent).postDataJSON()).toMatchObject({ mode: 'image' })
  })

  test('shows markup in prompts, titles and answers as text', async () => {
    const markup = '<img src=x onerror="alert(1)"><script>alert(2)</script>'
    await page.route('**/v1/batches/*', async (route) => {
      const response = await route.fetch()
      if (response.status() === 304) return route.fulfill({ response })
      const batch = await response.json()
      for (const result of batch.results) {
        Object.assign(result, { response_text: markup, reasoning_text: markup })
        if (result.status === 1) Object.assign(result, { status: 2, error_msg: markup })
      }
      await route.fulfill({ response, json: batch })
    })
    await send(markup, ['qwen3:1.7b'])
    await page.locator('.card[data-state=failed]').waitFor({ timeout: ANSWERED_MS })
    expect(await page.locator('.prompt').textContent()).toBe(markup)
    expect(await answer(card('qwen3:1.7b')).textContent()).toBe(markup)
    expect(await card('qwen3:1.7b').locator('.error').textContent()).toBe(markup)
    await page.getByRole('navigation').getByText('<img src=x').first().waitFor()
    expect(await page.locator('.thread .batch img, nav img, body script').count()).toBe(0)
    expect(complaints).toEqual([])
  })

  test('fits a screen of 320 px, whatever the words', async () => {
    await page.setViewportSize({ width: 320, height: 640 })
    await send(`${'Donaudampfschifffahrt'.repeat(12)} https://example.org/${'a'.repeat(300)}`)
    await untilDone(3)
    const wide = () => page.evaluate(() => document.scrollingElement?.scrollWidth)
    expect(await wide()).toBe(320)
    const thread = page.locator('#thread')
    expect(await thread.evaluate((box) => box.scrollWidth - box.clientWidth)).toBe(0)

    const menu = page.getByRole('button', { name: 'Conversations' })
    await menu.click()
    await page.getByRole('button', { name: 'New chat' }).waitFor()
    expect(await wide()).toBe(320)
    await page.keyboard.press('Escape')
    await expect.poll(() => menu.getAttribute('aria-expanded')).toBe('false')
    await expect.poll(() => menu.evaluate((button) => button === document.activeElement)).toBe(true)
  })

  test('shows the API docs under the same strict policy', async () => {
    const response = await page.goto(`${stack.gatewayUrl}/docs/`)
    expect(response?.headers()['content-security-policy']).toContain("default-src 'none'")
    await page.getByText('Async-Chat').first().waitFor()
    await page.locator('.opblock').first().waitFor()
    expect(complaints).toEqual([])
  })
})

describe('where visitors are not let in, the chat page', { timeout: 60_000 }, () => {
  useStack({ workers: 0, gatewaySettings: { VISITORS: 'off' } })

  test('says so, and asks no more to be let in before it is loaded anew', async () => {
    let sessions = 0
    const says = (note: string) =>
      page.locator(note, { hasText: 'This server lets no visitors in' }).waitFor()
    await says('#conversations-note')
    context.on('request', (request) => {
      if (request.url().endsWith('/v1/session')) sessions++
    })
    await page.reload()
    await says('#conversations-note')
    await says('#models-note')
    await page.goto(`${stack.gatewayUrl}/#/c/01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f`)
    await page.getByRole('alert').filter({ hasText: 'This server lets no visitors in' }).waitFor()
    expect(sessions).toBe(1)
  })
})
