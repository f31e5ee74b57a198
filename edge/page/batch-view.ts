import type { Batch, Result } from '../../drizzle/contract/http-api.ts'
import { element } from './element.ts'
import { createResultCard, type ResultCard } from './result-card.ts'

export type BatchView = {
  root: HTMLElement
  update(results: readonly Result[]): void
  tick(): void
  fail(message: string): void
}

/** One prompt and the answers to it. */
export function createBatchView(
  batch: Pick<Batch, 'user_prompt' | 'results'>,
  announce: (text: string) => void,
): BatchView {
  const cards = new Map<string, ResultCard>()
  const answers = element('div', { class: 'cards' })
  const problem = element('p', { class: 'error', hidden: true })
  const root = element(
    'article',
    { class: 'batch' },
    element('h2', { class: 'visually-hidden' }, 'Prompt'),
    // Focusable, because a very long prompt scrolls in its box and the keyboard must reach it.
    element('div', { class: 'prompt', tabindex: '0' }, batch.user_prompt),
    answers,
    problem,
  )

  const update = (results: readonly Result[]) => {
    for (const result of results) {
      const card = cards.get(result.task_id)
      if (card) card.update(result)
      else {
        const made = createResultCard(result, announce)
        cards.set(result.task_id, made)
        answers.append(made.root)
      }
    }
  }
  update(batch.results)
  return {
    root,
    update,
    tick() {
      for (const card of cards.values()) card.tick()
    },
    fail(message) {
      problem.textContent = message
      problem.hidden = false
    },
  }
}
