import { type ChildProcess, fork } from 'node:child_process'
import { on } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ClaimedTask } from '../drizzle/statements/claim-tasks-if-pending.ts'
import type { AnswerPart } from './call-model.ts'
import { ModelError } from './model-error.ts'
import { Slots } from './slots.ts'
import { BEAT_MS, type SuspectMessage } from './suspect-message.ts'

const PROGRAM = fileURLToPath(new URL('suspect-main.ts', import.meta.url))

/** How long no beat may be heard before the child is taken for dead, and ended, in ms. */
const SILENT_MS = 30_000

/** The child process ended before the answer did, or no longer did anything. */
export class ChildDied extends Error {
  override name = 'ChildDied'

  constructor() {
    super('the process of the call ended before its answer')
  }
}

/** A call that failed in its process by no fault of the model. `code` is as the child gave it. */
class CallFailed extends Error {
  override name = 'CallFailed'
  readonly code: string

  constructor(code: string) {
    super(`the call failed in its process (${code})`)
    this.code = code
  }
}

/**
 * Calls models in processes of their own: for tasks under whose holders two processes have died,
 * so that the next to die is nobody else's.
 */
export class Suspects {
  private readonly slots: Slots
  private readonly silentMs: number
  private readonly closing = new AbortController()

  /** `atOnce`: how many may run at the same time; the others wait their turn. */
  constructor({ atOnce, silentMs = SILENT_MS }: { atOnce: number; silentMs?: number }) {
    this.slots = new Slots(atOnce)
    this.silentMs = silentMs
  }

  /**
   * Streams one answer, as `callModel` does. Throws ModelError, ChildDied, the signal's reason when
   * it was aborted, and any other error where no process could be made or the call failed in it.
   */
  async *call(task: ClaimedTask, given: AbortSignal): AsyncGenerator<AnswerPart> {
    const signal = AbortSignal.any([given, this.closing.signal])
    await this.turn(signal)
    const child = this.start()
    const stopWatching = endWhenSilent(child, this.silentMs)
    try {
      // Where the child is gone already, the loop below learns it by itself.
      child.send(task, () => {})
      for await (const message of messagesOf(child, signal)) {
        if (message.type === 'part') yield message.part
        else if (message.type === 'end') return
        else if (message.type === 'model-error') throw new ModelError(message.fault)
        else if (message.type === 'failed') throw new CallFailed(message.code)
      }
      throw new ChildDied()
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    } finally {
      stopWatching()
      // It has nothing to put in order, and its connection to the model ends with it.
      child.kill('SIGKILL')
    }
  }

  /** Ends all calls, those that wait too. */
  close(): void {
    this.closing.abort()
  }

  /** Resolves with a slot taken. */
  private async turn(signal: AbortSignal): Promise<void> {
    const look = () => this.slots.wake()
    signal.addEventListener('abort', look)
    // Whoever waited too may have been quicker.
    while (this.slots.free <= 0 && !signal.aborted) await this.slots.untilFree(signal)
    signal.removeEventListener('abort', look)
    signal.throwIfAborted()
    this.slots.take(1)
  }

  /** Starts a child, which has the slot for as long as it lives. */
  private start(): ChildProcess {
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const
    let child: ChildProcess | undefined
    try {
      child = fork(PROGRAM, [String(process.pid)], { stdio: [...stdio] })
      child.on('error', () => {})
      return child
    } finally {
      // One that could not be started has no end.
      if (child?.pid === undefined) this.slots.release()
      else child.once('exit', () => this.slots.release())
    }
  }
}

/** What a child says, until it can say no more. */
async function* messagesOf(
  child: ChildProcess,
  signal: AbortSignal,
): AsyncGenerator<SuspectMessage> {
  // Not until 'exit', which may come before the last messages.
  for await (const [message] of on(child, 'message', { signal, close: ['disconnect'] }))
    yield message
}

/**
 * Ends a child whose event loop stands still: its own time-outs no longer run. Beats are counted,
 * and not the time, in which this process may have stood still itself.
 */
function endWhenSilent(child: ChildProcess, silentMs: number): () => void {
  let missed = 0
  const heard = () => {
    missed = 0
  }
  child.on('message', heard)
  const timer = setInterval(() => {
    missed++
    if (missed * BEAT_MS > silentMs) child.kill('SIGKILL')
  }, BEAT_MS)
  return () => clearInterval(timer)
}
