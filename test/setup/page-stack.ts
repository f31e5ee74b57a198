import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { buildPage } from '../../edge/page/build.ts'
import { launchChromium } from '../chromium.ts'
import { type Stack, type StackOptions, startStack } from '../stack.ts'
import { type ModelServer, startModelServer } from './model-server.ts'

/** The one model that visitors ask. */
export const MODEL = 'qwen3:1.7b'

/** The chat page with all that is behind it, and models that answer as a test wishes. */
export type PageStack = {
  stack: Stack
  models: ModelServer
  browser: Browser
  /** A new visitor, with the choice of models made. `clock`: time goes on as in life, and can be run forward. */
  newVisitor(options?: { clock?: boolean }): Promise<BrowserContext>
  stop(): Promise<void>
}

export async function startPageStack(options: StackOptions = {}): Promise<PageStack> {
  await buildPage({ outDir: fileURLToPath(new URL('../../edge/page/dist', import.meta.url)) })
  const browser = await launchChromium()
  const models = await startModelServer()
  const workerSettings = { PARTIAL_MS: '100' }
  const stack = await startStack({ models, workerSettings, ...options })
  return {
    stack,
    models,
    browser,
    async newVisitor({ clock = false } = {}) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
      // Less than a test has, so that a failure says what was waited for.
      context.setDefaultTimeout(20_000)
      if (clock) await context.clock.install()
      await context.addInitScript((model) => {
        localStorage.setItem('async-chat.models', JSON.stringify([model]))
      }, MODEL)
      return context
    },
    async stop() {
      await browser.close()
      await stack.stop()
      await models.close()
    },
  }
}

/** Sends a prompt, and waits until it stands in the thread. */
export async function send(page: Page, text: string): Promise<void> {
  await page.locator('#models', { hasText: MODEL }).waitFor()
  await page.getByLabel('Prompt', { exact: true }).fill(text)
  await page.getByLabel('Prompt', { exact: true }).press('Enter')
  await page.locator('.prompt', { hasText: text }).last().waitFor()
}

/** Waits for so many answers that have ended well. */
export async function untilDone(page: Page, count: number): Promise<void> {
  await page
    .locator('.card[data-state=done]')
    .nth(count - 1)
    .waitFor()
}
