import type { Result } from '../../drizzle/contract/http-api.ts'
import { element, setText } from './element.ts'
import { createFileList } from './file-list.ts'
import { createGrowingMarkdown } from './markdown/growing-markdown.ts'
import { createGrowingText } from './growing-text.ts'
import { isOpen, stateOf, timeOf } from './result-state.ts'

export type ResultCard = {
  root: HTMLElement
  update(result: Result): void
  /** Moves the clock on; cheap, called every second while the batch is open. */
  tick(): void
}

/** One model's answer. Made once and changed in place; `announce` hears of a new end state. */
export function createResultCard(first: Result, announce: (text: string) => void): ResultCard {
  const reasoning = createGrowingText()
  const titleId = `result-${first.task_id}`
  const name = element('h3', { id: titleId })
  const state = element('span', { class: 'state' })
  const time = element('span', { class: 'time' })
  const summary = element('summary')
  const details = element('details', { class: 'reasoning' }, summary)
  details.append(element('div', { class: 'text' }, reasoning.node))
  const text = element('div', { class: 'answer' })
  const answer = createGrowingMarkdown(text)
  const files = createFileList('Pictures of the answer')
  const error = element('p', { class: 'error' })
  const head = element('header', {}, name, element('p', { class: 'meta' }, state, time))
  const root = element('section', { class: 'card', 'aria-labelledby': titleId }, head)
  root.append(details, text, files.root, error)
  let shown = first

  const update = (result: Result) => {
    const before = root.dataset.state
    const now = stateOf(result)
    setText(name, result.model_name)
    setText(state, now)
    root.dataset.state = now
    if (mayReplace(shown, result)) {
      answer.show(result.response_text ?? '')
      reasoning.show(result.reasoning_text ?? '')
    }
    files.show(result.files)
    setText(summary, now === 'thinking' ? 'Thinking…' : 'Reasoning')
    setText(error, result.error_msg ?? (now === 'failed' ? 'This model gave no answer.' : ''))
    details.hidden = reasoning.node.length === 0
    text.hidden = answer.isEmpty
    error.hidden = error.textContent === ''
    shown = result
    setText(time, timeOf(result))
    if (before && before !== now && !isOpen(now)) announce(`${result.model_name}: ${now}`)
  }
  update(first)
  return { root, update, tick: () => setText(time, timeOf(shown)) }
}

/**
 * Partial text lives in a table that a database restart empties: while the same call goes on, an
 * empty text means "not known", and what the reader has stays.
 */
function mayReplace(before: Result, now: Result): boolean {
  const sameCall = before.started_at === now.started_at && before.status === now.status
  return !(sameCall && isOpen(stateOf(now)) && !now.response_text && !now.reasoning_text)
}
