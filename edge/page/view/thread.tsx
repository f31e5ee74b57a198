import { useRef } from 'preact/hooks'
import { isLoading, threadProblem, turns } from '../state/thread.ts'
import { words } from '../words/words.ts'
import { TurnView } from './turn-view.tsx'
import { useFollowBottom } from './use-follow-bottom.ts'

/** The conversation that is open. */
export function Thread() {
  const box = useRef<HTMLDivElement>(null)
  const content = useRef<HTMLDivElement>(null)
  useFollowBottom(box, content)
  const say = words.value
  const isEmpty = turns.value.length === 0 && !isLoading.value && !threadProblem.value
  return (
    <div class="thread" id="thread" ref={box}>
      {isEmpty && (
        <div class="empty">
          <img src="/favicon.svg" alt="" width="56" height="56" />
          <h2>{say.welcome}</h2>
          <p>{say.welcomeMore}</p>
        </div>
      )}
      <p class="problem center" role="alert" hidden={threadProblem.value === null}>
        {threadProblem.value?.(say)}
      </p>
      <p class="hint center" role="status">
        {isLoading.value ? say.loading : ''}
      </p>
      <div id="batches" ref={content}>
        {turns.value.map((turn) => (
          <TurnView key={turn.id} turn={turn} />
        ))}
      </div>
    </div>
  )
}
