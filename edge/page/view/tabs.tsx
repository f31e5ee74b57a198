import type { RefObject } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Result } from '../../../drizzle/contract/http-api.ts'
import { stateOf } from '../state/result-state.ts'
import { words } from '../words/words.ts'

type Props = { results: readonly Result[]; cards: RefObject<HTMLElement | null> }

/** On a narrow screen the answers lie side by side and are swiped; each has its tab above them. */
export function Tabs({ results, cards }: Props) {
  const strip = useRef<HTMLDivElement>(null)
  const [current, setCurrent] = useState(0)
  const { answers, states } = words.value
  useEffect(() => {
    const row = cards.current!
    const look = () => setCurrent(nearest(row))
    row.addEventListener('scroll', look, { passive: true })
    return () => row.removeEventListener('scroll', look)
  }, [cards])
  useHeightOf(cards, current)
  useTabInView(strip, current)
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for what is sent.
    <div ref={strip} class="tabs" role="group" aria-label={answers}>
      {results.map((result, i) => (
        <button
          type="button"
          key={result.task_id}
          data-state={stateOf(result)}
          aria-current={i === current}
          onClick={() => show(cards.current!, i)}
        >
          <span class="dot" title={states[stateOf(result)]} />
          {result.model_name}
        </button>
      ))}
    </div>
  )
}

function nearest(row: HTMLElement): number {
  const lefts = [...row.children].map((card) => card.getBoundingClientRect().left)
  const start = row.getBoundingClientRect().left
  const distances = lefts.map((left) => Math.abs(left - start))
  return distances.indexOf(Math.min(...distances))
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
