import type { Page, Request } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { type ChatPage, englishOn, hold, SHOWN_MS, useChatPage } from './setup/chat-page.ts'
import { chooseModels } from './setup/page-user.ts'
import { PNG } from './setup/pictures.ts'
import { png } from './setup/sample-files.ts'

const [GEMINI, PAINTER, DEEPSEEK, QWEN] = [
  'gemini-2.5-flash',
  'gemini-2.5-flash-image',
  'deepseek-r1:1.5b',
  'qwen3:1.7b',
] as const
const RED = { name: 'red.png', mimeType: 'image/png', buffer: png([200, 40, 40], 320, 200) }
const NOTES = { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('Some notes') }
const OLD = { name: 'old.txt', mimeType: 'text/plain', buffer: Buffer.from('Old notes') }
const BIG = { name: 'big.txt', mimeType: 'text/plain', buffer: Buffer.alloc(90_000, 'big ') }

const chat = useChatPage()
const SUBMITS = '**/v1/chat/completions'
const UPLOADS = '**/v1/files'

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
const chips = (page: Page) => page.locator('.attachment')
const attach = (page: Page, files: (typeof NOTES)[]) => page.locator('#files').setInputFiles(files)
const problem = (page: Page, text: string) =>
  page.locator('#problem', { hasText: text }).waitFor({ timeout: SHOWN_MS })
const untilStored = (page: Page, count: number) =>
  expect
    .poll(() => page.locator('.attachment[data-state=stored]').count(), { timeout: SHOWN_MS })
    .toBe(count)
const stateOfChips = (page: Page) =>
  chips(page).evaluateAll((all) => all.map((one) => (one as HTMLElement).dataset.state))
const isFocused = (page: Page, selector: string) =>
  page.locator(selector).evaluate((element) => element === document.activeElement)
const batchesOf = async (prompt: string) =>
  (await chat.stack.database.query('SELECT id FROM batches WHERE user_prompt = $1', [prompt]))
    .length

/** All that would go out with a prompt, and how. */
async function written(page: Page) {
  return {
    prompt: await page.locator('#prompt').inputValue(),
    files: await chips(page).locator('.file-name').allInnerTexts(),
    models: await page
      .locator('input[name=model]:checked')
      .evaluateAll((all) => all.map((one) => (one as HTMLInputElement).value)),
    twice: await page.getByRole('switch', { name: 'Gemini ×2', checked: true }).isVisible(),
    picture: await page.getByRole('radio', { name: 'Picture', checked: true }).isVisible(),
  }
}

/** What the page sends from now on to where prompts go. */
function submitsOf(page: Page): Request[] {
  const sent: Request[] = []
  page.on('request', (request) => {
    if (request.url().endsWith('/v1/chat/completions')) sent.push(request)
  })
  return sent
}
const keyOf = (request: Request | undefined) => request?.headers()['idempotency-key']

/** Uploads of the page go no further until they may go on. */
async function holdUploads(page: Page): Promise<{ goOn(): void }> {
  const { until, release } = hold()
  await page.route(UPLOADS, async (route) => {
    await until
    // It may have been broken off.
    await route.continue().catch(() => {})
  })
  return { goOn: release }
}

/** Sets how fast the page may upload, in bytes per second; -1: as fast as it can. */
async function uploadLimit({ context, page }: ChatPage): Promise<(speed: number) => Promise<void>> {
  // Only the session that has set a limit can lift it for what is on its way.
  const session = await context.newCDPSession(page)
  await session.send('Network.enable')
  return async (uploadThroughput) => {
    await session.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput,
    })
  }
}

describe('a prompt', { timeout: 60_000 }, () => {
  test('is edited and asked again, with its words, files, models, number of answers and mode', async () => {
    chat.models.answer(({ model }) => [model === PAINTER ? { picture: PNG } : { text: 'Here.' }])
    const { page, ask, prompt, untilCards } = await chat.open()
    const submits = submitsOf(page)
    await chooseModels(page, [PAINTER])
    await page.getByRole('switch', { name: 'Gemini ×2' }).check()
    await page.getByRole('radio', { name: 'Picture' }).check()
    await attach(page, [RED, NOTES])
    await untilStored(page, 2)
    await ask('Paint it twice', [PAINTER])
    await untilCards('done', 2)

    await attach(page, [BIG])
    await ask('Something else', [QWEN])
    await untilCards('done', 3)
    await button(page, 'Edit and ask again').first().click()
    await expect.poll(() => isFocused(page, '#prompt'), { timeout: SHOWN_MS }).toBe(true)
    expect(await written(page)).toEqual({
      prompt: 'Paint it twice',
      files: ['red.png', 'notes.txt'],
      models: [PAINTER],
      twice: true,
      picture: true,
    })

    await prompt.pressSequentially(' more')
    await button(page, 'Send').click()
    await untilCards('done', 5)
    const [first, , again] = submits
    expect(again?.postDataJSON()).toEqual({
      ...first?.postDataJSON(),
      prompt: 'Paint it twice more',
      conversation_id: expect.any(String),
    })
  })

  test('that is edited puts aside what was being written, whole, and Undo brings it back', async () => {
    chat.models.answer(() => [{ text: 'Here.' }])
    const { page, ask, prompt, untilCards } = await chat.open()
    const edit = button(page, 'Edit and ask again')
    const undo = button(page, 'Undo')
    await ask('First', [QWEN])
    await attach(page, [NOTES])
    await ask('Second', [DEEPSEEK])
    await untilCards('done', 2)
    await chooseModels(page, [PAINTER])
    await page.getByRole('switch', { name: 'Gemini ×2' }).check()
    await page.getByRole('radio', { name: 'Picture' }).check()
    await attach(page, [RED])
    await untilStored(page, 1)
    const sending = await holdUploads(page)
    await attach(page, [BIG])
    await prompt.fill('A long draft')
    const draft = await written(page)

    await edit.last().click()
    await edit.last().click()
    expect(await written(page)).toEqual({
      prompt: 'Second',
      files: ['notes.txt'],
      models: [DEEPSEEK],
      twice: false,
      picture: false,
    })
    await edit.first().click()
    expect(await prompt.inputValue()).toBe('First')
    await undo.click()
    expect(await written(page)).toEqual(draft)
    expect(draft.files).toEqual(['red.png', 'big.txt'])
    const image = chips(page).locator('img')
    await expect
      .poll(() => image.evaluate((shown) => (shown as HTMLImageElement).naturalWidth))
      .toBe(320)
    expect(await undo.count()).toBe(0)

    await prompt.fill('')
    await edit.first().click()
    await undo.click()
    expect(await written(page)).toEqual({ ...draft, prompt: '' })
    sending.goOn()
    await untilStored(page, 2)
  })

  test('that is edited once more gives up what was put aside for what has been written since', async () => {
    chat.models.answer(() => [{ text: 'Here.' }])
    const { page, ask, prompt, untilCards } = await chat.open()
    const edit = button(page, 'Edit and ask again')
    await ask('First', [QWEN])
    await untilCards('done', 1)
    const sending = await holdUploads(page)
    await attach(page, [NOTES])
    await edit.click()
    await prompt.fill('First, but better')
    const gone = page.waitForEvent('requestfailed', (request) =>
      request.url().endsWith('/v1/files'),
    )
    await edit.click()
    expect((await gone).failure()?.errorText).toBe('net::ERR_ABORTED')
    sending.goOn()
    await button(page, 'Undo').click()
    expect(await written(page)).toMatchObject({ prompt: 'First, but better', files: [] })
  })

  test('says that it is kept where there is no network, and of a file only that it was not uploaded', async () => {
    const { page, context, prompt } = await chat.open()
    await chooseModels(page, [QWEN])
    await context.setOffline(true)
    await prompt.fill('Into the void')
    await prompt.press('Enter')
    await problem(page, 'You are offline. Your prompt is kept: send it when you are back.')
    expect(await prompt.inputValue()).toBe('Into the void')
    await attach(page, [NOTES])
    const why = 'notes.txt was not uploaded: You are offline. Try again when you are back.'
    await page.locator('.file-problem', { hasText: why }).waitFor({ timeout: SHOWN_MS })
  })

  test('is kept while it is written, over a reload, and gone once it is sent', async () => {
    const { page, prompt, ask } = await chat.open()
    await prompt.fill('Half a thou')
    await attach(page, [NOTES])
    await untilStored(page, 1)
    await page.reload()
    expect(await prompt.inputValue()).toBe('Half a thou')
    expect(await chips(page).locator('.file-name').allInnerTexts()).toEqual(['notes.txt'])
    await ask('Half a thought', [QWEN])
    await page.reload()
    await page.locator('.prompt').waitFor()
    expect(await prompt.inputValue()).toBe('')
  })

  test('whose answer was lost begins once only, also when it is sent again after a reload', async () => {
    chat.models.answer(() => [{ text: 'Once.' }])
    const { page, prompt, ask, untilCards } = await chat.open()
    const submits = submitsOf(page)
    let losing = true
    await page.route(SUBMITS, async (route) => {
      if (!losing) return route.continue()
      await route.fetch({ headers: await route.request().allHeaders() })
      await route.abort()
    })
    const lose = async (text: string) => {
      losing = true
      await prompt.fill(text)
      await button(page, 'Send').click()
      await problem(page, 'The server cannot be reached.')
      expect(await prompt.inputValue()).toBe(text)
      expect(await batchesOf(text)).toBe(1)
      losing = false
    }
    await chooseModels(page, [QWEN])
    await lose('Only once')
    await button(page, 'Send').click()
    await untilCards('done', 1)
    expect(await prompt.inputValue()).toBe('')
    expect(await page.locator('#problem').isVisible()).toBe(false)
    expect(await batchesOf('Only once')).toBe(1)
    expect(keyOf(submits[1])).toBe(keyOf(submits[0]))

    await lose('Only once, later')
    await page.reload()
    await page.locator('.prompt', { hasText: 'Only once, later' }).waitFor()
    await button(page, 'Send').click()
    await expect.poll(() => prompt.inputValue()).toBe('')
    await untilCards('done', 2)
    expect(await batchesOf('Only once, later')).toBe(1)
    expect(await page.locator('.batch').count()).toBe(2)
    expect(keyOf(submits[3])).toBe(keyOf(submits[2]))

    await ask('Only once', [QWEN])
    await untilCards('done', 3)
    expect(await batchesOf('Only once')).toBe(2)
    const keys = [submits[0], submits[2], submits[4]].map(keyOf)
    expect(new Set(keys).size).toBe(3)
    for (const key of keys) expect(key).toMatch(/^\S{20,}$/)
  })

  test('is asked of the models, as often and in the mode, that were chosen before a reload', async () => {
    const { page } = await chat.open()
    await chooseModels(page, [PAINTER])
    await page.getByRole('switch', { name: 'Gemini ×2' }).check()
    await page.getByRole('radio', { name: 'Picture' }).check()
    await page.reload()
    await page.locator('#models', { hasText: PAINTER }).waitFor()
    expect(await page.locator('input[name=model]:checked').count()).toBe(1)
    expect(await page.getByRole('switch', { name: 'Gemini ×2' }).isChecked()).toBe(true)
    expect(await page.getByRole('radio', { name: 'Picture' }).isChecked()).toBe(true)
  })

  test('is asked of eight models at most', async () => {
    const { page, context } = await chat.open()
    await context.route('**/v1/models', async (route) => {
      const response = await route.fetch()
      const { data } = await response.json()
      const more = ['qwen-a', 'qwen-b'].map((id) => ({ ...data.at(-1), id }))
      await route.fulfill({ response, json: { data: [...data, ...more] } })
    })
    await page.reload()
    await page.locator('#models').click()
    const boxes = page.locator('input[name=model]')
    await expect.poll(() => boxes.count()).toBe(9)
    for (const box of (await boxes.all()).slice(0, 8)) await box.check()
    await page.locator('#models', { hasText: '8 models' }).waitFor()
    expect(await boxes.last().isDisabled()).toBe(true)
    await boxes.first().uncheck()
    expect(await boxes.last().isDisabled()).toBe(false)
    await boxes.last().check()
    expect(await boxes.first().isDisabled()).toBe(true)
  })
})

describe('a file', { timeout: 60_000 }, () => {
  test('shows how far its upload is, and the prompt waits for it', async () => {
    const shown = await chat.open()
    const { page, prompt } = shown
    const submits = submitsOf(page)
    await chooseModels(page, [QWEN])
    const limit = await uploadLimit(shown)
    await limit(4000)
    await attach(page, [BIG])
    const part = () =>
      page.locator('progress').evaluate((bar) => (bar as HTMLProgressElement).value)
    await expect.poll(part, { timeout: SHOWN_MS }).toBeGreaterThan(0)
    const before = await part()
    await expect.poll(part, { timeout: SHOWN_MS }).toBeGreaterThan(before)
    expect(await part()).toBeLessThan(1)
    expect(await page.locator('progress').getAttribute('aria-label')).toMatch(/^\d+ % uploaded$/)
    await prompt.fill('Read this')
    await prompt.press('Enter')
    await button(page, 'Uploading…').waitFor()
    expect(submits).toEqual([])
    expect(await chips(page).getAttribute('data-state')).toBe('uploading')
    await limit(-1)
    await page.locator('.prompt', { hasText: 'Read this' }).waitFor({ timeout: SHOWN_MS })
    expect(submits[0]?.postDataJSON().file_ids).toHaveLength(1)
    await page.getByRole('link', { name: 'big.txt' }).waitFor()
    expect(await chips(page).count()).toBe(0)
  })

  test('that is removed while it is uploaded is uploaded no further', async () => {
    const shown = await chat.open()
    const { page, ask } = shown
    const submits = submitsOf(page)
    const gone = page.waitForEvent('requestfailed', (request) =>
      request.url().endsWith('/v1/files'),
    )
    const limit = await uploadLimit(shown)
    await limit(1000)
    await attach(page, [BIG])
    await page.locator('progress').waitFor()
    await button(page, 'Remove big.txt').click()
    expect((await gone).failure()?.errorText).toBe('net::ERR_ABORTED')
    expect(await chips(page).count()).toBe(0)
    expect(await isFocused(page, '#attach')).toBe(true)
    await limit(-1)
    await ask('Without it', [QWEN])
    expect(submits[0]?.postDataJSON().file_ids).toEqual([])
  })

  test('that was not uploaded says why, keeps the prompt, and can be uploaded again', async () => {
    const { page, prompt } = await chat.open({ locale: 'zh-CN' })
    const submits = submitsOf(page)
    await chooseModels(page, [QWEN])
    await page.route(UPLOADS, (route) => route.abort())
    await attach(page, [NOTES])
    const why = page.locator('.file-problem', {
      hasText: 'notes.txt 未能上传：无法连接服务器。请检查网络后重试。',
    })
    await why.waitFor()
    await prompt.fill('读一读')
    await prompt.press('Enter')
    await problem(page, '有文件不在服务器上。请重新上传或移除。')
    expect(submits).toEqual([])
    expect(await prompt.inputValue()).toBe('读一读')
    expect(await englishOn(page)).toEqual([])

    const again = button(page, '重新上传 notes.txt')
    await again.focus()
    await page.keyboard.press('Enter')
    await why.waitFor()
    await page.unroute(UPLOADS)
    await again.focus()
    await page.keyboard.press('Enter')
    await untilStored(page, 1)
    expect(await page.locator('#problem').isVisible()).toBe(false)
    expect(await isFocused(page, '.attachment')).toBe(true)
    await prompt.press('Enter')
    await page.locator('.prompt', { hasText: '读一读' }).waitFor()
    expect(submits[0]?.postDataJSON().file_ids).toHaveLength(1)
  })

  test('that the server has forgotten says so, and keeps the prompt', async () => {
    const { page, prompt } = await chat.open({ locale: 'zh-CN' })
    const submits = submitsOf(page)
    const again = button(page, '重新上传 old.txt')
    const forget = () =>
      chat.stack.database.query("DELETE FROM files WHERE uploaded_name = 'old.txt'")
    const refused = async () => {
      await prompt.press('Enter')
      await page.getByText('old.txt 已不在服务器上，请重新添加。').waitFor()
      await problem(page, '有文件不在服务器上。请重新上传或移除。')
      expect(await stateOfChips(page)).toEqual(['stored', 'failed'])
      expect(await prompt.inputValue()).toBe('读一读')
      expect(await englishOn(page)).toEqual([])
    }
    await chooseModels(page, [QWEN])
    await attach(page, [NOTES, OLD])
    await untilStored(page, 2)
    await prompt.fill('读一读')
    await forget()
    await refused()
    await again.click()
    await untilStored(page, 2)

    await page.reload()
    await page.locator('#models', { hasText: QWEN }).waitFor()
    await untilStored(page, 2)
    await forget()
    await refused()
    // Who has come back has to choose it anew.
    expect(await again.count()).toBe(0)
    await button(page, '移除 old.txt').click()
    await prompt.press('Enter')
    await page.locator('.prompt', { hasText: '读一读' }).waitFor()
    expect(submits.map((sent) => sent.postDataJSON().file_ids.length)).toEqual([2, 2, 1])
  })

  test('of a draft is gone a day later, and one of an earlier prompt is not', async () => {
    chat.models.answer(() => [{ text: 'Here.' }])
    const { page, ask, untilCards } = await chat.open()
    await attach(page, [NOTES])
    await ask('Read this', [GEMINI])
    await untilCards('done', 1)
    await button(page, 'Edit and ask again').click()
    await attach(page, [RED])
    await untilStored(page, 2)
    await page.reload()
    await untilStored(page, 2)
    await page.clock.setFixedTime(Date.now() + 24 * 60 * 60_000)
    await page.reload()
    await page.getByText('red.png is no longer at the server: attach it again.').waitFor()
    expect(await stateOfChips(page)).toEqual(['stored', 'failed'])
  })

  test('of a draft has an icon where its picture cannot be loaded any more', async () => {
    const { page } = await chat.open()
    await attach(page, [RED])
    await untilStored(page, 1)
    await page.route('**/v1/files/*', (route) => route.fulfill({ status: 403 }))
    await page.reload()
    await chips(page).locator('> svg').waitFor()
    expect(await chips(page).locator('img').count()).toBe(0)
    expect(await stateOfChips(page)).toEqual(['stored'])
  })

  test('is attached twice where it is wanted twice', async () => {
    const { page, prompt, untilCards } = await chat.open()
    chat.models.answer(() => [{ text: 'Two.' }])
    await chooseModels(page, [DEEPSEEK])
    await attach(page, [NOTES, RED])
    await attach(page, [NOTES, RED])
    await untilStored(page, 4)
    const notes = page.locator('#models-note p')
    expect(await notes.allInnerTexts()).toEqual([`${DEEPSEEK} cannot take red.png.`])
    await button(page, 'Remove red.png').last().click()
    await button(page, 'Remove red.png').click()
    expect(await chips(page).locator('.file-name').allInnerTexts()).toEqual([
      'notes.txt',
      'notes.txt',
    ])
    expect(await notes.count()).toBe(0)
    await prompt.fill('Twice the same')
    await prompt.press('Enter')
    await untilCards('done', 1)
    expect(await page.locator('.batch > .files a').allInnerTexts()).toEqual([
      expect.stringContaining('notes.txt'),
      expect.stringContaining('notes.txt'),
    ])
  })

  test('that a chosen model cannot take is told before the prompt is sent', async () => {
    const { page } = await chat.open()
    const notes = page.locator('#models-note p')
    await chooseModels(page, [GEMINI, DEEPSEEK, QWEN])
    await attach(page, [NOTES, RED, { ...BIG, buffer: Buffer.alloc(110_000, 'big ') }])
    await expect
      .poll(() => notes.allInnerTexts())
      .toEqual([
        `${DEEPSEEK} cannot take red.png.`,
        `${QWEN} cannot take red.png.`,
        `big.txt is too large for ${DEEPSEEK}.`,
        `big.txt is too large for ${QWEN}.`,
      ])
    await chooseModels(page, [GEMINI, QWEN])
    expect(await notes.allInnerTexts()).toEqual([
      `${QWEN} cannot take red.png.`,
      `big.txt is too large for ${QWEN}.`,
    ])
    await button(page, 'Remove big.txt').click()
    expect(await notes.allInnerTexts()).toEqual([`${QWEN} cannot take red.png.`])
    await chooseModels(page, [GEMINI])
    expect(await notes.count()).toBe(0)
  })

  test.each([
    ['drop', 'body'],
    ['paste', '#prompt'],
  ])('that is a picture comes with a thumbnail: %s', async (event, target) => {
    const { page, prompt } = await chat.open()
    await chooseModels(page, [GEMINI])
    await page.locator(target).evaluate(
      (element, { event, bytes }) => {
        const data = new DataTransfer()
        data.items.add(new File([new Uint8Array(bytes)], 'red.png', { type: 'image/png' }))
        const init = { bubbles: true, cancelable: true }
        element.dispatchEvent(
          event === 'drop'
            ? new DragEvent('drop', { ...init, dataTransfer: data })
            : new ClipboardEvent('paste', { ...init, clipboardData: data }),
        )
      },
      { event, bytes: [...RED.buffer] },
    )
    await untilStored(page, 1)
    expect(await chips(page).locator('img').getAttribute('src')).toMatch(/^blob:/)
    await prompt.fill('What is it?')
    await prompt.press('Enter')
    const sent = page.locator('.batch > .files').getByRole('img', { name: 'red.png' })
    await expect
      .poll(() => sent.evaluate((image) => (image as HTMLImageElement).naturalWidth))
      .toBe(320)
  })
})
