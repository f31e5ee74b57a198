import type { Page } from 'playwright-core'

/** What a person does on the chat page, as tests of several files do it. */

/** Chooses these models and no other. */
export async function chooseModels(page: Page, models: readonly string[]): Promise<void> {
  await page.locator('#models').click()
  const boxes = page.locator('input[name=model]')
  await boxes.first().waitFor()
  for (const box of await boxes.all()) {
    await box.setChecked(models.includes(await box.inputValue()))
  }
  await page.keyboard.press('Escape')
}

/** Asks these models, and waits until the prompt stands in the thread. */
export async function askModels(page: Page, text: string, models: readonly string[]) {
  await chooseModels(page, models)
  await page.getByLabel('Prompt', { exact: true }).fill(text)
  await page.getByLabel('Prompt', { exact: true }).press('Enter')
  await page.locator('.prompt', { hasText: text }).last().waitFor()
}
