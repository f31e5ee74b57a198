import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { endProcess } from './end-process.ts'
import { processStartedAt } from './process-started-at.ts'

/**
 * Stops the server that a killed parent left running on this cluster; without that Postgres would
 * refuse to start on it. The pid in `postmaster.pid` counts only where its command line names this
 * very cluster. Resolves with whether there was one.
 */
export async function stopLeftoverPostgres(cluster: string): Promise<boolean> {
  const pid = postmasterPid(cluster)
  if (!pid) return false
  const startedAt = processStartedAt(pid)
  if (startedAt && commandLine(pid).includes(`postgres -D ${cluster} `)) {
    await endProcess({ pid, startedAt }, 'SIGINT', 20_000)
    return true
  }
  if (existsSync(`/proc/${pid}`)) await forgetPid(cluster)
  return false
}

/**
 * Removes the pid of a server that has died where it stands for something all the same, which Postgres
 * would take for that server: a zombie, or a process that was given the same pid. It goes once nobody
 * works on the cluster any more: the server's own processes end when they see that it is gone.
 */
async function forgetPid(cluster: string): Promise<void> {
  const deadline = performance.now() + 20_000
  while (isWorkedOn(cluster)) {
    if (performance.now() > deadline) return
    await sleep(50)
  }
  rmSync(join(cluster, 'postmaster.pid'), { force: true })
}

/** Whether a process has the cluster as its working folder, as all of Postgres's have; by /proc. */
function isWorkedOn(cluster: string): boolean {
  const folder = realpathSync(cluster)
  return readdirSync('/proc').some((name) => {
    try {
      return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/cwd`) === folder
    } catch {
      // It has ended meanwhile, is a zombie, or is another user's.
      return false
    }
  })
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
