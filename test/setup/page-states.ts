import type { Page } from 'playwright-core'
import type { PageConversations } from './page-conversations.ts'
import { chooseModels } from './page-user.ts'
import { png } from './sample-files.ts'

export type Look = { theme: 'light' | 'dark'; language: 'en' | 'zh' }

/** Switches theme and language in the page as it stands: the theme as the system does, the language as another tab does. */
export async function lookAt(page: Page, { theme, language }: Look): Promise<void> {
  await page.emulateMedia({ colorScheme: theme })
  await page.evaluate((value) => {
    const key = 'async-chat.language'
    localStorage.setItem(key, value)
    window.dispatchEvent(new StorageEvent('storage', { key, newValue: value }))
  }, language)
  await page.locator(`html[lang^=${language}]`).waitFor()
}

/** A deletion can be taken back for as long as the test looks. */
function keepUndo(): void {
  const start = window.setTimeout
  Object.assign(window, {
    setTimeout: (act: () => void, ms: number, ...rest: unknown[]) =>
      ms === 6000 ? 0 : start(act, ms, ...rest),
  })
}

const CHOSEN = ['gemini-2.5-flash', 'deepseek-reasoner', 'deepseek-chat']

type Show = (page: Page, made: PageConversations) => Promise<void>

const drawer = async (page: Page) => {
  const menu = page.locator('.menu')
  if (await menu.isVisible()) await menu.click()
}
const open =
  (name: keyof PageConversations['addresses']): Show =>
  async (page, { addresses }) => {
    await page.evaluate((hash) => {
      location.hash = hash
    }, addresses[name])
    await page.locator('.card').first().waitFor()
  }
const row = (page: Page) => page.locator('#conversations li').nth(1)
const rowMenu: Show = async (page) => {
  await drawer(page)
  await row(page).hover()
  await row(page).locator('[popovertarget]').click()
}

/** The main states of the page, each reached from a page that nothing is open on. */
const STATES = {
  empty: async () => {},
  models: async (page) => {
    await page.locator('#models').click()
  },
  settings: async (page) => {
    await page.locator('[popovertarget=settings]').click()
  },
  shortcuts: async (page) => {
    await page.locator('[popovertarget=settings]').click()
    await page.locator('#settings .row').click()
  },
  attachments: async (page) => {
    const picture = {
      name: 'a-picture.png',
      mimeType: 'image/png',
      buffer: png([60, 90, 200], 8, 8),
    }
    const text = (name: string) => ({ name, mimeType: 'text/plain', buffer: Buffer.from('Notes') })
    await page.locator('#files').setInputFiles([picture])
    await page.locator('[data-state=stored]').waitFor()
    await page.route('**/v1/files', (route) => route.abort())
    await page.locator('#files').setInputFiles([text('one-that-fails.txt')])
    await page.locator('.attachment[data-state=failed]').waitFor()
    await page.unroute('**/v1/files')
    // It goes on for as long as the test does.
    await page.route('**/v1/files', () => {})
    await page
      .locator('#files')
      .setInputFiles([text('one-with-a-name-that-is-quite-long-for-a-chip.txt')])
    await page.locator('.attachment[data-state=uploading]').waitFor()
  },
  away: async (page) => {
    await chooseModels(page, ['qwen3:1.7b', 'gemini-2.5-flash-image'])
    await page.locator('#models-note p').waitFor()
  },
  problem: async (page) => {
    await chooseModels(page, [])
    await page.locator('#prompt').fill('To nobody')
    await page.locator('#send').click()
    await page.locator('#problem').waitFor()
  },
  gone: async (page) => {
    await page.evaluate(() => {
      location.hash = '#/c/01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f'
    })
    await page.locator('.thread > .problem').waitFor()
  },
  offline: async (page) => {
    await page.context().setOffline(true)
    await page.locator('#connection:not(:empty)').waitFor()
  },
  writing: open('writing'),
  thoughts: async (page, made) => {
    await open('writing')(page, made)
    await page.locator('.reasoning summary').first().click()
  },
  done: open('done'),
  failed: open('failed'),
  older: open('older'),
  five: open('five'),
  long: open('long'),
  wide: open('wide'),
  list: drawer,
  menu: rowMenu,
  renaming: async (page, made) => {
    await rowMenu(page, made)
    await page.locator('.menu-list:popover-open button').first().click()
    await page.locator('.title-field').waitFor()
  },
  nothing: async (page) => {
    await drawer(page)
    await page.locator('#search').fill('xyzzy')
    await page.locator('#conversations-note:not(:empty)').waitFor()
  },
  undo: async (page, made) => {
    await rowMenu(page, made)
    await page.evaluate(keepUndo)
    await page.locator('.menu-list:popover-open .bad').click()
    await page.locator('.toast').first().waitFor()
  },
} satisfies Record<string, Show>

export type PageState = keyof typeof STATES
export const PAGE_STATES = Object.keys(STATES) as PageState[]

/** Loads the page anew and brings it into a state. */
export async function reachState(
  page: Page,
  gatewayUrl: string,
  made: PageConversations,
  state: PageState,
): Promise<void> {
  await page.unrouteAll({ behavior: 'ignoreErrors' })
  await page.context().setOffline(false)
  // Else it would be deleted when the page is left.
  for (const undo of await page.locator('.toast button').all()) await undo.click()
  await page.goto(`${gatewayUrl}/favicon.svg`)
  await page.evaluate((models) => {
    localStorage.clear()
    localStorage.setItem('async-chat.models', JSON.stringify(models))
  }, CHOSEN)
  await page.goto(`${gatewayUrl}/#/`)
  await page.locator('#conversations li').first().waitFor({ state: 'attached' })
  await page.locator('input[name=model]').first().waitFor({ state: 'attached' })
  await STATES[state](page, made)
}
