import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { buildPage } from '../../edge/page/build.ts'
import { launchChromium } from '../chromium.ts'
import { startStack } from '../stack.ts'
import { type ModelServer, startModelServer } from './model-server.ts'
import { makeConversations, type PageConversations, WORKER_SETTINGS } from './page-conversations.ts'

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
    await buildPage({ outDir: fileURLToPath(new URL('../../edge/page/dist', import.meta.url)) })
    const models = await startModelServer()
    const stack = await startStack({ models, workerSettings: WORKER_SETTINGS })
    const browser = await launchChromium()
    stop = async () => {
      used.made?.finish()
      await browser.close()
      await stack.stop()
      await models.close()
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
