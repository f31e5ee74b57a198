import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Conversation } from '../../../drizzle/contract/http-api.ts'
import { exportAddress } from '../client/api.ts'
import { rename } from '../state/conversations.ts'
import { deleteSoon } from '../state/deletions.ts'
import { isOfInputMethod } from '../state/input-method.ts'
import { newChat } from '../state/navigate.ts'
import { addressOf } from '../state/route.ts'
import { openId } from '../state/thread.ts'
import { words } from '../words/words.ts'
import { Icon } from './icon.tsx'
import { closePopover, Popover } from './popover.tsx'

/** One conversation of the list: its link, and what can be done with it. */
export function ConversationRow({ conversation }: { conversation: Conversation }) {
  const { conversation_id: id, title } = conversation
  const [isRenaming, setRenaming] = useState(false)
  const row = useRef<HTMLLIElement>(null)
  const say = words.value
  const menu = `menu-${id}`
  const endRenaming = (how: 'by key' | 'by leaving') => {
    setRenaming(false)
    // The field that had the focus goes away.
    if (how === 'by key') requestAnimationFrame(() => row.current?.querySelector('a')?.focus())
  }
  const remove = () => {
    closePopover(menu)
    const neighbour = row.current?.nextElementSibling ?? row.current?.previousElementSibling
    const next = neighbour?.querySelector('a') ?? document.getElementById('search')
    deleteSoon(conversation)
    if (openId.value === id) newChat()
    else next?.focus()
  }
  if (isRenaming) {
    return (
      <li ref={row}>
        <TitleField title={title} onEnd={endRenaming} onTitle={(text) => rename(id, text)} />
      </li>
    )
  }
  return (
    <li ref={row}>
      <a
        href={addressOf(id)}
        title={title}
        aria-current={openId.value === id ? 'page' : undefined}
        onDblClick={() => setRenaming(true)}
        onKeyDown={({ key }) => key === 'F2' && setRenaming(true)}
      >
        {title || say.untitled}
      </a>
      <button
        type="button"
        class="icon small"
        popovertarget={menu}
        aria-label={say.actionsOf(title || say.untitled)}
      >
        <Icon name="more" />
      </button>
      <Popover id={menu} label={say.actionsOf(title || say.untitled)} class="menu-list">
        <button type="button" class="row" onClick={() => setRenaming(true)}>
          {say.rename}
        </button>
        <a class="row" href={exportAddress(id, 'markdown')} download>
          {say.saveAsMarkdown}
        </a>
        <a class="row" href={exportAddress(id, 'json')} download>
          {say.saveAsJson}
        </a>
        <button type="button" class="row bad" onClick={remove}>
          {say.delete}
        </button>
      </Popover>
    </li>
  )
}

type FieldProps = {
  title: string
  onTitle(title: string): void
  onEnd(how: 'by key' | 'by leaving'): void
}

/** Enter keeps what is written, and so does leaving it; Esc does not. */
function TitleField({ title, onTitle, onEnd }: FieldProps) {
  const field = useRef<HTMLInputElement>(null)
  const ended = useRef(false)
  // Before anything can be typed.
  useLayoutEffect(() => {
    field.current?.focus()
    field.current?.select()
  }, [])
  const end = (text: string | null, how: 'by key' | 'by leaving') => {
    if (ended.current) return
    ended.current = true
    if (text !== null) onTitle(text.trim())
    onEnd(how)
  }
  return (
    <input
      class="title-field"
      ref={field}
      aria-label={words.value.newTitle}
      maxLength={200}
      defaultValue={title}
      onBlur={({ currentTarget }) => end(currentTarget.value, 'by leaving')}
      onKeyDown={(event) => {
        if (isOfInputMethod(event)) return
        if (event.key === 'Enter') end(event.currentTarget.value, 'by key')
        if (event.key !== 'Escape') return
        event.preventDefault()
        end(null, 'by key')
      }}
    />
  )
}
