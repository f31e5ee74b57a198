import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'

/**
 * Calls back with each whole line that is in a log, and that comes to stand there. The returned
 * function ends it.
 */
export function followLog(path: string, onLine: (line: string) => void): () => void {
  const decoder = new StringDecoder('utf8')
  const buffer = Buffer.alloc(64 * 1024)
  let file: number | undefined
  let rest = ''
  const look = () => {
    if (file === undefined && existsSync(path)) file = openSync(path, 'r')
    if (file === undefined) return
    for (let read = 1; read > 0; ) {
      read = readSync(file, buffer, 0, buffer.length, null)
      const lines = (rest + decoder.write(buffer.subarray(0, read))).split('\n')
      rest = lines.pop() ?? ''
      lines.forEach(onLine)
    }
  }
  const timer = setInterval(look, 50)
  timer.unref()
  return () => {
    clearInterval(timer)
    if (file !== undefined) closeSync(file)
    file = undefined
  }
}
