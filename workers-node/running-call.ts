import type { ClaimedTask } from '../drizzle/statements/claim-tasks-if-pending.ts'
import { ReasoningTime } from './reasoning-time.ts'

/** One call that this process holds, and what has been written of its answer. */
export class RunningCall {
  readonly task: ClaimedTask
  readonly startedAt = performance.now()
  readonly abort = new AbortController()
  responseText = ''
  reasoningText = ''
  readonly reasoningTime = new ReasoningTime()
  /** How much text had been saved when a partial was last saved. */
  savedLength = 0
  /**
   * Resolves when the save of its text that is under way has ended. The end of the call is stored
   * after that: it removes the text, and would not see one that is only just being saved.
   */
  saved: Promise<void> = Promise.resolve()
  /** True once the answer is complete and only its storing is left. */
  ended = false
  /** True once the database has said that the task is no longer ours. */
  lost = false
  /** True once a drain has taken it back: its answer must not be stored. */
  released = false

  constructor(task: ClaimedTask) {
    this.task = task
  }

  get held(): { taskId: string; fence: number } {
    return { taskId: this.task.id, fence: this.task.fence }
  }

  get length(): number {
    return this.responseText.length + this.reasoningText.length
  }

  /** Ends the call to the model: the task is somebody else's now. */
  lose(): void {
    this.lost = true
    this.abort.abort()
  }
}

/** All the calls of this process, by task. */
export class RunningCalls {
  private readonly calls = new Set<RunningCall>()
  private waiting: (() => void)[] = []

  add(call: RunningCall): void {
    this.calls.add(call)
  }

  delete(call: RunningCall): void {
    this.calls.delete(call)
    if (this.calls.size > 0) return
    for (const wake of this.waiting.splice(0)) wake()
  }

  /** Whether this very claim of a task runs here. */
  has({ id, fence }: { id: string; fence: number }): boolean {
    return this.list().some(({ task }) => task.id === id && task.fence === fence)
  }

  list(): RunningCall[] {
    return [...this.calls]
  }

  get size(): number {
    return this.calls.size
  }

  async untilNone(): Promise<void> {
    while (this.size > 0) await new Promise<void>((resolve) => this.waiting.push(resolve))
  }
}
