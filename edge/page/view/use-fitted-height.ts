import type { RefObject } from 'preact'
import { useLayoutEffect } from 'preact/hooks'

/** A field is as high as its text, up to its `max-height`, also where the style sheet cannot say so. */
export function useFittedHeight(field: RefObject<HTMLElement | null>, text: string): void {
  useLayoutEffect(() => {
    if (CSS.supports('field-sizing', 'content') || !field.current) return
    const { style } = field.current
    style.height = 'auto'
    style.height = `${field.current.scrollHeight}px`
  }, [field, text])
}
