import type { Locator, Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import type { Batch } from '../drizzle/contract/http-api.ts'
import { englishOn, hold, SHOWN_MS, useChatPage } from './setup/chat-page.ts'
import type { Step } from './setup/model-server.ts'

const [GEMINI, DEEPSEEK, QWEN] = ['gemini-2.5-flash', 'deepseek-r1:1.5b', 'qwen3:1.7b'] as const
const THREE = [GEMINI, DEEPSEEK, QWEN]

const chat = useChatPage()
const button = (of: Page | Locator, name: string) => of.getByRole('button', { name, exact: true })
const answer = (card: Locator) => card.locator('.answer').innerText()
const appears = (of: Page | Locator, text: string) =>
  of.getByText(text).first().waitFor({ timeout: SHOWN_MS })

/** Models that begin, and end their answers when they may. */
function beginAll(held: { until: Promise<void> }): void {
  chat.models.answer(({ model }) => [{ text: `${model} begins` }, held, { text: ' and ends.' }])
}

describe('an answer that is being written', { timeout: 60_000 }, () => {
  test('is cancelled alone, and keeps what there is of it', async () => {
    const held = hold()
    beginAll(held)
    const { page, ask, card, cards, untilCards, complaints } = await chat.open()
    await ask('One is enough', THREE)
    await untilCards('writing', 3)
    await button(card(QWEN), `Cancel: ${QWEN}`).click()
    await untilCards('cancelled', 1)
    expect(await card(QWEN).locator('.state').innerText()).toBe('cancelled')
    expect(await card(QWEN).evaluate((root) => root === document.activeElement)).toBe(true)
    expect(await page.locator('#announcer').innerText()).toBe(`${QWEN}: cancelled`)
    expect(await cards('writing').count()).toBe(2)
    held.release()
    await untilCards('done', 2)
    expect(await answer(card(QWEN))).toBe(`${QWEN} begins`)
    expect(await answer(card(GEMINI))).toBe(`${GEMINI} begins and ends.`)
    expect(await button(card(QWEN), `Cancel: ${QWEN}`).count()).toBe(0)
    await page.reload()
    await untilCards('cancelled', 1)
    expect(await answer(card(QWEN))).toBe(`${QWEN} begins`)
    expect(complaints).toEqual([])
  })

  test('is cancelled with all others', async () => {
    beginAll(hold())
    const { page, ask, untilCards } = await chat.open()
    await ask('None of them', THREE)
    await untilCards('writing', 3)
    await button(page, 'Cancel all').click()
    await untilCards('cancelled', 3)
    expect(await page.locator('.answer').allInnerTexts()).toEqual(
      THREE.map((model) => `${model} begins`),
    )
    expect(await button(page, 'Cancel all').count()).toBe(0)
  })

  test('is cancelled by Esc where it is of the newest prompt and nothing is open', async () => {
    const held = hold()
    beginAll(held)
    const { page, ask, cards, card, untilCards } = await chat.open()
    await ask('The older one', [QWEN])
    await ask('The newer one', [GEMINI, DEEPSEEK])
    await untilCards('writing', 3)
    const cancels: string[] = []
    page.on('request', (request) => {
      if (request.url().endsWith('/cancel')) cancels.push(request.url())
    })

    await page.locator('#models').click()
    await page.locator('#model-list:popover-open').waitFor()
    await page.keyboard.press('Escape')
    await page.locator('#model-list:popover-open').waitFor({ state: 'detached' })
    await page.locator('.prompt').first().focus()
    await page.keyboard.press('?')
    await page.locator('dialog[open]').waitFor()
    await page.keyboard.press('Escape')
    await page.locator('dialog[open]').waitFor({ state: 'detached' })
    expect(cancels).toEqual([])
    expect(await cards('writing').count()).toBe(3)

    await page.keyboard.press('Escape')
    await untilCards('cancelled', 2)
    await page.keyboard.press('Escape')
    held.release()
    await untilCards('done', 1)
    expect(await answer(card(QWEN, 0))).toBe(`${QWEN} begins and ends.`)
    expect(cancels).toHaveLength(1)
  })

  test('stays cancelled, though what was so before comes later', async () => {
    const held = hold()
    beginAll(held)
    const { page, ask, card, untilCards } = await chat.open()
    const [cancelled, asked] = [hold(), hold()]
    let late: Promise<void> | undefined
    await page.route('**/v1/batches/*', async (route) => {
      const { prefer, 'if-none-match': tag, ...headers } = route.request().headers()
      if (!prefer || late) return route.continue()
      const response = await route.fetch({ headers })
      const { results } = (await response.json()) as Batch
      if (results.every((result) => result.response_text)) {
        late = cancelled.until
        asked.release()
        await late
      }
      // It may have been broken off.
      await route.fulfill({ response }).catch(() => {})
    })
    await ask('Not this one', THREE)
    await asked.until
    const states = await card(QWEN).evaluateHandle((root) => {
      const seen: (string | undefined)[] = []
      const look = () => seen.push(root.dataset.state)
      new MutationObserver(look).observe(root, { attributeFilter: ['data-state'] })
      return seen
    })
    await button(card(QWEN), `Cancel: ${QWEN}`).click()
    await untilCards('cancelled', 1)
    cancelled.release()
    held.release()
    await untilCards('done', 2)
    expect(await states.jsonValue()).toEqual(['cancelled'])
  })

  test('that could not be cancelled while offline goes on, and no more is said of it', async () => {
    const held = hold()
    beginAll(held)
    const { page, context, ask, card, cards, untilCards } = await chat.open()
    await ask('From a tunnel', [QWEN])
    await untilCards('writing', 1)
    await context.setOffline(true)
    await button(card(QWEN), `Cancel: ${QWEN}`).click()
    const problem = page.locator('.batch > .error')
    await problem.waitFor({ timeout: SHOWN_MS })
    await context.setOffline(false)
    await problem.waitFor({ state: 'hidden', timeout: SHOWN_MS })
    expect(await cards('writing').count()).toBe(1)
    held.release()
    await untilCards('done', 1)
  })

  test('is retried where it failed or was cancelled, and nothing else changes', async () => {
    const held = hold()
    const first: Record<string, Step[] | { status: number; body: unknown }> = {
      [GEMINI]: { status: 400, body: { error: { message: 'no' } } },
      [DEEPSEEK]: [{ text: 'Too slow' }, hold()],
      [QWEN]: [{ text: 'Good at once.' }],
    }
    chat.models.answer(({ model }) => first[model]!)
    const { ask, card, page, untilCards, complaints } = await chat.open()
    await ask('Try harder', THREE)
    await untilCards('failed', 1)
    await untilCards('writing', 1)
    await button(card(DEEPSEEK), `Cancel: ${DEEPSEEK}`).click()
    await untilCards('cancelled', 1)
    await untilCards('done', 1)
    // So that nothing of it is asked for any more.
    await page.reload()
    await untilCards('failed', 1)
    const good = await card(QWEN).locator('.answer p').elementHandle()
    expect(await button(card(QWEN), `Retry: ${QWEN}`).count()).toBe(0)

    chat.models.answer(({ model }) => [{ text: `${model} again` }, held, { text: ', done.' }])
    for (const model of [GEMINI, DEEPSEEK]) {
      await button(card(model), `Retry: ${model}`).click()
      await appears(card(model), `${model} again`)
      expect(await card(model).getAttribute('data-state')).toBe('writing')
      expect(await card(model).locator('.error').count()).toBe(0)
    }
    held.release()
    await untilCards('done', 3)
    expect(await answer(card(DEEPSEEK))).toBe(`${DEEPSEEK} again, done.`)
    expect(await answer(card(GEMINI))).toBe(`${GEMINI} again, done.`)
    expect(await good?.evaluate((node) => node.isConnected && node.textContent)).toBe(
      'Good at once.',
    )
    expect(await page.locator('.batch > .error').isVisible()).toBe(false)
    expect(complaints).toEqual([])
  })
})

describe('an answer that failed', { timeout: 60_000 }, () => {
  const declined = '抱歉，我无法生成图片。'

  test('says why and what to do next, in the language of the page, beside the words of the model', async () => {
    chat.models.answer(({ model }) => {
      if (model === GEMINI) return { status: 404, body: { error: { message: 'secret words' } } }
      if (model === QWEN) return [{ text: declined }]
      return [{ text: '半句' }, { finish: 'content_filter' }]
    })
    const { page, ask, card, untilCards } = await chat.open()
    await ask('画一只猫', THREE)
    await untilCards('failed', 3)
    const errors = () => page.locator('.card .error').allInnerTexts()
    expect(await errors()).toEqual([
      'The model service does not have this model.\n\nThe operator of this server has to fix this; other models may answer.',
      'The model service withheld the answer by its content rules.\n\nChange the prompt and ask again.',
      'The model declined the request.\n\nChange the prompt and ask again.',
    ])
    expect(await answer(card(QWEN))).toBe(declined)

    await page.evaluate(() => localStorage.setItem('async-chat.language', 'zh'))
    await page.reload()
    await untilCards('failed', 3)
    expect(await errors()).toEqual([
      '模型服务中没有这个模型。\n\n需要服务器的管理者处理；其他模型或许可以回答。',
      '模型服务按其内容规则拦截了回答。\n\n请修改提示词后重新提问。',
      '模型拒绝回答该请求。\n\n请修改提示词后重新提问。',
    ])
    expect(await answer(card(QWEN))).toBe(declined)
    await button(card(QWEN), `重试：${QWEN}`).waitFor()
    expect(await englishOn(page)).toEqual([])
  })
})

describe('an answer that is there', { timeout: 60_000 }, () => {
  const chooses = (of: Locator, model: string) => button(of, `Go on with this one: ${model}`)

  test('is chosen for what comes after, or taken back, until the conversation goes on', async () => {
    chat.models.answer(({ model, messages }) => [{ text: `${model}: answer ${messages.length}` }])
    const { ask, card, page, untilCards, complaints } = await chat.open()
    const pressed = () =>
      page
        .locator('.batch')
        .last()
        .locator('.choose')
        .evaluateAll((all) => all.map((one) => one.getAttribute('aria-pressed')))
    const sawLast = () =>
      Object.fromEntries(
        chat.models.requests
          .slice(-3)
          .map(({ model, messages }) => [model, messages.map(({ text }) => text)]),
      )
    await ask('First', THREE)
    await untilCards('done', 3)
    await chooses(card(GEMINI), GEMINI).click()
    await expect.poll(pressed).toEqual(['true', 'false', 'false'])
    await chooses(card(QWEN), QWEN).click()
    await expect.poll(pressed).toEqual(['false', 'false', 'true'])

    await ask('Second', THREE)
    await untilCards('done', 6)
    const withChosen = ['First', `${QWEN}: answer 1`, 'Second']
    expect(sawLast()).toEqual({
      [GEMINI]: withChosen,
      [DEEPSEEK]: withChosen,
      [QWEN]: withChosen,
    })
    expect(await page.locator('.batch').first().locator('.choose').count()).toBe(0)
    const note = page.getByText('The chat goes on with this one')
    expect(await note.count()).toBe(1)
    expect(await card(QWEN, 0).getByText('The chat goes on with this one').isVisible()).toBe(true)

    await chooses(card(DEEPSEEK, 1), DEEPSEEK).click()
    await expect.poll(pressed).toEqual(['false', 'true', 'false'])
    await chooses(card(DEEPSEEK, 1), DEEPSEEK).click()
    await expect.poll(pressed).toEqual(['false', 'false', 'false'])
    await ask('Third', THREE)
    await untilCards('done', 9)
    expect(sawLast()).toEqual(
      Object.fromEntries(
        THREE.map((model) => [model, [...withChosen, `${model}: answer 3`, 'Third']]),
      ),
    )
    expect(await note.count()).toBe(1)
    expect(complaints).toEqual([])
  })

  test('is copied, and copied as Markdown', async () => {
    const markdown = 'Some **bold** words\n\n- and `code`'
    chat.models.answer(() => [{ text: markdown }])
    const { page, context, ask, card, untilCards } = await chat.open()
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    const copied = () => page.evaluate(() => navigator.clipboard.readText())
    await ask('Copy me', [QWEN])
    await untilCards('done', 1)
    await button(card(QWEN), `Copy as Markdown: ${QWEN}`).click()
    await expect.poll(copied).toBe(markdown)
    await expect.poll(() => page.locator('#announcer').innerText()).toBe('Copied')
    await page.evaluate(() => navigator.clipboard.writeText(''))
    await button(card(QWEN), `Copy: ${QWEN}`).click()
    await expect.poll(copied).toMatch(/^Some .*bold.* words\n[\s\S]*and .?code/)
  })

  test('says what it took, and tells its reasoning apart, folded', async () => {
    const [reasoned, wrote, ended] = [hold(), hold(), hold()]
    chat.models.answer(() => [
      { reasoning: 'First I think of this' },
      reasoned,
      { reasoning: ', and then of that.' },
      wrote,
      { text: 'So it is' },
      ended,
      { text: ' this.' },
    ])
    const { page, ask, card, untilCards, complaints } = await chat.open()
    await ask('Think first', [QWEN])
    const summary = card(QWEN).locator('summary')
    const text = card(QWEN).locator('.reasoning .text')
    await summary.waitFor({ timeout: SHOWN_MS })
    expect(await summary.innerText()).toBe('Thinking…')
    expect(await text.isVisible()).toBe(false)
    await summary.click()
    await text.evaluate((box) => {
      document.getSelection()?.setBaseAndExtent(box.firstChild!, 6, box.firstChild!, 13)
    })
    const selected = () => page.evaluate(() => String(document.getSelection()))
    expect(await selected()).toBe('I think')
    reasoned.release()
    await appears(text, 'First I think of this, and then of that.')
    expect(await selected()).toBe('I think')

    wrote.release()
    await appears(card(QWEN), 'So it is')
    expect(await summary.innerText()).toMatch(/^Thought for \d+(\.\d)? s$/)
    expect(await selected()).toBe('I think')
    expect(await card(QWEN).locator('.facts').count()).toBe(0)
    ended.release()
    await untilCards('done', 1)
    const rows = await chat.stack.database.query<Record<'reasoning_ms' | 'first_token_ms', number>>(
      'SELECT reasoning_ms, first_token_ms FROM tasks ORDER BY created_at DESC, id DESC LIMIT 1',
    )
    const seconds = (ms: number) => (ms / 1000).toFixed(1)
    const { reasoning_ms, first_token_ms } = rows[0]!
    const folded = (reasoning_ms / 1000).toFixed(reasoning_ms < 10_000 ? 1 : 0)
    expect(await summary.innerText()).toBe(`Thought for ${folded} s`)
    expect(await selected()).toBe('I think')
    const facts = card(QWEN).locator('.facts')
    expect(await facts.locator('span').allInnerTexts()).toEqual([
      `first token ${seconds(first_token_ms)} s`,
      '11 tokens read, 7 written, 3 of them for reasoning',
    ])
    expect(await answer(card(QWEN))).toBe('So it is this.')
    expect(complaints).toEqual([])
  })

  test('says how long it was thought of where it is cancelled while it is written', async () => {
    const wrote = hold()
    chat.models.answer(() => [{ reasoning: 'Hm.' }, wrote, { text: 'So' }, hold()])
    const { page, ask, card, untilCards } = await chat.open()
    await ask('Think, and stop', [QWEN])
    const summary = card(QWEN).locator('summary')
    await untilCards('thinking', 1)
    await summary.waitFor({ timeout: SHOWN_MS })
    wrote.release()
    await untilCards('writing', 1)
    const said = await summary.innerText()
    expect(said).toMatch(/^Thought for /)
    await button(card(QWEN), `Cancel: ${QWEN}`).click()
    await untilCards('cancelled', 1)
    expect(await summary.innerText()).toBe(said)
    await page.reload()
    await untilCards('cancelled', 1)
    expect(await summary.innerText()).toBe('Reasoning')
  })

  const WIDE = [
    `${'Donaudampfschifffahrt'.repeat(30)} ${'Plain words go on and on. '.repeat(150)}`,
    `| ${'wide head | '.repeat(20)}\n|${' - |'.repeat(20)}\n| ${'wide cell | '.repeat(20)}`,
    `\`\`\`\n${'a long line of code '.repeat(40)}\n\`\`\``,
    `- https://example.org/${'path/'.repeat(100)}\n\n1. ${'字'.repeat(1000)}`,
  ].join('\n\n')
  const LONG = WIDE.padEnd(10_000, ' And so on.')
  const FIVE = [GEMINI, 'gemini-2.5-pro', DEEPSEEK, 'deepseek-chat', QWEN]

  test.each([1280, 390])('is one of five with 10,000 characters each, at %i px', async (width) => {
    chat.models.answer(() => [{ reasoning: 'x'.repeat(500) }, { text: LONG }])
    const { page, ask, cards, card, untilCards } = await chat.open({
      viewport: { width, height: 800 },
    })
    await ask('Say much', FIVE)
    await untilCards('done', 5)
    for (const summary of await page.locator('summary').all()) await summary.click()
    const overflow = await page.evaluate(() =>
      [
        document.scrollingElement!,
        ...document.querySelectorAll('.thread, .card, .answer, .composer'),
      ]
        .filter((box) => box.scrollWidth > box.clientWidth + 1)
        .map((box) => `${box.className} ${box.scrollWidth} > ${box.clientWidth}`),
    )
    expect(overflow).toEqual([])
    const boxes = await Promise.all((await cards('done').all()).map((one) => one.boundingBox()))
    const isInView = async (part: Locator) => {
      const box = (await part.boundingBox())!
      return box.x >= 0 && box.x + box.width <= width
    }
    const tabs = page.locator('.tabs button')
    if (width > 700) {
      expect(Math.min(...boxes.map((box) => box!.width))).toBeGreaterThan(250)
      // In the middle of their texts, one sees whose answers they are, and gets to each.
      await page.locator('#thread').evaluate((box) => box.scrollTo(0, box.scrollHeight / 2))
      const top = (await page.locator('#thread').boundingBox())!.y
      for (const [i, model] of FIVE.entries()) {
        expect(await tabs.nth(i).innerText()).toBe(model)
        expect(Math.abs((await tabs.nth(i).boundingBox())!.y - top)).toBeLessThan(20)
      }
      const marked = () => page.locator('.tabs .in-view').allInnerTexts()
      for (const model of [QWEN, GEMINI]) {
        await tabs.filter({ hasText: model }).first().click()
        await expect.poll(() => isInView(card(model))).toBe(true)
        await expect.poll(marked).toContain(model)
      }
      expect(await marked()).not.toContain(QWEN)
      return
    }
    // Here each has the width of the screen: the others are a swipe or a tab away.
    for (const box of boxes) expect(box!.width).toBeLessThanOrEqual(width)
    const current = page.locator('.tabs [aria-current=true]')
    await page.locator('.cards').evaluate((row) => row.scrollTo(row.scrollWidth, 0))
    await expect.poll(() => current.innerText()).toBe(QWEN)
    await expect.poll(() => isInView(card(QWEN))).toBe(true)
    await expect.poll(() => isInView(current)).toBe(true)
    expect((await current.locator('.dot').boundingBox())!.width).toBeGreaterThan(4)
    const top = async () => (await page.locator('.tabs').boundingBox())!.y
    const before = await top()
    await page.locator('.tabs button').first().click()
    await expect.poll(() => isInView(card(GEMINI))).toBe(true)
    expect(await isInView(card(QWEN))).toBe(false)
    await expect.poll(() => current.innerText()).toBe(GEMINI)
    expect(await top()).toBe(before)
  })
})

describe('a conversation of many prompts', { timeout: 60_000 }, () => {
  /** The page of a visitor whose conversation has 25 long answers, and what holds its second page up. */
  async function openLong() {
    chat.models.answer(() => [{ text: 'Line after line.\n\n'.repeat(60) }])
    const { page, ask, untilCards } = await chat.open()
    await ask('The first of many', [QWEN])
    await untilCards('done', 1)
    await chat.stack.database.query(
      `WITH given AS (
         UPDATE conversations SET turns = 25 WHERE id = $1 RETURNING id
       ), copies AS (
         INSERT INTO batches (id, conversation_id, owner, turn, user_prompt, mode, traceparent,
           total_tasks, open_tasks, success_tasks, created_at, finished_at)
         SELECT gen_random_uuid(), b.conversation_id, b.owner, place, 'Prompt ' || place, b.mode,
           b.traceparent, 1, 0, 1, b.created_at, b.finished_at
         FROM given JOIN batches b ON b.conversation_id = given.id, generate_series(2, 25) AS place
         RETURNING id, conversation_id
       )
       INSERT INTO tasks SELECT copy.*
       FROM copies JOIN tasks t ON t.conversation_id = copies.conversation_id,
         jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid(), 'batch_id', copies.id))
           AS copy`,
      [page.url().split('/c/')[1]],
    )
    let next = hold()
    await page.route(/history\?.*cursor=/, async (route) => {
      await next.until
      await route.continue()
    })
    const prompts = page.locator('.batch')
    const isAtTop = (text: string) =>
      page.evaluate((wanted) => {
        const batch = [...document.querySelectorAll('.batch')].findLast((one) =>
          one.textContent?.includes(wanted),
        )
        const top = batch?.getBoundingClientRect().top ?? 0
        return Math.abs(top - document.getElementById('thread')!.getBoundingClientRect().top) < 20
      }, text)
    return {
      page,
      /** Loads the page anew, and waits until the end of the first page of its history is shown. */
      async reload() {
        next = hold()
        await page.reload()
        await expect.poll(() => isAtTop('Prompt 20')).toBe(true)
      },
      /** Lets the rest come. */
      async showRest() {
        next.release()
        await expect.poll(() => prompts.count()).toBe(25)
      },
      isAtTop,
    }
  }

  test('opens at its last one, and leaves alone who has begun to read meanwhile', async () => {
    const { page, reload, showRest, isAtTop } = await openLong()
    await reload()
    await showRest()
    await expect.poll(() => isAtTop('Prompt 25')).toBe(true)

    await reload()
    const thread = page.locator('#thread')
    await thread.evaluate(async (box) => {
      const scrolled = new Promise((resolve) => box.addEventListener('scroll', resolve))
      box.scrollTo(0, 0)
      await scrolled
    })
    await showRest()
    // Whoever would be moved would be by then.
    await page.evaluate(async () => {
      for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame)
    })
    expect(await thread.evaluate((box) => box.scrollTop)).toBe(0)
  })
})
