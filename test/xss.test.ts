import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { v7 as uuidv7 } from 'uuid'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { claimTasksIfPending } from '../drizzle/statements/claim-tasks-if-pending.ts'
import { finishTasksIfHeld } from '../drizzle/statements/finish-tasks-if-held.ts'
import { submitBatch } from '../drizzle/statements/submit-batch.ts'
import { buildPage } from '../edge/page/build.ts'
import { type NativePostgres, openPostgres } from '../workers-node/postgres.ts'
import { launchChromium } from './chromium.ts'
import { type ModelServer, startModelServer } from './setup/model-server.ts'
import { newBatch, newFile } from './setup/new-batch.ts'
import { chooseModels } from './setup/page-user.ts'
import { as } from './setup/send-key.ts'
import { dangersIn } from './setup/shown-markup.ts'
import { claimOf, failure, HOLDER, success } from './setup/task-states.ts'
import { XSS_CORPUS } from './setup/xss-corpus.ts'
import { type Stack, startStack } from './stack.ts'

const MODEL = 'qwen3:1.7b'
const SHOWN_MS = 20_000

let models: ModelServer
let stack: Stack
let postgres: NativePostgres
let browser: Browser
let visitor: { name: string; value: string; url: string }
/** The conversation that has all the texts; the visitor's. */
let conversationId: string

beforeAll(async () => {
  await buildPage({ outDir: fileURLToPath(new URL('../edge/page/dist', import.meta.url)) })
  models = await startModelServer()
  stack = await startStack({ models, workerSettings: { PARTIAL_MS: '100' } })
  postgres = openPostgres(stack.database.url, { connections: 2, timeoutMs: 10_000 })
  browser = await launchChromium()
  visitor = await newVisitor()
  conversationId = await store(`visitor:${visitor.value.split('.')[0]}`)
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await postgres?.close()
  await stack?.stop()
  await models?.close()
})

// A policy that forbids inline scripts hides what a renderer lets through: it must do without too.
describe.each([
  ['under its policy', false],
  ['without any policy', true],
])('the page, %s', { timeout: 90_000 }, (_, bypassCSP) => {
  let context: BrowserContext
  let page: Page
  /** What must not happen. */
  let happened: string[]

  beforeEach(async () => {
    context = await browser.newContext({ bypassCSP })
    page = await context.newPage()
    happened = watch(context, page)
    await page.goto(stack.gatewayUrl)
    await page.locator('#models', { hasText: '3 models' }).waitFor()
  })
  afterEach(() => context?.close())

  const untilCards = (state: string, count: number) =>
    expect
      .poll(
        async () => {
          const cards = await page.locator(`.card[data-state=${state}]`).count()
          return { happened, cards }
        },
        { timeout: SHOWN_MS },
      )
      .toEqual({ happened: [], cards: count })

  async function demandHarmless(): Promise<void> {
    // What an inserted element begins by itself, it begins within two frames.
    await page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100))),
    )
    expect(await dangersIn(page)).toEqual([])
    expect(page.frames()).toHaveLength(1)
    expect(new URL(page.url()).origin).toBe(stack.gatewayUrl)
    expect(happened).toEqual([])
  }

  test('shows stored texts of all kinds, and none of them runs', async () => {
    await context.addCookies([visitor])
    await page.goto(`${stack.gatewayUrl}/#/c/${conversationId}`)
    await page.reload()
    await untilCards('failed', XSS_CORPUS.length)
    await untilCards('done', XSS_CORPUS.length)
    // The libraries have come.
    await page.locator('.answer math').first().waitFor()
    await page.locator('.answer [class^=hljs-]').first().waitFor()
    await page.getByRole('button', { name: 'More', exact: true }).click()
    const titles = page.locator('#conversations li')
    await expect.poll(() => titles.count()).toBeGreaterThan(80)
    await page.evaluate(() => {
      for (const details of document.querySelectorAll('details')) details.open = true
    })
    await demandHarmless()
  })

  test('shows texts as they are sent and written, and none of them runs', async () => {
    const whole = XSS_CORPUS.join('\n\n')
    const half = whole.slice(0, whole.length / 2)
    const { promise: seen, resolve: goOn } = Promise.withResolvers<void>()
    models.answer(() => [
      { reasoning: whole },
      { text: half },
      { until: seen },
      { text: whole.slice(half.length) },
    ])
    await page.locator('#files').setInputFiles(
      XSS_CORPUS.filter((text) => !/[/\0]/.test(text))
        .slice(-10)
        .map((text) => ({
          name: `${text}.txt`,
          mimeType: 'text/plain',
          buffer: Buffer.from(text),
        })),
    )
    await chooseModels(page, [MODEL])
    await page.getByLabel('Prompt', { exact: true }).fill(whole)
    await demandHarmless()
    await page.getByRole('button', { name: 'Send', exact: true }).click()
    await untilCards('writing', 1)
    await demandHarmless()
    goOn()
    await untilCards('done', 1)
    await expect.poll(() => page.locator('.files .file').count()).toBe(10)
    await demandHarmless()
  })
})

/** Notes what happens where a text is more than a text. */
function watch(context: BrowserContext, page: Page): string[] {
  const happened: string[] = []
  void context.addInitScript(() => {
    Object.assign(globalThis, { ran: () => console.log('a text has run') })
  })
  page.on('console', (message) => {
    if (message.text() === 'a text has run') happened.push(message.text())
  })
  page.on('pageerror', (error) => happened.push(String(error)))
  page.on('dialog', (dialog) => {
    happened.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('popup', () => happened.push('a window was opened'))
  page.on('request', (request) => {
    if (!isOurs(request.url())) happened.push(`asked for ${request.url().slice(0, 200)}`)
  })
  return happened
}

const UUID = '[0-9a-f-]{36}'
const OURS = new RegExp(
  `^/(|(app|early)\\.js|chunks/[\\w-]+\\.js|style\\.css|favicon\\.svg|v1/(session|models|conversations|chat/completions|batches/${UUID}|conversations/${UUID}/history|files(/${UUID})?))$`,
)

function isOurs(url: string): boolean {
  const { origin, pathname } = new URL(url)
  return origin === stack.gatewayUrl && OURS.test(pathname)
}

async function newVisitor(): Promise<typeof visitor> {
  const headers = { ...as(''), 'sec-fetch-site': 'same-origin' }
  const answer = await fetch(`${stack.gatewayUrl}/v1/session`, { method: 'POST', headers })
  const [name, value] = answer.headers.getSetCookie()[0]!.split(';', 1)[0]!.split('=')
  return { name: name!, value: value!, url: stack.gatewayUrl }
}

/** A conversation with each text as prompt, answer, reasoning, error, file and model; and as a title. */
async function store(owner: string): Promise<string> {
  const conversationId = uuidv7()
  const batches = XSS_CORPUS.map((text, i) => {
    const batch = newBatch([MODEL, MODEL], {
      owner,
      conversationId,
      conversationIsNew: i === 0,
      title: text,
      prompt: text,
      files: [newFile({ name: text }), newFile({ name: text, type: 'image/png' })],
    })
    const tasks = batch.tasks.map((task, slot) => ({ ...task, slot, modelName: text }))
    return { ...batch, tasks, text }
  })
  for (const batch of batches) await postgres.run(submitBatch(batch))
  const claims = batches.flatMap(({ tasks }) => tasks).map((task) => claimOf(task))
  await postgres.run(claimTasksIfPending(claims, HOLDER))
  const outcomes = batches.flatMap(({ tasks: [good, bad], text }) => [
    success({ taskId: good!.id, fence: 1 }, text, { reasoningText: text, answeredBy: text }),
    failure({ taskId: bad!.id, fence: 1 }, { errorMsg: text }),
  ])
  await postgres.run(finishTasksIfHeld(outcomes))
  await stack.database.query(
    `INSERT INTO conversations (id, owner, title, turns)
     SELECT id, $1, title, 1 FROM unnest($2::uuid[], $3::text[]) AS given (id, title)`,
    [owner, XSS_CORPUS.map(() => uuidv7()), XSS_CORPUS],
  )
  return conversationId
}
