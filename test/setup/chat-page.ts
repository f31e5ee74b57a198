import type { BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { type PageStack, startPageStack } from './page-stack.ts'
import { askModels } from './page-user.ts'

/** For a slow machine. */
export const SHOWN_MS = 30_000

/** The page of one visitor. */
export type ChatPage = {
  page: Page
  context: BrowserContext
  /** Errors and warnings of the page. */
  complaints: string[]
  prompt: Locator
  cards(state: string): Locator
  /** An answer to the prompt of this number, from 0. */
  card(model: string, turn?: number): Locator
  ask(text: string, models: readonly string[]): Promise<void>
  untilCards(state: string, count: number): Promise<void>
}

/**
 * One stack, whose models answer as the tests say, and one browser for the tests of a file. `open` shows the
 * chat page to a new visitor, until the test ends.
 */
export function useChatPage() {
  let started: PageStack
  const contexts: BrowserContext[] = []

  beforeAll(async () => {
    const workerSettings = { PARTIAL_MS: '100', MAX_ATTEMPTS: '1', BREAKER_FAILURES: '1000' }
    started = await startPageStack({ workerSettings })
  }, 120_000)
  afterAll(() => started?.stop(), 60_000)
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close()
  })

  async function open(options: BrowserContextOptions = {}): Promise<ChatPage> {
    const context = await started.browser.newContext({
      viewport: { width: 1280, height: 800 },
      baseURL: started.stack.gatewayUrl,
      ...options,
    })
    contexts.push(context)
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
    })
    await page.goto('/')
    await page.locator('input[name=model]').first().waitFor({ state: 'attached' })
    const cards = (state: string) => page.locator(`.card[data-state=${state}]`)
    return {
      page,
      context,
      complaints,
      prompt: page.locator('#prompt'),
      cards,
      card: (model, turn = 0) =>
        page.locator('.batch').nth(turn).getByRole('region', { name: model, exact: true }),
      ask: (text, asked) => askModels(page, text, asked),
      untilCards: (state, count) =>
        expect.poll(() => cards(state).count(), { timeout: SHOWN_MS }).toBe(count),
    }
  }

  return {
    open,
    get models() {
      return started.models
    },
    get stack() {
      return started.stack
    },
  }
}

/** Something that models wait for until the test lets them go on. */
export function hold(): { until: Promise<void>; release(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { until: promise, release: resolve }
}

/** The names that are the same in every language. */
const NAMES =
  /Async-Chat|API|English|Gemini|Markdown|JSON|PDF|Enter|Shift|Ctrl|Esc|(?:gemini|deepseek|qwen)[\w.:-]*|[\w-]+\.(?:png|txt)|\d+ [kM]?B\b/g

/** The English words that the page says, in its text and in the names of its parts. */
export async function englishOn(page: Page): Promise<string[]> {
  const said = await page.evaluate(() => {
    const named = [...document.querySelectorAll('[aria-label], [title], [placeholder]')]
    const names = named.flatMap((element) =>
      ['aria-label', 'title', 'placeholder'].map((name) => element.getAttribute(name) ?? ''),
    )
    return [document.getElementById('app')?.textContent ?? '', ...names]
  })
  return said.flatMap((text) => text.replaceAll(NAMES, ' ').match(/[a-z]{3,}/gi) ?? [])
}
