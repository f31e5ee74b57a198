import type { RefObject } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Result } from '../../../drizzle/contract/http-api.ts'
import { stateOf } from '../state/result-state.ts'
import { words } from '../words/words.ts'

type Props = { results: readonly Result[]; cards: RefObject<HTMLElement | null> }

/**
 * Each answer has its tab above the row of them, where that scrolls sideways: on a narrow screen, where one is in
 * view, and on a wide one if they are more than three.
 */
export function Tabs({ results, cards }: Props) {
  const strip = useRef<HTMLDivElement>(null)
  const inView = useInView(cards)
  const current = inView[0] ?? 0
  const { answers, states } = words.value
  const isOneOfMany = (i: number) => inView.includes(i) && inView.length < results.length
  useHeightOf(cards, current)
  useTabInView(strip, current)
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for what is sent.
    <div ref={strip} class="tabs" role="group" aria-label={answers}>
      {results.map((result, i) => (
        <button
          type="button"
          key={result.task_id}
          class={isOneOfMany(i) ? 'in-view' : undefined}
          data-state={stateOf(result)}
          aria-current={inView.length === 1 && i === current}
          onClick={() => show(cards.current!, i)}
        >
          <span class="dot" title={states[stateOf(result)]} />
          {result.model_name}
        </button>
      ))}
    </div>
  )
}

/** Which cards of a row are in view: of each, more than half of its width. */
function useInView(cards: RefObject<HTMLElement | null>): readonly number[] {
  const [inView, setInView] = useState<readonly number[]>([0])
  useEffect(() => {
    const row = cards.current!
    const look = () =>
      setInView((before) => {
        const now = inViewOf(row)
        // Half way between two of them there is none.
        return now.length === 0 || String(now) === String(before) ? before : now
      })
    const size = new ResizeObserver(look)
    size.observe(row)
    row.addEventListener('scroll', look, { passive: true })
    return () => {
      size.disconnect()
      row.removeEventListener('scroll', look)
    }
  }, [cards])
  return inView
}

function inViewOf(row: HTMLElement): number[] {
  const { left, right } = row.getBoundingClientRect()
  return [...row.children].flatMap((card, i) => {
    const box = card.getBoundingClientRect()
    const seen = Math.min(box.right, right) - Math.max(box.left, left)
    return seen > box.width / 2 ? [i] : []
  })
}

/** The tabs stay where they are: `scrollIntoView` would scroll the thread, too. */
function show(row: HTMLElement, index: number): void {
  const card = row.children[index]?.getBoundingClientRect()
  if (card) row.scrollLeft += card.left - row.getBoundingClientRect().left
}

/** A row that is swiped is as high as the card in view: below a short answer nothing is left empty. */
function useHeightOf(cards: RefObject<HTMLElement | null>, current: number): void {
  useEffect(() => {
    const row = cards.current!
    const card = row.children[current]
    if (!(card instanceof HTMLElement)) return
    const fit = () => row.style.setProperty('--card-height', `${card.offsetHeight}px`)
    const size = new ResizeObserver(fit)
    size.observe(card)
    return () => size.disconnect()
  }, [cards, current])
}

/** Where the tabs are wider than the screen, that of the answer in view is in view as well. */
function useTabInView(strip: RefObject<HTMLElement | null>, current: number): void {
  useEffect(() => {
    const row = strip.current!
    const tab = row.children[current]?.getBoundingClientRect()
    if (!tab) return
    const middle = (row.clientWidth - tab.width) / 2
    row.scrollLeft += tab.left - row.getBoundingClientRect().left - middle
  }, [strip, current])
}
