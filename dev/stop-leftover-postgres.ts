import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { endProcess } from './end-process.ts'
import { processStartedAt } from './process-started-at.ts'

/**
 * Stops the server that a killed parent left running on this cluster; without that Postgres would
 * refuse to start on it. The pid in `postmaster.pid` counts only where its command line names this
 * very cluster. Resolves with whether there was one.
 */
export async function stopLeftoverPostgres(cluster: string): Promise<boolean> {
  const pid = postmasterPid(cluster)
  const startedAt = pid && processStartedAt(pid)
  if (!startedAt || !commandLine(pid).includes(`postgres -D ${cluster} `)) return false
  await endProcess({ pid, startedAt }, 'SIGINT', 20_000)
  return true
}

function postmasterPid(cluster: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')[0])
    return pid > 1 ? pid : undefined
  } catch {
    return undefined
  }
}

function commandLine(pid: number): string {
  try {
    if (process.platform === 'linux') {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
    }
    return execFileSync('ps', ['-ww', '-o', 'args=', '-p', String(pid)], { encoding: 'utf8' })
  } catch {
    return ''
  }
}
