import { useRef } from 'preact/hooks'
import { type Deletion, deletionProblem, deletions, undo } from '../state/deletions.ts'
import { addressOf } from '../state/route.ts'
import { words } from '../words/words.ts'
import { useKeptFocus } from './use-kept-focus.ts'

/** What was deleted a moment ago, and can be taken back. */
export function Undo() {
  const root = useRef<HTMLDivElement>(null)
  useKeptFocus(root)
  const say = words.value
  return (
    <div class="toasts" ref={root} tabIndex={-1}>
      <div role="status">
        {deletions.value.map((deletion) => (
          <p class="toast" key={deletion.id}>
            <span>{say.deleted(deletion.title || say.untitled)}</span>
            <button type="button" class="plain" onClick={() => bringBack(deletion)}>
              {say.undo}
            </button>
          </p>
        ))}
      </div>
      <p class="toast bad" role="alert" hidden={deletionProblem.value === null}>
        {deletionProblem.value?.(say)}
      </p>
    </div>
  )
}

/** The focus goes to its row, where the list is to be seen. */
function bringBack(deletion: Deletion): void {
  undo(deletion)
  const link = `#conversations [href="${addressOf(deletion.id)}"]`
  requestAnimationFrame(() => document.querySelector<HTMLElement>(link)?.focus())
}
