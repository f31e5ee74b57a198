import { useLayoutEffect, useRef } from 'preact/hooks'
import { editAgain } from '../state/edit-again.ts'
import { isOpen } from '../state/result-state.ts'
import { cancelTurn, newest } from '../state/thread.ts'
import type { Turn } from '../state/turn.ts'
import { words } from '../words/words.ts'
import { Card } from './card.tsx'
import { FileList } from './file-list.tsx'
import { Icon } from './icon.tsx'
import { Tabs } from './tabs.tsx'
import { useKeptFocus } from './use-kept-focus.ts'

/** A long one scrolls, and then the keyboard must reach it. */
function Prompt({ text }: { text: string }) {
  const box = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    const { scrollHeight, clientHeight } = box.current!
    if (scrollHeight > clientHeight) box.current!.tabIndex = 0
  }, [])
  return (
    <div class="prompt" ref={box}>
      {text}
    </div>
  )
}

/** One prompt and the answers to it. */
export function TurnView({ turn }: { turn: Turn }) {
  const root = useRef<HTMLElement>(null)
  const cards = useRef<HTMLDivElement>(null)
  useKeptFocus(root)
  const say = words.value
  const { user_prompt, files, results, chosen_task_id: chosenId } = turn.batch.value
  const isNewest = newest.value === turn
  return (
    <article class="batch" ref={root} tabIndex={-1}>
      <h2 class="visually-hidden">{say.prompt}</h2>
      <Prompt text={user_prompt} />
      <FileList files={files} label={say.promptFiles} />
      <div class="prompt-actions">
        <button type="button" class="action" onClick={() => editAgain(turn)}>
          <Icon name="pen" />
          {say.editAndAsk}
        </button>
        {results.filter(isOpen).length > 1 && (
          <button type="button" class="action" onClick={() => cancelTurn(turn)}>
            <Icon name="cross" />
            {say.cancelAll}
          </button>
        )}
      </div>
      {results.length > 1 && <Tabs results={results} cards={cards} />}
      <div class="cards" ref={cards}>
        {results.map((result) => (
          <Card
            key={result.task_id}
            turn={turn}
            result={result}
            choice={{ canChoose: isNewest && results.length > 1, chosenId }}
          />
        ))}
      </div>
      <p class="error" role="alert" hidden={turn.problem.value === null}>
        {turn.problem.value?.say(say)}
      </p>
    </article>
  )
}
