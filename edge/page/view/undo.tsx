import { useRef } from 'preact/hooks'
import {
  type Deletion,
  deletionProblem,
  deletions,
  hold,
  release,
  undo,
} from '../state/deletions.ts'
import { focusPrompt } from '../state/draft.ts'
import { bringBackDraft, canBringBack } from '../state/edit-again.ts'
import { addressOf } from '../state/route.ts'
import { type Say, words } from '../words/words.ts'
import { Icon } from './icon.tsx'
import { useKeptFocus } from './use-kept-focus.ts'

/** Characters of a title: what happened to it must be seen, too. */
const MOST = 40

/** What was deleted a moment ago, and can be taken back. */
export function Undo() {
  const root = useRef<HTMLDivElement>(null)
  useKeptFocus(root)
  const say = words.value
  return (
    <div class="toasts" ref={root} tabIndex={-1}>
      <div role="status">
        {deletions.value.map((deletion) => (
          <p
            class="toast"
            key={deletion.id}
            onMouseEnter={() => hold(deletion)}
            onMouseLeave={() => release(deletion)}
            onFocusIn={() => hold(deletion)}
            onFocusOut={() => release(deletion)}
          >
            <span>{say.deleted(shortened(deletion.title) || say.untitled)}</span>
            <button type="button" class="plain" onClick={() => bringBack(deletion)}>
              {say.undo}
            </button>
          </p>
        ))}
        {canBringBack.value && (
          <p class="toast">
            <span>{say.draftPutAside}</span>
            <button type="button" class="plain" onClick={bringBackDraft}>
              {say.undo}
            </button>
          </p>
        )}
      </div>
      <p class="toast bad" role="alert" hidden={deletionProblem.value === null}>
        {deletionProblem.value && <Problem say={deletionProblem.value} />}
      </p>
    </div>
  )
}

function Problem({ say }: { say: Say }) {
  const { close } = words.value
  return (
    <>
      <span>{say(words.value)}</span>
      <button
        type="button"
        class="icon small"
        aria-label={close}
        onClick={() => {
          deletionProblem.value = null
        }}
      >
        <Icon name="cross" />
      </button>
    </>
  )
}

function shortened(title: string): string {
  return title.length > MOST ? `${title.slice(0, MOST).trimEnd()}…` : title
}

/** The focus goes to its row, where the list is to be seen. */
function bringBack(deletion: Deletion): void {
  undo(deletion)
  requestAnimationFrame(() => {
    const href = addressOf(deletion.id)
    const link = document.querySelector<HTMLElement>(`#conversations [href="${href}"]`)
    link?.focus()
    if (document.activeElement !== link) focusPrompt()
  })
}
