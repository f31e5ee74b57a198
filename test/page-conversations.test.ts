import type { BrowserContext, Page, Request } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { MODEL, type PageStack, send, startPageStack, untilDone } from './setup/page-stack.ts'
import { openSession } from './setup/session.ts'

const UNDO_MS = 6000

let running: PageStack
let context: BrowserContext
let page: Page

beforeAll(async () => {
  running = await startPageStack()
}, 120_000)
afterAll(() => running?.stop(), 60_000)

function visit({ clock = false } = {}): void {
  beforeEach(async () => {
    context = await running.newVisitor({ clock })
    page = await context.newPage()
    await open(page)
    await page.getByText('No conversations yet.').waitFor()
  })
  afterEach(() => context.close())
}

const open = (tab: Page, path = '') => tab.goto(running.stack.gatewayUrl + path)
const rows = () => page.locator('#conversations > li')
const link = (title: string) => rows().getByRole('link', { name: title, exact: true })
const note = (text: string) => page.locator('#conversations-note', { hasText: text })
const search = () => page.getByLabel('Search conversations')
const titles = () => page.locator('#conversations > li > a').allTextContents()
/** A busy machine takes its time. */
const eventually = <T>(look: () => T | Promise<T>) => expect.poll(look, { timeout: 15_000 })
const query = (request: Request) => new URL(request.url()).searchParams
const focused = () => page.evaluate(() => document.activeElement?.textContent)

/** Puts conversations of this visitor there, each a minute older than the one before. */
async function given(...names: string[]): Promise<void> {
  const cookie = (await context.cookies()).find(({ name }) => name === 'visitor')
  await running.stack.database.query(
    `WITH made AS (
       INSERT INTO conversations (id, owner, title, turns, created_at, updated_at)
       SELECT gen_random_uuid(), $1, name, 1, at, at
       FROM unnest($2::text[]) WITH ORDINALITY AS given (name, place),
         LATERAL (SELECT now() - place * interval '1 minute' AS at)
       RETURNING *)
     INSERT INTO batches (id, conversation_id, owner, turn, user_prompt, mode, traceparent,
       total_tasks, open_tasks, cancelled_tasks, created_at, finished_at)
     SELECT gen_random_uuid(), id, owner, 1, title, 'text', '', 1, 0, 1, created_at, created_at
     FROM made`,
    [`visitor:${cookie?.value.slice(0, 36)}`, names],
  )
  await page.reload()
  await link(names[0]!).waitFor()
}

/** What was asked of the API from now on, by method and by what stands in the address. */
function requests(method: string, part: string): Request[] {
  const seen: Request[] = []
  context.on('request', (request) => {
    if (request.method() === method && request.url().includes(part)) seen.push(request)
  })
  return seen
}

/** From now on, time goes by for the page only as a test says. It cannot be stopped in the past. */
async function stopClock(): Promise<void> {
  await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 5000)
}

/** Deletes it as another tab does: without a word to this one. */
async function deleteElsewhere(title: string): Promise<void> {
  const address = await link(title).getAttribute('href')
  const id = address?.split('/').at(-1)
  const status = await page.evaluate(
    async (path) => (await fetch(path, { method: 'DELETE' })).status,
    `/v1/conversations/${id}`,
  )
  expect(status).toBe(204)
}

async function act(title: string, action: string): Promise<void> {
  await page.getByRole('button', { name: `Actions for “${title}”` }).click()
  await page.getByRole('button', { name: action, exact: true }).click()
}

describe('the list of conversations', () => {
  visit()

  test('begins with the newest, which is the one that was asked last', async () => {
    await given('Second', 'Third')
    await send(page, 'First')
    await eventually(titles).toEqual(['First', 'Second', 'Third'])
    await link('Third').click()
    await send(page, 'Once more')
    await eventually(titles).toEqual(['Third', 'First', 'Second'])
  })

  test('says that nothing was found, or is there, only of what was looked for', async () => {
    await given('Blue whales')
    await search().fill('unicorns')
    await note('No conversation contains “unicorns”.').waitFor()
    const said = await page.evaluateHandle(() => {
      const line = document.querySelector('#conversations-note')!
      const texts: string[] = []
      const observer = new MutationObserver(() => texts.push(line.textContent ?? ''))
      observer.observe(line, { childList: true, characterData: true, subtree: true })
      return texts
    })
    await search().fill('')
    await eventually(titles).toEqual(['Blue whales'])
    expect((await said.jsonValue()).filter((text) => text !== '')).toEqual([])
  })

  test('shows the answer to the last search, though an older one comes later', async () => {
    const names = Array.from({ length: 60 }, (_, i) => `Talk ${i}`)
    await given(...names)
    const { promise, resolve: letGo } = Promise.withResolvers<void>()
    const late: Promise<unknown>[] = []
    await page.route(/cursor=|search=Talk&?$/, async (route) => {
      const { promise: tried, resolve } = Promise.withResolvers<void>()
      late.push(tried)
      const response = await route.fetch()
      await promise
      // It may have been broken off.
      await route.fulfill({ response }).catch(() => {})
      resolve()
    })
    await page.getByRole('button', { name: 'More' }).click()
    await eventually(() => late.length).toBe(1)
    await search().fill('Talk')
    await eventually(() => late.length).toBe(2)
    await search().fill('Talk 57')
    await eventually(titles).toEqual(['Talk 57'])
    letGo()
    await Promise.all(late)
    // Whatever came has been drawn by then.
    await page.evaluate(() => new Promise(requestAnimationFrame))
    expect(await titles()).toEqual(['Talk 57'])
  })

  test('brings the rest by More, each once, also after a new one has come in', async () => {
    const names = Array.from({ length: 120 }, (_, i) => `Talk ${i}`)
    await given(...names)
    expect(await titles()).toEqual(names.slice(0, 50))
    const more = page.getByRole('button', { name: 'More' })
    await more.click()
    await eventually(() => rows().count()).toBe(100)
    expect(await focused()).toBe('More')
    await send(page, 'A new one')
    await eventually(() => rows().count()).toBe(101)
    await more.click()
    await eventually(() => rows().count()).toBe(121)
    expect(await titles()).toEqual(['A new one', ...names])
    expect(await more.isVisible()).toBe(false)
    // The button had the focus.
    expect(await focused()).toBe('Talk 100')
  })

  test('loses what was deleted elsewhere when it is read again', async () => {
    await given('One', 'Two', 'Three')
    await deleteElsewhere('Two')
    await deleteElsewhere('Three')
    await send(page, 'A new one')
    await eventually(titles).toEqual(['A new one', 'One'])
  })

  test('loses what was deleted elsewhere, and nothing that is further down', async () => {
    const names = Array.from({ length: 120 }, (_, i) => `Talk ${i}`)
    await given(...names)
    const more = page.getByRole('button', { name: 'More' })
    await more.click()
    await eventually(() => rows().count()).toBe(100)
    await deleteElsewhere('Talk 7')
    await send(page, 'A new one')
    const left = names.filter((name) => name !== 'Talk 7')
    await eventually(titles).toEqual(['A new one', ...left.slice(0, 99)])
    await more.click()
    await eventually(titles).toEqual(['A new one', ...left])
  })

  test('is renamed by the menu, by a double click and by F2', async () => {
    await given('Blue', 'Red')
    const field = page.getByLabel('New title')
    const patches = requests('PATCH', '/v1/conversations/')

    await act('Red', 'Rename')
    expect(await field.evaluate((box: HTMLInputElement) => box === document.activeElement)).toBe(
      true,
    )
    await page.keyboard.type('Pandas')
    await page.keyboard.press('Enter')
    await eventually(titles).toEqual(['Blue', 'Pandas'])
    await eventually(focused).toBe('Pandas')

    await link('Blue').dblclick()
    await page.keyboard.type('Whales')
    await page.keyboard.press('Enter')
    await eventually(titles).toEqual(['Whales', 'Pandas'])
    await eventually(focused).toBe('Whales')
    expect(patches).toHaveLength(2)

    for (const [typed, key] of [
      ['Changed my mind', 'Escape'],
      ['   ', 'Enter'],
    ] as const) {
      await link('Whales').press('F2')
      await field.fill(typed)
      await page.keyboard.press(key)
      await eventually(focused).toBe('Whales')
    }
    expect(patches).toHaveLength(2)

    await link('Pandas').press('F2')
    await field.fill('Left')
    await page.getByLabel('Prompt', { exact: true }).click()
    await link('Left').waitFor()
    await page.evaluate(() => new Promise(requestAnimationFrame))
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('prompt')
    await eventually(() => patches.length).toBe(3)
    await page.reload()
    await eventually(titles).toEqual(['Whales', 'Left'])
  })

  test('shows the old title again where the new one is refused', async () => {
    await given('Blue')
    await page.route('**/v1/conversations/*', (route) =>
      route.request().method() === 'PATCH'
        ? route.fulfill({
            status: 503,
            json: { error: { code: 'unavailable', message: 'The database is away.' } },
          })
        : route.continue(),
    )
    await link('Blue').press('F2')
    await page.keyboard.type('Red')
    await page.keyboard.press('Enter')
    await note('The database is away.').waitFor()
    expect(await titles()).toEqual(['Blue'])
  })

  test('says nothing of a prompt where there is no network for a new title', async () => {
    await given('Blue')
    await context.setOffline(true)
    await link('Blue').press('F2')
    await page.keyboard.type('Red')
    await page.keyboard.press('Enter')
    await note('You are offline. Try again when you are back.').waitFor()
    expect(await titles()).toEqual(['Blue'])
  })

  test('gives each as a file, as Markdown and as JSON', async () => {
    running.models.answer(() => [{ text: 'By a miracle.' }])
    await send(page, 'How?')
    await untilDone(page, 1)
    for (const [format, name] of [
      ['Markdown', 'How .md'],
      ['JSON', 'How .json'],
    ]) {
      const saved = page.waitForEvent('download')
      await page.getByRole('button', { name: 'Actions for “How?”' }).click()
      await page.getByRole('link', { name: `Save as ${format}` }).click()
      const download = await saved
      expect(download.suggestedFilename().replace(/\s*\./, ' .')).toBe(name)
      const chunks = await (await download.createReadStream()).toArray()
      expect(Buffer.concat(chunks).toString()).toContain('By a miracle.')
      await page.keyboard.press('Escape')
    }
  })
})

describe('the search', () => {
  visit({ clock: true })

  test('finds by title and by prompt, and asks once for a word that is typed', async () => {
    await given('Blue whales', 'Red pandas')
    await link('Red pandas').click()
    await send(page, 'What do they eat?')
    const asked = requests('GET', '/v1/conversations?')
    await stopClock()
    for (const letter of 'whales') {
      await search().press(letter)
      await page.clock.runFor(100)
    }
    await page.clock.resume()
    await eventually(titles).toEqual(['Blue whales'])
    expect(asked.map((request) => query(request).get('search'))).toEqual(['whales'])
    await search().fill('THEY EAT')
    await eventually(titles).toEqual(['Red pandas'])
    await search().fill('unicorns')
    await note('No conversation contains “unicorns”.').waitFor()
    expect(await titles()).toEqual([])
  })
})

describe('a deleted conversation', () => {
  visit({ clock: true })

  test('is gone at once, and comes back by its own Undo, for six seconds', async () => {
    await given('One', 'Two', 'Three', 'Four')
    await stopClock()
    const deletes = requests('DELETE', '/v1/conversations/')
    await act('Two', 'Delete')
    expect(await titles()).toEqual(['One', 'Three', 'Four'])
    await eventually(focused).toBe('Three')
    await page.clock.runFor(UNDO_MS / 2)
    await act('Four', 'Delete')
    expect(await titles()).toEqual(['One', 'Three'])
    await eventually(focused).toBe('Three')
    await page.clock.runFor(UNDO_MS / 2 - 100)
    const toast = (title: string) => page.locator('.toast', { hasText: `“${title}” is deleted.` })
    await toast('Two').getByRole('button', { name: 'Undo' }).click()
    await page.clock.runFor(100)
    await eventually(titles).toEqual(['One', 'Two', 'Three'])
    await eventually(focused).toBe('Two')
    await toast('Four').waitFor()
    expect(deletes).toHaveLength(0)
    await page.clock.runFor(UNDO_MS / 2)
    await toast('Four').waitFor({ state: 'detached' })
    await page.clock.resume()
    await page.reload()
    await eventually(titles).toEqual(['One', 'Two', 'Three'])
    expect(deletes).toHaveLength(1)
  })

  test('that was open gives way to a new chat', async () => {
    await given('Older')
    await send(page, 'Open')
    await link('Open').waitFor()
    await stopClock()
    await act('Open', 'Delete')
    await page.getByText('Ask several models at once').waitFor()
    expect(page.url()).toMatch(/#\/$/)
    await eventually(titles).toEqual(['Older'])
    await page.getByRole('button', { name: 'Undo' }).click()
    await eventually(titles).toEqual(['Open', 'Older'])
    await page.clock.resume()
    await link('Open').click()
    await page.locator('.prompt', { hasText: 'Open' }).waitFor()
  })

  test('comes back, with the reason, where the server does not delete it', async () => {
    await given('Blue', 'Red')
    running.stack.sql.down = true
    try {
      await act('Blue', 'Delete')
      await page.clock.runFor(UNDO_MS)
      await page
        .getByRole('alert')
        .filter({ hasText: /database|later|again/i })
        .waitFor()
    } finally {
      running.stack.sql.down = false
    }
    expect(await titles()).toEqual(['Blue', 'Red'])
  })

  test.each(['another page', 'a closed tab'])('is deleted by leaving for %s', async (where) => {
    await given('Blue', 'Red')
    await act('Blue', 'Delete')
    const left = async () => {
      const sql = "SELECT 1 FROM conversations WHERE title = 'Blue' AND owner LIKE $1"
      const cookie = (await context.cookies()).find(({ name }) => name === 'visitor')
      return running.stack.database.query(sql, [`%${cookie?.value.slice(0, 36)}`])
    }
    expect(await left()).toHaveLength(1)
    if (where === 'a closed tab') await page.close({ runBeforeUnload: true })
    else await page.goto('about:blank')
    await eventually(left).toEqual([])
  })

  test('is not listed by a reload, however long the server takes', async () => {
    await given('Blue', 'Red')
    const session = await openSession(running.stack.database)
    await session.query("BEGIN; SELECT FROM conversations WHERE title = 'Blue' FOR UPDATE")
    await act('Blue', 'Delete')
    await page.reload()
    await link('Red').waitFor()
    expect(await titles()).toEqual(['Red'])
    const gone = page.waitForResponse((response) => response.request().method() === 'DELETE')
    await session.query('COMMIT')
    await gone
    await page.reload()
    await link('Red').waitFor()
    expect(await titles()).toEqual(['Red'])
  })
})

describe('the address of a conversation', () => {
  visit()

  test('opens it for its visitor, and nobody else', async () => {
    await send(page, 'For my eyes only')
    await untilDone(page, 1)
    const tab = await context.newPage()
    await tab.goto(page.url())
    await tab.locator('.prompt', { hasText: 'For my eyes only' }).waitFor()
    await untilDone(tab, 1)

    const bare = await context.newPage()
    await open(bare, '/')
    await bare.locator('.prompt', { hasText: 'For my eyes only' }).waitFor()
    expect(bare.url()).toBe(page.url())

    const stranger = await running.newVisitor()
    try {
      const other = await stranger.newPage()
      await other.goto(page.url())
      await other.getByRole('alert').filter({ hasText: 'does not exist' }).waitFor()
      expect(await other.getByText('Ask several models at once').isVisible()).toBe(false)
      expect(await other.locator('.prompt').count()).toBe(0)
    } finally {
      await stranger.close()
    }
  })

  test('shows the same in two tabs, and both follow the answer', async () => {
    const { promise, resolve: goOn } = Promise.withResolvers<void>()
    running.models.answer(() => [{ text: 'So f' }, { until: promise }, { text: 'ar' }])
    await send(page, 'First')
    const other = await context.newPage()
    await other.goto(page.url())
    await other.locator('.prompt', { hasText: 'First' }).waitFor()
    await send(page, 'Second')
    await other.reload()
    await other.locator('.prompt', { hasText: 'Second' }).waitFor()
    for (const tab of [page, other]) {
      await tab.locator('.answer', { hasText: 'So f' }).nth(1).waitFor()
      expect(await tab.locator('.card[data-state=done]').count()).toBe(0)
    }
    goOn()
    for (const tab of [page, other]) {
      await untilDone(tab, 2)
      expect(await tab.locator('.answer', { hasText: 'So far' }).count()).toBe(2)
    }
    expect(await other.getByRole('heading', { name: MODEL }).count()).toBe(2)
  })
})
