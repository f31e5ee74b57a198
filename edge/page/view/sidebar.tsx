import { useSignalEffect } from '@preact/signals'
import type { RefObject } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import {
  conversations,
  hasMore,
  isListed,
  isLoadingMore,
  listProblem,
  loadMore,
  search,
} from '../state/conversations.ts'
import { closeDrawer, drawerIsOpen } from '../state/drawer.ts'
import { newChat } from '../state/navigate.ts'
import { searchCount } from '../state/shortcuts.ts'
import { words } from '../words/words.ts'
import { ConversationRow } from './conversation-row.tsx'
import { Icon } from './icon.tsx'

/** The conversations, with their search; on a narrow screen a drawer. */
export function Sidebar() {
  const root = useRef<HTMLElement>(null)
  const box = useRef<HTMLInputElement>(null)
  const list = useRef<HTMLUListElement>(null)
  const more = useRef<HTMLButtonElement>(null)
  const say = words.value
  useDrawerFocus(root)
  useFocusPastMore(list, more)
  useSignalEffect(() => {
    if (searchCount.value > 0) box.current?.focus()
  })
  const closeOnLink = ({ target }: Event) => target instanceof HTMLAnchorElement && closeDrawer()
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a link that is entered by the keyboard is clicked, too.
    <nav
      ref={root}
      class={`sidebar ${drawerIsOpen.value ? 'open' : ''}`}
      id="sidebar"
      aria-label={say.conversations}
      onClick={closeOnLink}
    >
      <button type="button" class="new-chat" onClick={newChat}>
        <Icon name="plus" />
        {say.newChat}
      </button>
      <label class="search">
        <Icon name="search" />
        <input
          ref={box}
          type="search"
          id="search"
          maxLength={200}
          aria-label={say.search}
          placeholder={say.search}
          value={search.value}
          onInput={({ currentTarget }) => {
            search.value = currentTarget.value
          }}
        />
      </label>
      <ul ref={list} id="conversations">
        {conversations.value.map((conversation) => (
          <ConversationRow key={conversation.conversation_id} conversation={conversation} />
        ))}
      </ul>
      <Note />
      {hasMore.value && (
        <button
          ref={more}
          type="button"
          class="plain"
          id="more"
          aria-disabled={isLoadingMore.value}
          onClick={() => isLoadingMore.value || loadMore()}
        >
          {say.more}
        </button>
      )}
    </nav>
  )
}

/** What is wrong, or why the list is empty. */
function Note() {
  const say = words.value
  const text = () => {
    if (listProblem.value) return listProblem.value(say)
    if (!isListed.value || conversations.value.length > 0) return ''
    const wanted = search.value.trim()
    return wanted ? say.nothingFound(wanted) : say.noConversations
  }
  return (
    <p class="hint" id="conversations-note" role="status">
      {text()}
    </p>
  )
}

/** The button goes away as the last page comes: the focus it had goes on to the first row of that page. */
function useFocusPastMore(
  list: RefObject<HTMLElement | null>,
  more: RefObject<HTMLElement | null>,
) {
  // While rendering, the document is still as it was.
  const held = more.current?.contains(document.activeElement) ?? false
  const last = list.current?.lastElementChild
  useLayoutEffect(() => {
    if (!held || more.current) return
    const next = last?.nextElementSibling ?? last
    next?.querySelector('a')?.focus()
  })
}

/** The focus goes into the drawer when it opens, and back to its button when it closes. */
function useDrawerFocus(root: { current: HTMLElement | null }): void {
  const isOpen = drawerIsOpen.value
  const wasOpen = useRef(false)
  useLayoutEffect(() => {
    const held = root.current?.contains(document.activeElement)
    if (isOpen && !held) root.current?.querySelector('button')?.focus()
    if (!isOpen && wasOpen.current && held) document.querySelector<HTMLElement>('.menu')?.focus()
    wasOpen.current = isOpen
  }, [isOpen, root])
}
