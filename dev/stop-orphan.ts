import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { send } from './end-process.ts'
import { writePrivateFile } from './private-file.ts'
import { processStartedAt } from './process-started-at.ts'

const NOTE = 'npm.process.json'

type Identity = { pid: number; startedAt: string }

/** Notes in a folder that this process has it, and the npm that it runs under, if any. */
export function noteNpm(folder: string): void {
  const npm = process.env.npm_lifecycle_event ? identityOf(process.ppid) : null
  writePrivateFile(join(folder, NOTE), JSON.stringify({ holder: identityOf(process.pid), npm }))
}

/**
 * Stops the process that has a folder where the npm that it ran under was killed: nobody can stop it
 * by Ctrl-C any more, and it would bar the next start. Resolves once it is gone, however long its parts
 * take to end.
 */
export async function stopOrphan(folder: string): Promise<void> {
  const { holder, npm } = readNote(folder)
  if (!holder || !npm || lives(npm) || !lives(holder)) return
  send(holder.pid, 'SIGTERM')
  while (lives(holder)) await sleep(50)
}

function lives({ pid, startedAt }: Identity): boolean {
  return processStartedAt(pid) === startedAt
}

function identityOf(pid: number): Identity {
  return { pid, startedAt: processStartedAt(pid) ?? '' }
}

function readNote(folder: string): { holder?: Identity | null; npm?: Identity | null } {
  try {
    const { holder, npm } = JSON.parse(readFileSync(join(folder, NOTE), 'utf8'))
    // A pid of 0 or below would stand for groups of processes.
    return Number.isInteger(holder?.pid) && holder.pid > 1 ? { holder, npm } : {}
  } catch {
    return {}
  }
}
