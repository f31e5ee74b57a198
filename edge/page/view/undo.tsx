import { deletionProblem, deletions, undo } from '../state/deletions.ts'
import { words } from '../words/words.ts'

/** What was deleted a moment ago, and can be taken back. */
export function Undo() {
  const say = words.value
  return (
    <div class="toasts">
      <div role="status">
        {deletions.value.map((deletion) => (
          <p class="toast" key={deletion.id}>
            <span>{say.deleted(deletion.title || say.untitled)}</span>
            <button type="button" class="plain" onClick={() => undo(deletion)}>
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
