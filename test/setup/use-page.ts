import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import type { ModelServer } from './model-server.ts'
import { makeConversations, type PageConversations, WORKER_SETTINGS } from './page-conversations.ts'
import { startPageStack } from './page-stack.ts'

/** The chat page, on a stack with models that answer by a script. */
export type PageInUse = {
  url: string
  models: ModelServer
  browser: Browser
  /** A page of a visitor, who has these conversations. */
  page: Page
  made: PageConversations
  /** A page of another visitor, for one test. */
  newPage(options?: BrowserContextOptions): Promise<Page>
}

/** Starts it before the tests of a file; what is returned can be read in them. */
export function usePage(options: BrowserContextOptions = {}): PageInUse {
  const used = {} as PageInUse
  let stop = async () => {}
  beforeAll(async () => {
    const started = await startPageStack({ workerSettings: WORKER_SETTINGS })
    const { browser, models, stack } = started
    stop = async () => {
      used.made?.finish()
      await started.stop()
    }
    const page = await (await browser.newContext(options)).newPage()
    const newPage = async (others?: BrowserContextOptions) => {
      const context = await browser.newContext(others)
      onTestFinished(() => context.close())
      return context.newPage()
    }
    const made = await makeConversations(page, stack.gatewayUrl, models)
    Object.assign(used, { url: stack.gatewayUrl, models, browser, page, made, newPage })
  }, 120_000)
  afterAll(() => stop(), 60_000)
  return used
}
