import { spawn } from 'node:child_process'
import { closeSync, readFileSync, rmSync } from 'node:fs'
import { endProcess, send } from './end-process.ts'
import { killOrphans } from './kill-orphans.ts'
import { openLog } from './open-log.ts'
import { writePrivateFile } from './private-file.ts'
import { processStartedAt } from './process-started-at.ts'

/** A process of the local stack. */
export type Child = {
  name: string
  pid: number
  logFile: string
  /** Resolves when it has ended, with how it ended in words, e.g. `exit code 1`. */
  exited: Promise<string>
  /** Ends it; resolves when it is gone. */
  stop(): Promise<void>
}

type ChildOptions = {
  name: string
  command: string
  args: readonly string[]
  env: Record<string, string | undefined>
  cwd: string
  /** What it is to read on stdin. */
  input?: string
  uid?: number
  gid?: number
  logFile: string
  /** Where its pid and beginning are noted, for `stopLeftover` of the next start. */
  recordFile: string
  stopSignal?: NodeJS.Signals
  /** How long it may take to stop before it is killed, in ms. */
  stopMs?: number
  /** What ends it when there is no time left to wait. */
  killSignal?: NodeJS.Signals
}

type Running = { child: Child; kill: () => void }

const running = new Set<Running>()
let closed = false
let guarded = false

/**
 * Starts a process that leads a session of its own, so that Ctrl-C in a terminal reaches only its
 * parent, which then ends all in order. It writes to a file and not to a pipe: a parent that is
 * killed must not take it down in the middle of its work. Throws when it cannot be started.
 */
export function spawnChild(options: ChildOptions): Child {
  const { name, command, args, env, cwd, input, uid, gid, logFile, recordFile } = options
  if (closed) throw new Error(`${name} is not started any more: the stack is stopping`)
  if (!guarded) process.once('exit', killChildren)
  guarded = true
  const log = openLog(logFile)
  const started = spawn(command, args, {
    cwd,
    env,
    detached: true,
    stdio: [input === undefined ? 'ignore' : 'pipe', log, log],
    ...(uid !== undefined && { uid, gid }),
  })
  closeSync(log)
  const ended = Promise.withResolvers<string>()
  started.once('error', (error) => ended.resolve(error.message))
  started.once('exit', (code, signal) =>
    ended.resolve(signal ? `signal ${signal}` : `exit code ${code}`),
  )
  const { pid } = started
  if (pid === undefined) throw new Error(`${name} could not be started: ${command}`)
  const identity = { pid, startedAt: processStartedAt(pid) ?? '' }
  writePrivateFile(recordFile, JSON.stringify(identity))
  started.stdin?.on('error', () => {})
  started.stdin?.end(input)

  let stopping: Promise<void> | undefined
  const child: Child = {
    name,
    pid,
    logFile,
    exited: ended.promise,
    stop: () => {
      stopping ??= endProcess(identity, options.stopSignal ?? 'SIGTERM', options.stopMs ?? 10_000)
        .then(() => ended.promise)
        .then(() => rmSync(recordFile, { force: true }))
      return stopping
    },
  }
  const entry = { child, kill: () => killNow(pid, options.killSignal) }
  running.add(entry)
  ended.promise.then(() => {
    running.delete(entry)
    // What a dead leader leaves of its group has lost its purpose too.
    send(-pid, 'SIGKILL')
  })
  return child
}

function killNow(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  send(signal === 'SIGKILL' ? -pid : pid, signal)
}

/** Ends every child that still runs, the newest first. After this no more can be started. */
export async function stopChildren(): Promise<void> {
  closed = true
  for (const { child } of [...running].reverse()) await child.stop()
}

/** Kills every child that still runs, without waiting. */
export function killChildren(): void {
  for (const { kill } of running) kill()
}

/**
 * Ends the process noted in a record file of an earlier run, if it still is that process, or what it
 * has left of its group. Resolves with whether there was one.
 */
export async function stopLeftover(
  recordFile: string,
  signal: NodeJS.Signals = 'SIGTERM',
  ms = 10_000,
): Promise<boolean> {
  const record = readRecord(recordFile)
  if (!record) return false
  if (processStartedAt(record.pid) !== record.startedAt) return killOrphans(record.pid)
  await endProcess(record, signal, ms)
  rmSync(recordFile, { force: true })
  return true
}

function readRecord(file: string): { pid: number; startedAt: string } | undefined {
  try {
    const record = JSON.parse(readFileSync(file, 'utf8'))
    // A pid of 0 or below would stand for groups of processes.
    return Number.isInteger(record.pid) && record.pid > 1 ? record : undefined
  } catch {
    return undefined
  }
}
