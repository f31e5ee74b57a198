import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { SettingsError } from '../drizzle/contract/settings.ts'

/**
 * Takes a folder for this process alone, making it where it is missing; the returned function gives
 * it back. Throws SettingsError, naming the holder's pid, when another process has it.
 *
 * Node cannot lock files, SQLite can: its lock is the kernel's, so it ends with the process however
 * that dies, and no stale lock file has to be judged.
 */
export function lockFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true })
  const holderFile = join(folder, 'lock.pid')
  const lock = new DatabaseSync(join(folder, 'lock'), { timeout: 0 })
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if (!/locked/.test(String(error))) throw error
    throw new SettingsError(
      `${folder} is in use by process ${readHolder(holderFile)}: stop that one, or set DATA_DIR to another folder.`,
    )
  }
  writeFileSync(holderFile, `${process.pid}\n`)
  held.add(lock)
  return () => {
    if (held.delete(lock)) lock.close()
  }
}

// A lock that nothing refers to would be collected, and with that released.
const held = new Set<DatabaseSync>()

function readHolder(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return '(unknown)'
  }
}
