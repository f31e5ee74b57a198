import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { installPackage } from '../dev/install-package.ts'
import { buildPage } from '../edge/page/build.ts'
import { launchChromium } from './chromium.ts'
import { startModelServer } from './setup/model-server.ts'
import { makeConversations, WORKER_SETTINGS } from './setup/page-conversations.ts'
import { type Look, lookAt, type PageState, reachState } from './setup/page-states.ts'
import { startServices } from './setup/services.ts'
import { giveServices } from './setup/use-services.ts'
import { startStack } from './stack.ts'

/*
 * `npm run screenshots [-- folder]`: pictures of the main states of the page into docs/pictures/, or the
 * folder, on a stack of its own whose models answer by a script.
 */

const FOLDER = process.argv[2] ?? fileURLToPath(new URL('../docs/pictures', import.meta.url))
const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } }
/** Debian has no Chinese letters by itself. */
const CHINESE_FONT = '/usr/share/fonts/truetype/wqy/wqy-microhei.ttc'

const light: Look = { theme: 'light', language: 'en' }
const dark: Look = { theme: 'dark', language: 'en' }
const chinese: Look = { theme: 'light', language: 'zh' }

const SHOTS: [PageState, Partial<Record<keyof typeof SIZES, Look[]>>][] = [
  ['empty', { desktop: [light], phone: [dark] }],
  ['models', { desktop: [light], phone: [light] }],
  ['writing', { desktop: [light, dark, chinese], phone: [light] }],
  ['thoughts', { phone: [dark] }],
  ['done', { desktop: [light, dark], phone: [light, dark] }],
  ['failed', { desktop: [light], phone: [chinese] }],
  ['undo', { desktop: [light], phone: [dark] }],
  ['menu', { desktop: [dark], phone: [light] }],
  ['settings', { desktop: [dark], phone: [light] }],
  ['shortcuts', { desktop: [light] }],
  ['attachments', { desktop: [light], phone: [dark] }],
  ['five', { desktop: [light] }],
  ['long', { desktop: [light], phone: [light] }],
  ['wide', { desktop: [dark], phone: [light] }],
]

async function main(): Promise<void> {
  await mkdir(FOLDER, { recursive: true })
  await buildPage({ outDir: fileURLToPath(new URL('../edge/page/dist', import.meta.url)) })
  if (process.platform === 'linux') {
    const names = { apt: 'fonts-wqy-microhei', brew: 'font-wenquanyi-micro-hei' }
    const isThere = () => existsSync(CHINESE_FONT)
    if (!isThere()) await installPackage(names, isThere, console.log)
  }
  const { services, stop } = await startServices()
  giveServices(services)
  const models = await startModelServer()
  const stack = await startStack({ models, workerSettings: WORKER_SETTINGS })
  const browser = await launchChromium()
  try {
    const page = await browser.newPage({ reducedMotion: 'reduce', locale: 'en-GB' })
    const made = await makeConversations(page, stack.gatewayUrl, models)
    for (const [state, looks] of SHOTS) {
      for (const size of Object.keys(looks) as (keyof typeof SIZES)[]) {
        await page.setViewportSize(SIZES[size])
        await reachState(page, stack.gatewayUrl, made, state)
        for (const look of looks[size] ?? []) await take(page, `${state}-${size}`, look)
      }
    }
    made.finish()
  } finally {
    await browser.close()
    await stack.stop()
    await models.close()
    await stop()
  }
}

async function take(page: Page, name: string, look: Look): Promise<void> {
  await lookAt(page, look)
  // A conversation opens at its end.
  await page.locator('#thread').evaluate((thread) => thread.scrollTo(0, 0))
  const language = look.language === 'zh' ? '-zh' : ''
  await page.screenshot({ path: join(FOLDER, `${name}-${look.theme}${language}.png`) })
}

await main()
