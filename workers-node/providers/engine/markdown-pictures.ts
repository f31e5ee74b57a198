/** Sticky: it is looked for at one place only. */
const HEAD = /data:(image\/[\w.+-]{1,60});base64,/y
const NOT_BASE64 = /[^\w+/=]/g

/** A picture as a text has it: where it stands, and the address that it names. */
type Found = { from: number; to: number; address: string }

/**
 * Takes the pictures out of a text: Markdown's, and inline ones (`data:` URLs) by themselves. What is
 * begun and not ended stays a word. Every search goes on where the last one ended, as a model may
 * write megabytes of anything: the time is that of reading the text a few times.
 */
export function splitPictures(text: string): { words: string; addresses: string[] } {
  const links = occurrences(text, '![')
  const inlines = occurrences(text, 'data:image/')
  const labelEnds = occurrences(text, ']')
  const ends = occurrences(text, ')')
  const words: string[] = []
  const addresses: string[] = []
  let at = 0
  let vain = -1
  for (let link = links(0), inline = inlines(0); ; ) {
    const from = Math.min(link, inline)
    if (from === text.length) break
    const found = from === link ? linkedAt(from) : inlineAt(from)
    if (found) {
      words.push(text.slice(at, found.from))
      addresses.push(found.address)
      at = found.to
    }
    const next = found?.to ?? from + 1
    link = links(next)
    inline = inlines(next)
  }
  return { words: words.join('') + text.slice(at), addresses }

  /** `![label](address "title")`. */
  function linkedAt(from: number): Found | undefined {
    const open = labelEnds(from) + 1
    const to = ends(open)
    // Many a label may seem to begin ahead of one end.
    if (text[open] !== '(' || to === text.length || open === vain) return undefined
    const linked = text.slice(open + 1, to).trimStart()
    const [address = ''] = linked.split(/\s/, 1)
    if (address) return { from, to: to + 1, address }
    vain = open
    return undefined
  }

  function inlineAt(from: number): Found | undefined {
    const data = dataAfterHead(text, from)
    if (data === undefined) return undefined
    NOT_BASE64.lastIndex = data
    const to = NOT_BASE64.exec(text)?.index ?? text.length
    return to > data ? { from, to, address: text.slice(from, to) } : undefined
  }
}

/** Media type and Base64 of a `data:` URL that is a picture's. */
export function inlinePicture(address: string): { mediaType: string; data: string } | undefined {
  const begin = dataAfterHead(address, 0)
  if (begin === undefined) return undefined
  const data = address.slice(begin)
  const mediaType = address.slice('data:'.length, address.indexOf(';'))
  return data && data.search(NOT_BASE64) === -1 ? { mediaType, data } : undefined
}

/** Where the Base64 begins whose head stands at `from`, if one does. */
function dataAfterHead(text: string, from: number): number | undefined {
  HEAD.lastIndex = from
  return HEAD.test(text) ? HEAD.lastIndex : undefined
}

/** Finds the next place of a word at or after another, which never goes back; the length where none is. */
function occurrences(text: string, word: string): (from: number) => number {
  let next = -1
  return (from) => {
    if (next < from) next = text.indexOf(word, from)
    if (next === -1) next = text.length
    return next
  }
}
