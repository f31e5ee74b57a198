import type { Locator, Page, Request } from 'playwright-core'
import { beforeEach, describe, expect, test } from 'vitest'
import { reachState } from './setup/page-states.ts'
import { usePage } from './setup/use-page.ts'

const ANSWERED_MS = 20_000
const used = usePage({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' })
let page: Page
const prompt = () => page.locator('#prompt')
const focused = () => page.locator(':focus')
const button = (name: string | RegExp) => page.getByRole('button', { name, exact: true })

beforeEach(async () => {
  page = used.page
  await reachState(page, used.url, used.made, 'empty')
})

/** Goes there by Tab alone, and looks on every step whether one sees where one is. */
async function tabTo(target: Locator, key = 'Tab'): Promise<void> {
  for (let steps = 0; steps < 80; steps++) {
    await page.keyboard.press(key)
    const { isSeen, element } = await howFocusIsSeen()
    expect(isSeen, `one does not see the focus on ${element}`).toBe(true)
    if (await target.evaluate((element) => element === document.activeElement)) return
  }
  throw new Error(`no Tab leads to ${target}`)
}

/** What has the focus, and whether it is in view and marked. */
function howFocusIsSeen() {
  return page.evaluate(() => {
    const element = document.activeElement as HTMLElement
    const { top, bottom, left, right } = element.getBoundingClientRect()
    const inView =
      bottom > top &&
      right > left &&
      bottom > 0 &&
      right > 0 &&
      top < innerHeight &&
      left < innerWidth
    const isMarked = (marked: Element) => {
      const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(marked)
      return outlineStyle !== 'none' && outlineWidth !== '0px' && !/, 0\)$/.test(outlineColor)
    }
    // A field shows it by the border of its box, a choice by the outline of its label.
    const box = element.closest('.composer, .search, .chip, label') ?? element
    const accent = document.body.appendChild(document.createElement('i'))
    accent.style.color = 'var(--accent)'
    const hasBorder = getComputedStyle(box).borderTopColor === getComputedStyle(accent).color
    accent.remove()
    const isSeen =
      element !== document.body && inView && (isMarked(element) || isMarked(box) || hasBorder)
    return { isSeen, element: element.outerHTML.slice(0, 160) }
  })
}

async function expectFocus(on: Locator): Promise<void> {
  await expect.poll(() => on.evaluate((element) => element === document.activeElement)).toBe(true)
}

describe('by the keyboard alone', { timeout: 120_000 }, () => {
  test('one gets in, chooses models, asks them, and works with what they answer', async () => {
    used.models.answer(() => [{ reasoning: 'Let me see.' }, { text: '**All** of them.' }])
    await page.keyboard.press('Tab')
    expect(await focused().textContent()).toBe('Skip to the prompt')
    expect(await howFocusIsSeen()).toMatchObject({ isSeen: true })
    await page.keyboard.press('Enter')
    await expectFocus(prompt())

    await tabTo(page.locator('#models'))
    await page.keyboard.press('Enter')
    for (const model of ['gemini-2.5-flash', 'deepseek-chat', 'deepseek-reasoner']) {
      const box = page.locator(`input[value='${model}']`)
      await tabTo(box)
      if (model === 'deepseek-chat') await page.keyboard.press('Space')
      expect(await box.isChecked()).toBe(model !== 'deepseek-chat')
    }
    await page.keyboard.press('Escape')
    await expectFocus(page.locator('#models'))
    await tabTo(page.getByRole('switch'))
    await page.keyboard.press('Space')
    await tabTo(prompt(), 'Shift+Tab')
    await page.keyboard.type('Which keys?')
    await page.keyboard.press('Shift+Enter')
    await page.keyboard.type('All of them.')
    await page.keyboard.press('Enter')
    await expect
      .poll(() => page.locator('.card[data-state=done]').count(), { timeout: ANSWERED_MS })
      .toBe(3)
    expect(await page.locator('.prompt').textContent()).toBe('Which keys?\nAll of them.')
    await expectFocus(prompt())

    const thoughts = page.locator('.reasoning summary').last()
    await tabTo(thoughts, 'Shift+Tab')
    await page.keyboard.press('Enter')
    expect(await page.locator('.reasoning[open]').count()).toBe(1)
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await tabTo(button('Copy as Markdown: deepseek-reasoner'))
    await page.keyboard.press('Enter')
    await page.locator('#announcer', { hasText: 'Copied' }).waitFor()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('**All** of them.')
    const choose = button('Go on with this one: deepseek-reasoner')
    await tabTo(choose)
    await page.keyboard.press('Space')
    await page.locator('.card.chosen').waitFor()
    await expectFocus(choose)
  })

  test('one cancels, retries, and asks again with another prompt', async () => {
    const { promise: end, resolve: letGo } = Promise.withResolvers<void>()
    used.models.answer(({ messages }) =>
      messages.at(-1)?.text === 'Wait' ? [{ text: 'Some' }, { until: end }] : [{ text: 'Now' }],
    )
    await prompt().fill('Wait')
    await page.keyboard.press('Enter')
    await page.locator('.card[data-state=writing]').nth(2).waitFor({ timeout: ANSWERED_MS })
    const card = page.locator('.card', { hasText: 'deepseek-chat' })
    await tabTo(button('Cancel: deepseek-chat'), 'Shift+Tab')
    await page.keyboard.press('Enter')
    await page.locator('.card[data-state=cancelled]').waitFor()
    // The button is gone: the focus stays with the answer.
    await expectFocus(card)
    // Esc cancels the rest.
    await page.keyboard.press('Escape')
    await expect.poll(() => page.locator('.card[data-state=cancelled]').count()).toBe(3)
    letGo()
    await tabTo(button('Retry: deepseek-chat'))
    await page.keyboard.press('Enter')
    await expect.poll(() => card.getAttribute('data-state'), { timeout: ANSWERED_MS }).toBe('done')
    expect(await card.evaluate((root) => root.contains(document.activeElement))).toBe(true)
    await tabTo(button('Edit and ask again'), 'Shift+Tab')
    await page.keyboard.press('Enter')
    await expectFocus(prompt())
    expect(await prompt().inputValue()).toBe('Wait')
  })

  test('one renames a conversation, deletes it and takes that back', async () => {
    const row = page.locator('#conversations li').nth(1)
    const title = await row.locator('a').first().textContent()
    const openMenu = async () => {
      await tabTo(button(`Actions for “${await row.locator('a').first().textContent()}”`))
      await page.keyboard.press('Enter')
    }
    await tabTo(page.locator('#search'))
    await openMenu()
    await page.keyboard.press('Escape')
    await expectFocus(row.locator('[popovertarget]'))
    await page.keyboard.press('Enter')
    await tabTo(button('Rename'))
    await page.keyboard.press('Enter')
    await expectFocus(page.getByLabel('New title'))
    await page.keyboard.type('By keys')
    await page.keyboard.press('Enter')
    const renamed = page.getByRole('link', { name: 'By keys' })
    await expectFocus(renamed)

    await openMenu()
    await tabTo(button('Delete'))
    await page.keyboard.press('Enter')
    await page.getByText('“By keys” is deleted.').waitFor()
    await expectFocus(row.locator('a').first())
    await tabTo(button('Undo'), 'Shift+Tab')
    await page.keyboard.press('Enter')
    await renamed.waitFor()
    await expectFocus(renamed)
    await page.keyboard.press('F2')
    await expectFocus(page.getByLabel('New title'))
    await page.keyboard.type(title ?? '')
    await page.keyboard.press('Enter')
    await page.getByRole('link', { name: title ?? '' }).waitFor()
  })

  test('one opens and closes the settings and the list of shortcuts', async () => {
    const settings = button('Settings')
    const list = page.getByRole('dialog')
    await tabTo(settings)
    await page.keyboard.press('Enter')
    await tabTo(page.getByRole('radio', { name: 'System' }))
    await page.keyboard.press('ArrowRight')
    expect(await page.locator('html').getAttribute('data-theme')).toBe('light')
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('Escape')
    await expectFocus(settings)
    await page.keyboard.press('Enter')
    await tabTo(button(/Keyboard shortcuts/))
    await page.keyboard.press('Enter')
    await list.waitFor()
    await page.keyboard.press('Escape')
    await list.waitFor({ state: 'hidden' })
    await expectFocus(settings)
  })
})

describe('a shortcut', { timeout: 60_000 }, () => {
  test('of one key opens the list, or goes to the prompt, but not where one types', async () => {
    const list = page.getByRole('dialog', { name: 'Keyboard shortcuts' })
    const more = button('New chat')
    await more.focus()
    await page.keyboard.press('?')
    await list.waitFor()
    expect(await list.locator('dt').allTextContents()).toHaveLength(7)
    await page.keyboard.press('/')
    expect(await list.isVisible()).toBe(true)
    await page.keyboard.press('Escape')
    await list.waitFor({ state: 'hidden' })
    await expectFocus(more)
    await page.keyboard.press('/')
    await expectFocus(prompt())
    for (const field of [prompt(), page.locator('#search')]) {
      await field.focus()
      await page.keyboard.type('/?')
      expect(await field.inputValue()).toBe('/?')
      await expectFocus(field)
      await field.fill('')
    }
    expect(await list.isVisible()).toBe(false)

    await more.focus()
    await page.keyboard.press('?')
    await page.getByRole('checkbox', { name: 'Use single-key shortcuts' }).uncheck()
    await page.keyboard.press('Escape')
    await page.reload()
    await page.locator('#models').waitFor()
    await more.focus()
    await page.keyboard.press('/')
    await page.keyboard.press('?')
    await expectFocus(more)
    expect(await list.isVisible()).toBe(false)
  })

  test('with Ctrl searches, and begins a new chat; the rest stays within reach', async () => {
    await reachState(page, used.url, used.made, 'done')
    await page.keyboard.press('Control+k')
    await expectFocus(page.locator('#search'))
    expect(await page.locator('main').getAttribute('inert')).toBe(null)
    await page.keyboard.press('Control+Shift+o')
    await page.getByText('Ask several models at once').waitFor()
    await expectFocus(prompt())

    await page.setViewportSize({ width: 390, height: 844 })
    await page.keyboard.press('Control+k')
    await expectFocus(page.locator('#search'))
    await page.keyboard.press('Escape')
    await expectFocus(page.locator('.menu'))
    await page.setViewportSize({ width: 1280, height: 800 })
  })

  test('does not send what an input method has not composed yet', async () => {
    await prompt().fill('ni')
    for (const init of [{ isComposing: true }, { keyCode: 229 }]) {
      await prompt().evaluate((field, more) => {
        const event = { key: 'Enter', bubbles: true, cancelable: true, ...more }
        field.dispatchEvent(new KeyboardEvent('keydown', event))
      }, init)
    }
    await page.keyboard.press('Shift+Enter')
    await page.keyboard.type('hao')
    await page.keyboard.press('Enter')
    await page.locator('.batch').waitFor()
    expect(await page.locator('.prompt').textContent()).toBe('ni\nhao')
  })
})

/** The requests that wait at the server for a change, from now on. */
function waitsOf(of: Page): ReadonlySet<Request> {
  const waits = new Set<Request>()
  of.on('request', (request) => request.headers().prefer && waits.add(request))
  of.on('requestfinished', (request) => waits.delete(request))
  of.on('requestfailed', (request) => waits.delete(request))
  return waits
}

describe('a screen reader', { timeout: 60_000 }, () => {
  test('hears each thing once: that a prompt is sent, each end, and the connection', async () => {
    await page.evaluate(() => {
      const said: string[] = []
      Object.assign(window, { said })
      const last = new Map<Element, string>()
      const look = () => {
        for (const region of document.querySelectorAll('[role=status], [role=alert]')) {
          const text = region.textContent ?? ''
          if (region.getAttribute('aria-live') !== 'off' && text && last.get(region) !== text) {
            said.push(text)
          }
          last.set(region, text)
        }
      }
      look()
      said.length = 0
      new MutationObserver(look).observe(document.body, {
        subtree: true,
        childList: true,
        characterData: true,
      })
    })
    const { promise: end, resolve: letGo } = Promise.withResolvers<void>()
    used.models.answer(() => [{ text: 'One' }, { until: end }, { text: ' and two.' }])
    const waits = waitsOf(page)
    await prompt().fill('What is heard?')
    await page.keyboard.press('Enter')
    await page.locator('.card[data-state=writing]').nth(2).waitFor({ timeout: ANSWERED_MS })
    // A request that began offline would fail, and that would be said, too.
    await expect.poll(() => waits.size).toBe(1)
    await page.context().setOffline(true)
    await page.locator('#connection:not(:empty)').waitFor()
    await page.context().setOffline(false)
    await page.locator('#connection:empty').waitFor({ state: 'attached' })
    letGo()
    await expect
      .poll(() => page.locator('.card[data-state=done]').count(), { timeout: ANSWERED_MS })
      .toBe(3)
    const said = await page.evaluate(() => (window as unknown as { said: string[] }).said)
    const [first, second, ...ends] = said
    expect([first, second]).toEqual(['Prompt sent', expect.stringContaining('You are offline.')])
    // Those that end together are said together.
    const heard = ends.flatMap((text) => text.split('; ')).sort()
    expect(heard).toEqual([
      'deepseek-chat: done',
      'deepseek-reasoner: done',
      'gemini-2.5-flash: done',
    ])
  })
})
