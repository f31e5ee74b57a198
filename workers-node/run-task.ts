import { v7 as uuidv7 } from 'uuid'
import { TASK_ERRORS, type TaskErrorCode } from '../drizzle/contract/task-error-code.ts'
import { TaskStatus } from '../drizzle/contract/task-status.ts'
import type { ClaimedTask } from '../drizzle/statements/claim-tasks-if-pending.ts'
import type { Outcome } from '../drizzle/statements/finish-tasks-if-held.ts'
import type { Release } from '../drizzle/statements/release-tasks-if-held.ts'
import { Backoff } from './backoff.ts'
import type { AnswerPart } from './call-model.ts'
import { about, codeOf, log, placeOf } from './log.ts'
import { ModelError } from './model-error.ts'
import { PostgresError } from './postgres.ts'
import { retryDelayMs } from './retry-delay.ts'
import type { RunningCall } from './running-call.ts'
import { cutToBytes, storableText } from './storable-text.ts'
import { ChildDied } from './suspects.ts'

const MAX_ANSWER_BYTES = 1024 * 1024
const CUT_MARK = '\n\n[The answer was cut here: it was longer than 1 MB.]'
/** The longest wait is shorter than what a drain allows for the last try. */
const STORE_AGAIN_AFTER_MS = { first: 100, most: 2_000 }

/** What running a task needs of its worker. */
export type TaskRunner = {
  /** Calls the model. Throws ModelError, ChildDied, or the signal's reason. */
  answer(task: ClaimedTask, signal: AbortSignal): AsyncIterable<AnswerPart>
  /** Stores an outcome; resolves to whether the task was still held. */
  finish(outcome: Outcome): Promise<boolean>
  /** Hands a task back for another try; resolves to whether it was still held. */
  release(release: Release): Promise<boolean>
  /** Says how a call went for its node. Resolves when all know, or it is lost. */
  report(task: ClaimedTask, how: 'ok' | 'fault' | 'rest', restMs?: number): Promise<void>
  maxAttempts: number
  maxDeaths: number
  retryBaseMs: number
}

/** Why a call gave no good answer. */
type Failure = {
  code: TaskErrorCode
  /** Null where another try is of no use. */
  retryAfterMs: number | null
  because: 'failed' | 'died'
  /** Where it was thrown. */
  at: string[]
}

/**
 * Runs one claimed task to its end: calls the model, keeps the text so far in `call`, stores the
 * outcome or hands the task back for another try. Does not throw. A task that was lost or released on
 * the way stores nothing.
 */
export async function runTask(call: RunningCall, runner: TaskRunner): Promise<void> {
  const outcome = blankOutcome(call)
  const failure = call.task.hopeless
    ? { code: 'no_node_available' as const, retryAfterMs: null, because: 'failed' as const, at: [] }
    : await callFor(call, outcome, runner)
  if (call.lost || call.released) return
  call.ended = true
  if (failure && mayTryAgain(failure, call.task, runner)) {
    await tryAgain(call, failure, runner)
    return
  }
  keepText(call, outcome)
  const ended = failure ? failed(outcome, failure) : outcome
  await finishWhileHeld(call, ended, failure?.at ?? [], runner)
}

/** Calls the model and fills in the outcome. Returns what went wrong, if anything. */
async function callFor(
  call: RunningCall,
  outcome: Outcome,
  { answer, report }: TaskRunner,
): Promise<Failure | undefined> {
  const { task } = call
  let bytes = 0
  try {
    for await (const part of answer(task, call.abort.signal)) {
      if (part.type === 'end') {
        outcome.finishReason = part.finishReason
        outcome.usage = part.usage
        outcome.answeredBy = part.answeredBy
        continue
      }
      if (outcome.firstTokenMs === null) {
        outcome.firstTokenMs = Math.round(performance.now() - call.startedAt)
        // It is of use to the others at once: a long answer ends minutes later.
        void report(task, 'ok')
      }
      if (part.type === 'file') {
        outcome.files.push(part.file)
        continue
      }
      if (part.type === 'reasoning') {
        call.reasoningTime.reasoned()
        if (call.reasoningText.length < MAX_ANSWER_BYTES) call.reasoningText += part.text
        continue
      }
      call.reasoningTime.wrote(part.text)
      call.responseText += part.text
      bytes += Buffer.byteLength(part.text)
      if (bytes > MAX_ANSWER_BYTES) {
        // Leaving the loop ends the call.
        outcome.finishReason = 'cut'
        break
      }
    }
    return undefined
  } catch (error) {
    if (call.lost || call.released) return undefined
    const at = placeOf(error)
    if (error instanceof ChildDied) {
      return { code: 'killed_worker', retryAfterMs: 0, because: 'died', at }
    }
    if (error instanceof ModelError) {
      const told =
        error.node !== 'unasked' && report(task, error.node ?? 'ok', error.retryAfterMs ?? 0)
      const { code, retryable } = error
      // It is the node that is to be left alone: the task may go to another before that.
      const rests = error.node === 'rest' && task.node_id !== null
      if (rests) await told
      const waitMs = rests ? 0 : (error.retryAfterMs ?? 0)
      return { code, retryAfterMs: retryable ? waitMs : null, because: 'failed', at }
    }
    log.error({ ...about(task), code: codeOf(error), at }, 'fault in the worker')
    return { code: 'internal', retryAfterMs: null, because: 'failed', at }
  }
}

function mayTryAgain(
  { because, retryAfterMs }: Failure,
  { failures, child_deaths }: ClaimedTask,
  { maxAttempts, maxDeaths }: TaskRunner,
): boolean {
  if (because === 'died') return child_deaths + 1 < maxDeaths
  return retryAfterMs !== null && failures + 1 < maxAttempts
}

async function tryAgain(call: RunningCall, failure: Failure, runner: TaskRunner): Promise<void> {
  const { task, held } = call
  const { because, code, retryAfterMs } = failure
  const before = because === 'died' ? task.child_deaths : task.failures
  const afterMs = retryDelayMs(before, runner.retryBaseMs, retryAfterMs ?? 0)
  log.warn({ ...about(task), code, because, after_ms: afterMs }, 'task is tried again')
  await storing(call, () => runner.release({ ...held, because, afterMs }))
}

function blankOutcome({ held }: RunningCall): Outcome {
  return {
    ...held,
    status: TaskStatus.SUCCESS,
    responseText: '',
    reasoningText: null,
    errorCode: null,
    errorMsg: null,
    usage: null,
    finishReason: null,
    answeredBy: null,
    firstTokenMs: null,
    reasoningMs: null,
    files: [],
    counts: null,
    deadLetterId: null,
  }
}

function failed(outcome: Outcome, { code, because }: Pick<Failure, 'code' | 'because'>): Outcome {
  return {
    ...outcome,
    status: TaskStatus.FAILED,
    responseText: outcome.responseText || null,
    files: [],
    errorCode: code,
    errorMsg: TASK_ERRORS[code],
    counts: because === 'died' ? 'child_death' : 'failure',
    deadLetterId: uuidv7(),
  }
}

/**
 * The texts as they are stored: bounded, and free of what Postgres cannot hold. With reasoning, the time
 * that it took.
 */
function keepText(call: RunningCall, outcome: Outcome): void {
  const text = storableText(call.responseText).trimStart()
  const cut = cutToBytes(text, MAX_ANSWER_BYTES)
  outcome.responseText = cut === text ? text : cut + CUT_MARK
  outcome.reasoningText =
    cutToBytes(storableText(call.reasoningText).trim(), MAX_ANSWER_BYTES) || null
  if (outcome.reasoningText !== null) outcome.reasoningMs = call.reasoningTime.ms
}

async function finishWhileHeld(
  call: RunningCall,
  outcome: Outcome,
  at: string[],
  { finish }: TaskRunner,
): Promise<void> {
  let stored = outcome
  const held = await storing(call, async () => {
    try {
      return await finish(stored)
    } catch (error) {
      if (error instanceof PostgresError && error.dataAtFault && stored === outcome) {
        log.error({ ...about(call.task), code: error.code }, 'result could not be stored')
        stored = failed(blankOutcome(call), { code: 'unstorable_result', because: 'failed' })
      }
      throw error
    }
  })
  if (held && stored.status === TaskStatus.FAILED) {
    log.error({ ...about(call.task), code: stored.errorCode, at }, 'task failed')
  }
}

/**
 * Does what stores the end of a call, however often it takes, until the database has said whether
 * the task was still held. Resolves to that.
 */
async function storing(call: RunningCall, store: () => Promise<boolean>): Promise<boolean> {
  const { task } = call
  await call.saved
  for (const backoff = new Backoff(STORE_AGAIN_AFTER_MS); !call.released; ) {
    try {
      const held = await store()
      if (!held) {
        call.lost = true
        log.warn({ ...about(task), fence: task.fence }, 'late result dropped')
      }
      return held
    } catch (error) {
      log.warn({ ...about(task), code: codeOf(error) }, 'result not stored yet')
      await backoff.pause()
    }
  }
  return false
}
