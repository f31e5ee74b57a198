import { useEffect } from 'preact/hooks'
import { attach } from '../state/attachments.ts'

/** Files may be dropped anywhere on the page. Without this, the browser leaves the page for them. */
export function useDrops(): void {
  useEffect(() => {
    const leave = new AbortController()
    const { signal } = leave
    const page = document.body
    const mark = (over: boolean) => page.classList.toggle('drop', over)
    const bringsFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files')
    const onOver = (event: DragEvent) => {
      if (!bringsFiles(event)) return
      event.preventDefault()
      mark(true)
    }
    const onDrop = (event: DragEvent) => {
      if (!bringsFiles(event)) return
      event.preventDefault()
      mark(false)
      attach(event.dataTransfer?.files ?? [])
    }
    page.addEventListener('dragover', onOver, { signal })
    const onLeave = (event: DragEvent) => {
      if (bringsFiles(event) && event.relatedTarget === null) mark(false)
    }
    page.addEventListener('dragleave', onLeave, { signal })
    page.addEventListener('drop', onDrop, { signal })
    return () => leave.abort()
  }, [])
}
