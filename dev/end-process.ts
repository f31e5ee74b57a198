import { setTimeout as sleep } from 'node:timers/promises'
import { processStartedAt } from './process-started-at.ts'

/**
 * Ends the process that leads a group of its own, and then whatever is left of the group: the signal
 * first, and SIGKILL after `ms`. `startedAt` guards each step: once the pid stands for another process
 * nothing is sent to it.
 */
export async function endProcess(
  { pid, startedAt }: { pid: number; startedAt: string },
  signal: NodeJS.Signals,
  ms: number,
): Promise<void> {
  const lives = () => processStartedAt(pid) === startedAt
  if (!lives()) return
  send(pid, signal)
  const deadline = performance.now() + ms
  while (lives() && performance.now() < deadline) await sleep(20)
  if (lives()) send(-pid, 'SIGKILL')
  while (lives()) await sleep(20)
  // No process can be given this pid while a member of the group lives, so the group is still ours.
  if (processStartedAt(pid) === undefined) send(-pid, 'SIGKILL')
}

/** Sends a signal; a process (or, with a negative pid, a group) that is gone already is no error. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // EPERM is how macOS answers for a group that holds nothing but zombies.
    if (code !== 'ESRCH' && code !== 'EPERM') throw error
  }
}
