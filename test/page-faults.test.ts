import { setTimeout as sleep } from 'node:timers/promises'
import type { BrowserContext, Page, Request } from 'playwright-core'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFailed,
  test,
} from 'vitest'
import { MODEL, type PageStack, send, startPageStack, untilDone } from './setup/page-stack.ts'

let running: PageStack
let context: BrowserContext
let page: Page
/** The requests for batches, those that are not answered yet among them, and the most of them at once. */
let polls: Request[]
let pending: Set<Request>
let atOnce: number
/** Lets the models go on with the answers that they have begun. */
let goOn = () => {}

beforeAll(async () => {
  running = await startPageStack({ workers: 0 })
}, 120_000)
afterAll(() => running?.stop(), 60_000)

beforeEach(async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  goOn = resolve
  running.models.answer(() => [{ text: 'So f' }, { until: promise }, { text: 'ar' }])
  context = await running.newVisitor({ clock: true })
  page = await context.newPage()
  watchPolls()
  await page.goto(running.stack.gatewayUrl)
})
afterEach(async () => {
  goOn()
  await context.close()
})

function watchPolls(): void {
  polls = []
  pending = new Set()
  atOnce = 0
  page.on('request', (request) => {
    if (!request.url().includes('/v1/batches/')) return
    polls.push(request)
    pending.add(request)
    atOnce = Math.max(atOnce, pending.size)
  })
  for (const event of ['requestfinished', 'requestfailed'] as const) {
    page.on(event as 'requestfinished', (request) => pending.delete(request))
  }
}

/** The list of conversations. */
const LIST = /\/v1\/conversations(\?|$)/
/** A busy machine takes its time. */
const eventually = <T>(look: () => T | Promise<T>) => expect.poll(look, { timeout: 15_000 })
const line = (text = '') => page.locator('#connection', { hasText: text })
const prompt = () => page.getByLabel('Prompt', { exact: true })
const answer = (text: string) => page.locator('.answer', { hasText: text })
const isWaiting = () => [...pending].some((request) => request.headers().prefer !== undefined)

/** Sends a prompt; the model begins its answer, and the page waits for more of it. */
async function begin(text: string): Promise<void> {
  await send(page, text)
  await answer('So f').waitFor()
  await eventually(isWaiting).toBe(true)
}

async function restartGateway(settings: Record<string, string> = {}): Promise<void> {
  await running.stack.stopGateway()
  await running.stack.startGatewayAgain(settings)
}

/** However long the page would pause before it tries again. */
async function untilNoTrouble(): Promise<void> {
  await eventually(async () => {
    await page.clock.runFor(1000)
    return line().textContent()
  }).toBe('')
}

async function untilAnswered(): Promise<void> {
  await answer('So far').waitFor()
  await untilDone(page, 1)
  await eventually(() => line().textContent()).toBe('')
  expect(await page.locator('.batch').count()).toBe(1)
  expect(atOnce).toBe(1)
}

describe('while no worker is there, the chat page', () => {
  test('says how long an answer has waited since it was tried again', async () => {
    const card = (state: string) => page.locator(`.card[data-state=${state}]`)
    const click = (name: string) => page.getByRole('button', { name: `${name}: ${MODEL}` }).click()
    await send(page, 'Since yesterday')
    await card('queued').waitFor()
    await click('Cancel')
    await card('cancelled').waitFor()
    await running.stack.database.query(
      "UPDATE tasks SET created_at = created_at - interval '1 day'",
    )
    await page.reload()
    await click('Retry')
    await card('queued').waitFor()
    expect(await page.locator('.card .time').innerText()).toMatch(/^\d+ s$/)
    await click('Cancel')
    await card('cancelled').waitFor()
  })

  test('says so, and shows the answer when one comes', async () => {
    const away = page.locator('#models-note', { hasText: `No worker is listening for ${MODEL}` })
    await away.waitFor()
    goOn()
    await send(page, 'Is anybody there?')
    await page.locator('.card[data-state=queued]').waitFor()
    await running.stack.startWorker()
    await untilAnswered()
    // It asks for the models every ten seconds.
    await page.clock.runFor(10_000)
    await away.waitFor({ state: 'detached' })
  })
})

describe('the chat page', () => {
  test('outlives a gateway that is stopped and started again in mid-answer', async () => {
    onTestFailed(() => restartGateway())
    await begin('Through a restart')
    await running.stack.stopGateway()
    await line('Connection lost, trying again…').waitFor()
    expect(await answer('So f').isVisible()).toBe(true)
    await running.stack.startGatewayAgain()
    // Though there is nothing new yet.
    await untilNoTrouble()
    goOn()
    await untilAnswered()
  })

  test('says how long it must keep still, and then goes on', { timeout: 60_000 }, async () => {
    // Requests are counted by the minute of the clock; all of this must lie in one.
    const leftMs = 60_000 - (Date.now() % 60_000)
    if (leftMs < 15_000) await sleep(leftMs)
    await begin('Over and over')
    await show('hidden')
    onTestFailed(() => restartGateway())
    await restartGateway({ REQUESTS_PER_MINUTE: '1' })
    await page.evaluate(() => fetch('/v1/models'))
    goOn()
    const refused = page.waitForResponse((response) => response.status() === 429)
    await show('visible')
    const wait = Number((await refused).headers()['retry-after'])
    await line('Too many requests: trying again in').waitFor()
    const left = /again in (\d+) s/.exec((await line().textContent()) ?? '')?.[1]
    // It is counted by whole seconds.
    expect(Number(left)).toBeLessThanOrEqual(wait + 1)

    // A prompt is not sent by itself later: it stays, with the reason.
    await prompt().fill('And another one')
    await prompt().press('Enter')
    const reason = page.getByRole('alert').filter({ hasText: /more than 1 requests in a minute/ })
    await reason.filter({ hasText: /Try again in \d+ s\./ }).waitFor()
    expect(await prompt().inputValue()).toBe('And another one')

    await restartGateway()
    expect(await answer('So far').count()).toBe(0)
    await page.clock.runFor(61_000)
    await untilAnswered()
  })

  test('asks again no sooner than a refused poll was told', async () => {
    let refusals = 0
    await page.route('**/v1/batches/*', (route) => {
      const isFirst = polls.length === 1
      if (isFirst || refusals === 3) return route.continue()
      refusals++
      return route.fulfill({
        status: 429,
        headers: { 'retry-after': '30' },
        json: { error: { code: 'rate_limited', message: 'Try again in 30 s.' } },
      })
    })
    await send(page, 'Be patient')
    await line('trying again in').waitFor()
    goOn()
    const asked = polls.length
    await page.clock.runFor(20_000)
    await page.evaluate(() => fetch('/v1/models'))
    expect(polls).toHaveLength(asked)
    for (let i = asked; i < asked + 3; i++) {
      await page.clock.runFor(31_000)
      await eventually(() => polls.length).toBeGreaterThan(i)
    }
    await untilAnswered()
  })

  test.each([
    [503, 'unavailable', 'The database does not answer.'],
    [500, 'internal', 'Something broke.'],
  ])('says why a prompt was not taken (%i), and keeps it', async (status, code, message) => {
    const address = '**/v1/chat/completions'
    await page.route(address, (route) => {
      return route.fulfill({ status, json: { error: { code, message } } })
    })
    await page.locator('#models', { hasText: MODEL }).waitFor()
    await prompt().fill('Keep me')
    await prompt().press('Enter')
    await page.getByRole('alert').filter({ hasText: message }).waitFor()
    expect(await prompt().inputValue()).toBe('Keep me')
    await page.unroute(address)
    goOn()
    await send(page, 'Keep me')
    await untilAnswered()
    expect(await page.getByRole('alert').filter({ hasText: message }).count()).toBe(0)
  })

  test('shows what came while it was offline as soon as it is back', async () => {
    await begin('From a tunnel')
    await context.setOffline(true)
    await line('You are offline.').waitFor()
    await context.setOffline(false)
    await untilNoTrouble()
    goOn()
    await untilAnswered()
  })

  test('breaks off its wait while it is hidden, asks nothing, and catches up', async () => {
    await begin('Out of sight')
    const [wait] = pending
    const asked = polls.length
    await show('hidden')
    await eventually(() => pending.size).toBe(0)
    expect(wait?.failure()?.errorText).toBe('net::ERR_ABORTED')
    goOn()
    await page.clock.runFor(120_000)
    expect(polls).toHaveLength(asked)
    await show('visible')
    await untilAnswered()
  })

  test('breaks off its wait when another conversation is opened', async () => {
    await begin('Left alone')
    const [wait] = pending
    const asked = polls.length
    await page.getByRole('button', { name: 'New chat' }).click()
    await eventually(() => pending.size).toBe(0)
    expect(wait?.failure()?.errorText).toBe('net::ERR_ABORTED')
    goOn()
    await page.clock.runFor(120_000)
    expect(polls).toHaveLength(asked)
    await page.goBack()
    await untilAnswered()
  })

  test('reads its history once, and on only where another tab has sent something', async () => {
    goOn()
    await send(page, 'From here')
    await untilAnswered()
    const histories: string[] = []
    page.on('request', (request) => {
      if (request.url().includes('/history')) histories.push(request.url())
    })
    await page.reload()
    await untilAnswered()
    for (let i = 0; i < 3; i++) await showAgain()
    expect(histories).toHaveLength(1)

    const other = await context.newPage()
    await other.goto(page.url())
    await send(other, 'From elsewhere')
    await untilDone(other, 2)
    await showAgain()
    await page.locator('.prompt', { hasText: 'From elsewhere' }).waitFor()
    await untilDone(page, 2)
    await showAgain()
    expect(histories).toHaveLength(2)
  })

  test('asks once for what has come elsewhere, however often it was shown meanwhile', async () => {
    const lists = new Set<Request>()
    page.on('request', (request) => LIST.test(request.url()) && lists.add(request))
    page.on('requestfailed', (request) => lists.delete(request))
    // They are never answered.
    await page.route(LIST, () => {})
    for (let i = 0; i < 3; i++) {
      await show('hidden')
      await eventually(() => lists.size).toBe(0)
      await show('visible')
      await eventually(() => lists.size).toBeGreaterThan(0)
    }
    await page.evaluate(() => fetch('/v1/models'))
    expect(lists.size).toBe(1)
  })

  test('waits with two requests at most, of all tabs, and polls for the rest', async () => {
    const { promise, resolve: letGo } = Promise.withResolvers<void>()
    let waiting = 0
    let polls = 0
    await context.route('**/v1/batches/*', async (route) => {
      const { prefer, 'if-none-match': tag } = route.request().headers()
      if (!prefer && tag) polls++
      if (!prefer) return route.continue()
      waiting++
      await promise
      await route.continue()
    })
    await send(page, 'The first of two')
    await send(page, 'The second of two')
    await eventually(() => waiting).toBe(2)
    const other = await context.newPage()
    await other.goto(page.url())
    await eventually(() => polls).toBeGreaterThan(1)
    expect(waiting).toBe(2)
    letGo()
    goOn()
    await untilDone(page, 2)
    await untilDone(other, 2)
  })

  test('never asks for a batch that has ended', async () => {
    goOn()
    await send(page, 'Once and for all')
    await untilAnswered()
    const asked = polls.length
    await page.clock.runFor(120_000)
    await page.reload()
    await untilAnswered()
    await page.clock.runFor(120_000)
    expect(polls).toHaveLength(asked)
  })
})

/** Hides the page and shows it, and waits until it has been told which conversations there are. */
async function showAgain(): Promise<void> {
  const listed = page.waitForResponse((response) => LIST.test(response.url()))
  await show('hidden')
  await show('visible')
  await listed
  // What that leads to has been asked for by then.
  await page.evaluate(() => fetch('/v1/models'))
}

/** As the browser says it of a tab that another one covers, or no more. */
async function show(state: 'hidden' | 'visible'): Promise<void> {
  await page.evaluate((visibility) => {
    Object.defineProperty(document, 'visibilityState', { value: visibility, configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))
  }, state)
}
