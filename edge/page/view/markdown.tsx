import { useLayoutEffect, useRef } from 'preact/hooks'
import { createGrowingMarkdown, type GrowingMarkdown } from '../markdown/growing-markdown.ts'
import { words } from '../words/words.ts'

/** Markdown that grows: what has not changed stays in place, with the reader's selection in it. */
export function Markdown({ text }: { text: string }) {
  const box = useRef<HTMLDivElement>(null)
  const growing = useRef<GrowingMarkdown>(null)
  const say = words.value
  useLayoutEffect(() => {
    growing.current = createGrowingMarkdown(box.current!)
  }, [])
  useLayoutEffect(() => growing.current?.show(text), [text])
  return <div class="answer" ref={box} hidden={text === ''} />
}
