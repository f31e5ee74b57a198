import type { Conversations } from '../../drizzle/contract/http-api.ts'
import { getConversations } from './client/api.ts'
import { messageOf } from './client/api-error.ts'
import type { Connection } from './client/connection.ts'
import { element, setText } from './element.ts'
import { keepTrying } from './client/keep-trying.ts'
import { addressOf } from './route.ts'

type Row = { item: HTMLLIElement; link: HTMLAnchorElement }
type Parts = {
  list: HTMLElement
  note: HTMLElement
  more: HTMLButtonElement
  connection: Connection
}

export type ConversationList = {
  /** Asks for the newest ones and puts them at the top. */
  refresh(): Promise<void>
  mark(conversationId: string | null): void
}

/** The conversations, newest first, a page at a time. */
export function createConversationList(parts: Parts): ConversationList {
  const rows = new Map<string, Row>()
  let cursor: string | null = null
  let loadedMore = false
  let marked: string | null = null

  const rowOf = ({ conversation_id: id, title }: Conversations['conversations'][number]) => {
    let row = rows.get(id)
    if (!row) {
      const link = element('a', { href: addressOf(id) })
      row = { item: element('li', {}, link), link }
      rows.set(id, row)
    }
    setText(row.link, title || 'Untitled')
    row.link.title = title
    return row
  }

  const mark = (id: string | null) => {
    marked = id
    for (const [key, { link }] of rows) {
      if (key === id) link.setAttribute('aria-current', 'page')
      else link.removeAttribute('aria-current')
    }
  }

  const ask = async (from: string | null) => {
    const signal = new AbortController().signal
    const { connection } = parts
    return await keepTrying(() => getConversations(from, signal), { signal, connection })
  }

  const show = async (from: string | null, place: (items: HTMLLIElement[]) => void) => {
    try {
      const page = await ask(from)
      place(page.conversations.map((conversation) => rowOf(conversation).item))
      // A refresh of the top must not lose the place of one who has asked for more.
      if (from !== null || !loadedMore) cursor = page.next_cursor
      parts.more.hidden = cursor === null
      setText(parts.note, 'No conversations yet.')
      parts.note.hidden = rows.size > 0
      mark(marked)
    } catch (error) {
      setText(parts.note, messageOf(error))
      parts.note.hidden = false
    }
  }

  parts.more.addEventListener('click', async () => {
    parts.more.disabled = true
    loadedMore = true
    await show(cursor, (items) => parts.list.append(...items))
    parts.more.disabled = false
  })

  return {
    refresh: () => show(null, (items) => placeAtTop(parts.list, items)),
    mark,
  }
}

/** Moves only what stands elsewhere: a moved link would lose the focus. */
function placeAtTop(list: HTMLElement, items: HTMLLIElement[]): void {
  items.forEach((item, index) => {
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null)
  })
}
