import type { Result } from '../../../drizzle/contract/http-api.ts'
import { plainTextOf } from '../markdown/plain-text.ts'
import { isOpen, stateOf } from '../state/result-state.ts'
import { cancelAnswer, goOnWith, retryAnswer } from '../state/thread.ts'
import type { Turn } from '../state/turn.ts'
import { words } from '../words/words.ts'
import { CopyButton } from './copy-button.tsx'
import { Icon } from './icon.tsx'

type Props = {
  turn: Turn
  result: Result
  choice: { canChoose: boolean; chosenId: string | null }
}

/** What can be done with an answer. */
export function CardActions({ turn, result, choice: { canChoose, chosenId } }: Props) {
  const say = words.value
  const { task_id: id, model_name: model, response_text: text } = result
  const isChosen = chosenId === id
  const state = stateOf(result)
  return (
    <div class="actions">
      {text && (
        <>
          <CopyButton icon="copy" name={say.copy} of={model} text={() => plainTextOf(text)} />
          <CopyButton icon="markdown" name={say.copyAsMarkdown} of={model} text={() => text} />
        </>
      )}
      {isOpen(result) && (
        <button
          type="button"
          class="action"
          aria-label={say.ofModel(say.cancel, model)}
          onClick={() => cancelAnswer(turn, id)}
        >
          <Icon name="cross" />
          {say.cancel}
        </button>
      )}
      {(state === 'failed' || state === 'cancelled') && (
        <button
          type="button"
          class="action"
          aria-label={say.ofModel(say.retry, model)}
          onClick={() => retryAnswer(turn, id)}
        >
          <Icon name="retry" />
          {say.retry}
        </button>
      )}
      {state === 'done' && canChoose && (
        <button
          type="button"
          class="action choose"
          aria-pressed={isChosen}
          aria-label={say.ofModel(say.choose, model)}
          title={say.chooseMore}
          onClick={() => goOnWith(turn, isChosen ? null : id)}
        >
          <Icon name="done" />
          {say.choose}
        </button>
      )}
      {isChosen && !canChoose && (
        <p class="chosen-note">
          <Icon name="done" />
          {say.chosen}
        </p>
      )}
    </div>
  )
}
