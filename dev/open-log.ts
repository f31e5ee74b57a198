import { existsSync, openSync, renameSync } from 'node:fs'

/** Opens an empty log for writing and returns its descriptor; the log before it is kept as `.1`. */
export function openLog(path: string): number {
  if (existsSync(path)) renameSync(path, `${path}.1`)
  return openSync(path, 'a', 0o600)
}
