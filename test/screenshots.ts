import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { buildPage } from '../edge/page/build.ts'
import { launchChromium } from './chromium.ts'
import { startModelServer } from './setup/model-server.ts'
import { makeConversations, WORKER_SETTINGS } from './setup/page-conversations.ts'
import { type Look, lookAt, PAGE_STATES, type PageState, reachState } from './setup/page-states.ts'
import { startServices } from './setup/services.ts'
import { giveServices } from './setup/use-services.ts'
import { startStack } from './stack.ts'

/*
 * `npm run screenshots [-- folder]`: pictures of what the page looks like, with models that answer by a script,
 * into docs/pictures/.
 */

const FOLDER = process.argv[2] ?? fileURLToPath(new URL('../docs/pictures', import.meta.url))
const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } }

type Shot = { state: PageState; sizes: (keyof typeof SIZES)[]; looks: Look[] }

const LIGHT: Look = { theme: 'light', language: 'en' }
const DARK: Look = { theme: 'dark', language: 'en' }
const CHINESE: Look = { theme: 'light', language: 'zh' }
const SHOTS: Shot[] = PAGE_STATES.map((state) => ({
  state,
  sizes: ['desktop', 'phone'],
  looks: [LIGHT, DARK, CHINESE],
}))

async function main(): Promise<void> {
  await mkdir(FOLDER, { recursive: true })
  await buildPage({ outDir: fileURLToPath(new URL('../edge/page/dist', import.meta.url)) })
  const { services, stop } = await startServices()
  giveServices(services)
  const models = await startModelServer()
  const stack = await startStack({ models, workerSettings: WORKER_SETTINGS })
  const browser = await launchChromium()
  try {
    const page = await browser.newPage({ reducedMotion: 'reduce', locale: 'en-GB' })
    const made = await makeConversations(page, stack.gatewayUrl, models)
    for (const { state, sizes, looks } of SHOTS) {
      for (const size of sizes) {
        await page.setViewportSize(SIZES[size])
        await reachState(page, stack.gatewayUrl, made, state)
        for (const look of looks) {
          await lookAt(page, look)
          await page.screenshot({
            path: `${FOLDER}/${state}-${size}-${look.theme}-${look.language}.png`,
          })
        }
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

await main()
