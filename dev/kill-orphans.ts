import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { send } from './end-process.ts'
import { PROJECT } from './read-environment.ts'

const KILLED_WITHIN_MS = 10_000

/**
 * Kills what a dead process has left of the group that it led. The group may be another's by now, so
 * only programs of this project count. Resolves with whether there were any.
 */
export async function killOrphans(group: number): Promise<boolean> {
  const orphans = membersOf(group)
  const deadline = performance.now() + KILLED_WITHIN_MS
  for (let left = orphans; left.length > 0 && performance.now() < deadline; ) {
    for (const pid of left) send(pid, 'SIGKILL')
    await sleep(50)
    left = membersOf(group)
  }
  return orphans.length > 0
}

/** The processes of the group whose command line names the project's folder; zombies have none. */
function membersOf(group: number): number[] {
  return (process.platform === 'linux' ? fromProc() : fromPs())
    .filter(({ pgid, command }) => pgid === group && command.includes(PROJECT))
    .map(({ pid }) => pid)
}

type Listed = { pid: number; pgid: number; command: string }

function fromProc(): Listed[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.flatMap((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const [, , pgid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      return [{ pid: Number(pid), pgid: Number(pgid), command }]
    } catch {
      return []
    }
  })
}

function fromPs(): Listed[] {
  const list = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,pgid=,args='], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  return [...list.matchAll(/^ *(\d+) +(\d+) +(.*)$/gm)].map(([, pid, pgid, command]) => ({
    pid: Number(pid),
    pgid: Number(pgid),
    command: command!,
  }))
}
