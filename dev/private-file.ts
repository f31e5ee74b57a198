import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

/** Writes a file that only this user can read; a reader sees the old text or the new, never half. */
export function writePrivateFile(path: string, text: string): void {
  const draft = `${path}.${process.pid}.new`
  writeFileSync(draft, text, { mode: 0o600 })
  renameSync(draft, path)
}

/** The secret kept in this file: 64 hexadecimal digits, made at the first call. */
export function secretInFile(path: string): string {
  if (!existsSync(path)) writePrivateFile(path, `${randomBytes(32).toString('hex')}\n`)
  return readFileSync(path, 'utf8').trim()
}
