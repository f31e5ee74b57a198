import { useLayoutEffect, useRef } from 'preact/hooks'

/** Plain text that is added to in place, so that a selection in what stands there already survives. */
export function GrowingText({ text }: { text: string }) {
  const box = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    const node = box.current!.firstChild
    if (!(node instanceof Text)) box.current!.append(text)
    else if (text.startsWith(node.data)) node.appendData(text.slice(node.data.length))
    else node.data = text
  }, [text])
  return <div class="text" ref={box} />
}
