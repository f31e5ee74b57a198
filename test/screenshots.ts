import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { launchChromium } from './chromium.ts'

// Run by hand against a stack that is up: node test/screenshots.ts [http://127.0.0.1:8787]
const address = process.argv[2] ?? 'http://127.0.0.1:8787'
const folder = fileURLToPath(new URL('../docs/', import.meta.url))
const MODELS = ['gemini-2.5-flash', 'deepseek-r1:1.5b', 'qwen3:1.7b']

/** Asks three models, then waits until all have answered and a second prompt is being answered. */
async function picture(browser: Browser, name: string, width: number, height: number) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: 'light' })
  await page.goto(`${address}/#/`)
  await page.locator('input[name=model]').first().waitFor()
  for (const box of await page.locator('input[name=model]').all()) {
    await box.setChecked(MODELS.includes(await box.inputValue()))
  }
  await page.getByLabel('Prompt', { exact: true }).fill('Why is the sky blue?')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.locator('.card[data-state=done]').nth(2).waitFor({ timeout: 120_000 })
  await page.getByLabel('Prompt', { exact: true }).fill('And why is a sunset red?')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.locator('.card[data-state=writing]').nth(1).waitFor({ timeout: 120_000 })
  await page.screenshot({ path: `${folder}${name}` })
  await page.close()
}

await mkdir(folder, { recursive: true })
const browser = await launchChromium()
try {
  await picture(browser, 'page-desktop.png', 1280, 1040)
  await picture(browser, 'page-phone.png', 390, 844)
} finally {
  await browser.close()
}
