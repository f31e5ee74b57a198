import type { Page } from 'playwright-core'

/**
 * What of the document would run, lead away or take the place of the page's own parts, as sentences. It
 * holds for texts that are shown as they are and for those that are shown as markup.
 */
export function dangersIn(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = []
    const say = (what: string, element: Element) =>
      found.push(`${what}: ${element.outerHTML.slice(0, 200)}`)
    const address = new Set(
      'href src action formaction data xlink:href poster background ping srcset to'.split(' '),
    )
    for (const element of document.querySelectorAll('*')) {
      for (const { name, value } of element.attributes) {
        if (/^on/i.test(name)) say('a handler', element)
        // What browsers leave out of an address before they look at it.
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
        const plain = value.replace(/[\u0000-\u0020]/g, '')
        if (address.has(name) && /^(javascript|vbscript|data):/i.test(plain)) {
          say('an address that runs', element)
        }
      }
    }
    // The page itself sets the height of a row of cards.
    const banned =
      'script, iframe, frame, object, embed, base, meta, link, style, form, template, dialog, [style]:not(.cards), [srcdoc], [autofocus], [formaction], foreignObject, animate, set, use'
    for (const place of ['batches', 'conversations', 'attachments', 'problem', 'announcer']) {
      const box = document.getElementById(place)
      if (!box) found.push(`#${place} is gone`)
      for (const element of box?.querySelectorAll(banned) ?? []) say('not of ours', element)
      for (const element of box?.querySelectorAll('img, source, video, audio') ?? []) {
        const source = element.getAttribute('src') ?? ''
        if (!/^(\/v1\/files\/|blob:)/.test(source)) say('it would be fetched', element)
      }
    }
    const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id)
    for (const id of new Set(ids)) {
      if (ids.filter((other) => other === id).length > 1) found.push(`#${id} is there twice`)
    }
    if (typeof document.createElement !== 'function') found.push('createElement is taken')
    if (typeof document.cookie !== 'string') found.push('cookie is taken')
    if (!(document.getElementById('prompt') instanceof HTMLTextAreaElement)) {
      found.push('#prompt is taken')
    }
    return found
  })
}
