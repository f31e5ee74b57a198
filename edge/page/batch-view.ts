import type { Batch } from '../../drizzle/contract/http-api.ts'
import { element } from './element.ts'
import { createFileList } from './file-list.ts'
import { createResultCard, type ResultCard } from './result-card.ts'

/** What is shown of a batch. */
export type ShownBatch = Pick<Batch, 'user_prompt' | 'files' | 'results'>

export type BatchView = {
  root: HTMLElement
  update(batch: ShownBatch): void
  tick(): void
  fail(message: string): void
}

/** One prompt and the answers to it. */
export function createBatchView(batch: ShownBatch, announce: (text: string) => void): BatchView {
  const cards = new Map<string, ResultCard>()
  const files = createFileList('Files of the prompt')
  const answers = element('div', { class: 'cards' })
  const problem = element('p', { class: 'error', hidden: true })
  const root = element(
    'article',
    { class: 'batch' },
    element('h2', { class: 'visually-hidden' }, 'Prompt'),
    // Focusable, because a very long prompt scrolls in its box and the keyboard must reach it.
    element('div', { class: 'prompt', tabindex: '0' }, batch.user_prompt),
    files.root,
    answers,
    problem,
  )

  const update = (now: ShownBatch) => {
    files.show(now.files)
    for (const result of now.results) {
      const card = cards.get(result.task_id)
      if (card) card.update(result)
      else {
        const made = createResultCard(result, announce)
        cards.set(result.task_id, made)
        answers.append(made.root)
      }
    }
  }
  update(batch)
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
