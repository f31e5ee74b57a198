import type { RefObject } from 'preact'
import { useEffect } from 'preact/hooks'
import { sentCount } from '../state/thread.ts'

/** How near to the end, in px, counts as reading at the end. */
const NEAR = 64

/**
 * Keeps a reader who is at the end of `box` there while its content grows; no other is moved, nor one who has
 * selected something. A prompt that is sent brings the reader to the end.
 */
export function useFollowBottom(
  box: RefObject<HTMLElement | null>,
  content: RefObject<HTMLElement | null>,
): void {
  useEffect(() => {
    const scroller = box.current!
    let isAtEnd = true
    const toEnd = () => {
      scroller.scrollTop = scroller.scrollHeight
    }
    const look = () => {
      isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR
    }
    const onGrowth = () => {
      const isSelecting = document.getSelection()?.isCollapsed === false
      if (isAtEnd && !isSelecting) toEnd()
    }
    const growth = new ResizeObserver(onGrowth)
    growth.observe(content.current!)
    growth.observe(scroller)
    scroller.addEventListener('scroll', look)
    const stop = sentCount.subscribe(() => {
      isAtEnd = true
      requestAnimationFrame(toEnd)
    })
    return () => {
      growth.disconnect()
      scroller.removeEventListener('scroll', look)
      stop()
    }
  }, [box, content])
}
