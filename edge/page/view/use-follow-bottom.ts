import type { RefObject } from 'preact'
import { useEffect } from 'preact/hooks'
import { isLoading, openId, sentCount } from '../state/thread.ts'

/** How near to the end, in px, counts as reading at the end. */
const NEAR = 64
/** What is left free above a prompt at the top, in px. */
const GAP = 16

/**
 * Keeps a reader who is at the end of `box` there while its content grows; no other is moved, nor one who has
 * selected something. A conversation that is opened, and a prompt that is sent, bring the reader to the
 * end; there it is followed until its prompt has come to the top: then the answers can be read as they grow.
 * A long conversation comes in pages: its end is that of the last one, if the reader has not scrolled before.
 */
export function useFollowBottom(
  box: RefObject<HTMLElement | null>,
  content: RefObject<HTMLElement | null>,
): void {
  useEffect(() => {
    const scroller = box.current!
    let follows: 'end' | 'prompt' | 'nothing' = 'prompt'
    /** Whether more of the conversation may come. */
    let isOpening = false
    /** Where the reader was put. */
    let put = 0
    const endOf = () => scroller.scrollHeight - scroller.clientHeight
    const look = () => {
      if (isOpening && scroller.scrollTop === put) return
      const isAtEnd = endOf() - scroller.scrollTop < NEAR
      if (!isAtEnd) follows = 'nothing'
      else if (follows === 'nothing') follows = 'end'
    }
    const move = () => {
      const isSelecting = document.getSelection()?.isCollapsed === false
      if (follows === 'nothing' || isSelecting) return
      const top = follows === 'prompt' ? topOfLast(content.current!, scroller) : endOf()
      scroller.scrollTop = Math.min(endOf(), top)
      put = scroller.scrollTop
    }
    const followPrompt = () => {
      follows = 'prompt'
      requestAnimationFrame(move)
    }
    // In a frame, what has been scrolled is told before this.
    const noteLoading = () =>
      requestAnimationFrame(() => {
        isOpening = isLoading.peek()
      })
    const growth = new ResizeObserver(move)
    growth.observe(content.current!)
    growth.observe(scroller)
    scroller.addEventListener('scroll', look)
    const stops = [
      sentCount.subscribe(followPrompt),
      openId.subscribe(followPrompt),
      isLoading.subscribe(noteLoading),
    ]
    return () => {
      growth.disconnect()
      scroller.removeEventListener('scroll', look)
      for (const stop of stops) stop()
    }
  }, [box, content])
}

/** How far `scroller` is to be scrolled for the last prompt to be at its top. */
function topOfLast(content: HTMLElement, scroller: HTMLElement): number {
  const last = content.lastElementChild ?? content
  const top = last.getBoundingClientRect().top - scroller.getBoundingClientRect().top
  return scroller.scrollTop + top - GAP
}
