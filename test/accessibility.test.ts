import { fileURLToPath } from 'node:url'
import axe, { type AxeResults } from 'axe-core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildPage } from '../edge/page/build.ts'
import { launchChromium } from './chromium.ts'
import { type ModelServer, startModelServer } from './setup/model-server.ts'
import {
  makeConversations,
  type PageConversations,
  WORKER_SETTINGS,
} from './setup/page-conversations.ts'
import { type Look, lookAt, PAGE_STATES, reachState } from './setup/page-states.ts'
import { type Stack, startStack } from './stack.ts'

/** Both themes and both languages at every width, and each with the other somewhere. */
const AT_WIDTHS: [number, Look[]][] = [
  [1280, [look('light', 'en'), look('dark', 'zh')]],
  [390, [look('dark', 'en'), look('light', 'zh')]],
  [320, [look('light', 'en'), look('dark', 'zh')]],
]
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

let models: ModelServer
let stack: Stack
let browser: Browser
let context: BrowserContext
let page: Page
let made: PageConversations

beforeAll(async () => {
  await buildPage({ outDir: fileURLToPath(new URL('../edge/page/dist', import.meta.url)) })
  models = await startModelServer()
  stack = await startStack({ models, workerSettings: WORKER_SETTINGS })
  browser = await launchChromium()
  context = await browser.newContext({ reducedMotion: 'reduce' })
  page = await context.newPage()
  made = await makeConversations(page, stack.gatewayUrl, models)
}, 120_000)
afterAll(async () => {
  made?.finish()
  await browser?.close()
  await stack?.stop()
  await models?.close()
})

describe.each(AT_WIDTHS)('%i px wide, in both themes and languages,', (width, looks) => {
  test.each(PAGE_STATES)('axe finds nothing wrong with: %s', async (state) => {
    await page.setViewportSize({ width, height: 844 })
    await reachState(page, stack.gatewayUrl, made, state)
    await page.evaluate(axe.source)
    for (const shown of looks) {
      await lookAt(page, shown)
      expect({ shown, found: await violations() }).toEqual({ shown, found: [] })
    }
  })
})

function look(theme: Look['theme'], language: Look['language']): Look {
  return { theme, language }
}

async function violations(): Promise<string[]> {
  const found = await page.evaluate(
    async (tags): Promise<AxeResults['violations']> =>
      (
        await (window as unknown as { axe: typeof axe }).axe.run(document, {
          runOnly: tags,
          resultTypes: ['violations'],
          // The same model answers to each prompt, and its cards are told apart by the prompt.
          rules: { 'landmark-unique': { enabled: false } },
        })
      ).violations,
    TAGS,
  )
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)}\n${failureSummary}`),
  )
}
