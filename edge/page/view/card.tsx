import { useRef } from 'preact/hooks'
import type { Result } from '../../../drizzle/contract/http-api.ts'
import { now } from '../state/clock.ts'
import { isOpen, type ResultState, secondsOf, stateOf } from '../state/result-state.ts'
import type { Turn } from '../state/turn.ts'
import { duration } from '../words/format.ts'
import { words } from '../words/words.ts'
import { CardActions } from './card-actions.tsx'
import { CardError } from './card-error.tsx'
import { Facts } from './facts.tsx'
import { FileList } from './file-list.tsx'
import { Markdown } from './markdown.tsx'
import { Reasoning } from './reasoning.tsx'
import { useKeptFocus } from './use-kept-focus.ts'

type Props = {
  turn: Turn
  result: Result
  choice: { canChoose: boolean; chosenId: string | null }
}

/** One model's answer. */
export function Card({ turn, result, choice }: Props) {
  const root = useRef<HTMLElement>(null)
  useKeptFocus(root)
  const state = stateOf(result)
  const titleId = `result-${result.task_id}`
  const isChosen = choice.chosenId === result.task_id
  return (
    <section
      ref={root}
      class={isChosen ? 'card chosen' : 'card'}
      data-state={state}
      aria-labelledby={titleId}
      tabIndex={-1}
    >
      <header>
        <h3 id={titleId}>{result.model_name}</h3>
        <p class="meta">
          <span class="state">{words.value.states[state]}</span>
          <Time result={result} />
        </p>
      </header>
      <Reasoning result={result} />
      <Markdown text={result.response_text ?? ''} />
      <FileList files={result.files} label={words.value.answerFiles} />
      <CardError result={result} />
      {canBeEmpty(state, result) && <p class="waiting" aria-hidden="true" />}
      <Facts result={result} />
      <CardActions turn={turn} result={result} choice={choice} />
    </section>
  )
}

/** Something moves while there is nothing to read yet. */
function canBeEmpty(state: ResultState, { reasoning_text }: Result): boolean {
  return state === 'queued' || (state === 'thinking' && !reasoning_text)
}

/** How long it has been going on, or how long it took. */
function Time({ result }: { result: Result }) {
  // Read only while it runs: an answer that has ended is not drawn every second.
  if (isOpen(result)) now.value
  const seconds = secondsOf(result)
  const digits = isOpen(result) ? 0 : 1
  return <span class="time">{seconds === null ? '' : duration(seconds, digits, words.value)}</span>
}
