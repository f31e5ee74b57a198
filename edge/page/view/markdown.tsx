import { useLayoutEffect, useRef } from 'preact/hooks'
import { createGrowingMarkdown, type GrowingMarkdown } from '../markdown/growing-markdown.ts'
import { words } from '../words/words.ts'

/** Markdown that grows: what has not changed stays in place, with the reader's selection in it. */
export function Markdown({ text }: { text: string }) {
  const box = useRef<HTMLDivElement>(null)
  const growing = useRef<GrowingMarkdown>(null)
  const spoken = words.value
  const shownIn = useRef(spoken)
  useLayoutEffect(() => {
    growing.current = createGrowingMarkdown(box.current!, () => words.peek())
  }, [])
  useLayoutEffect(() => growing.current?.show(text), [text])
  // The buttons in it speak the language of the page.
  useLayoutEffect(() => {
    if (shownIn.current !== spoken) growing.current?.refresh()
    shownIn.current = spoken
  }, [spoken])
  return <div class="answer" ref={box} hidden={text === ''} />
}
