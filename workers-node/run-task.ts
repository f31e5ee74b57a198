import type { LanguageModelV4 } from '@ai-sdk/provider'
import { TASK_ERRORS, type TaskErrorCode } from '../drizzle/contract/task-error-code.ts'
import { TaskStatus } from '../drizzle/contract/task-status.ts'
import type { Outcome } from '../drizzle/statements/finish-tasks-if-held.ts'
import { Backoff } from './backoff.ts'
import { callModel, ModelError } from './call-model.ts'
import { codeOf, log } from './log.ts'
import { PostgresError } from './postgres.ts'
import type { RunningCall } from './running-call.ts'
import { cutToBytes, storableText } from './storable-text.ts'

const MAX_ANSWER_BYTES = 1024 * 1024
const CUT_MARK = '\n\n[The answer was cut here: it was longer than 1 MB.]'
const FINISH_AGAIN_AFTER_MS = { first: 100, most: 5_000 }

/** Stores an outcome; resolves to whether the task was still held. */
export type Finish = (outcome: Outcome) => Promise<boolean>

type Model = { model: LanguageModelV4; totalMs: number }

/**
 * Runs one claimed task to its end: calls the model, keeps the text so far in `call`, stores the
 * outcome. Does not throw. A task that was lost or released on the way stores nothing.
 */
export async function runTask(call: RunningCall, { model, totalMs }: Model, finish: Finish) {
  const outcome = await answerOf(call, model, totalMs)
  if (call.lost || call.released) return
  call.ended = true
  await finishWhileHeld(call, outcome, finish)
}

async function answerOf(
  call: RunningCall,
  model: LanguageModelV4,
  totalMs: number,
): Promise<Outcome> {
  const outcome = blankOutcome(call)
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), totalMs)
  const signal = AbortSignal.any([call.abort.signal, timeout.signal])
  let bytes = 0
  let failure: TaskErrorCode | null = null
  try {
    for await (const part of callModel(model, call.task, signal)) {
      if (part.type === 'end') {
        outcome.finishReason = part.finishReason
        outcome.usage = part.usage
        outcome.answeredBy = part.answeredBy
        continue
      }
      outcome.firstTokenMs ??= Math.round(performance.now() - call.startedAt)
      if (part.type === 'reasoning') {
        if (call.reasoningText.length < MAX_ANSWER_BYTES) call.reasoningText += part.text
        continue
      }
      call.responseText += part.text
      bytes += Buffer.byteLength(part.text)
      if (bytes > MAX_ANSWER_BYTES) {
        // Leaving the loop ends the call.
        outcome.finishReason = 'cut'
        break
      }
    }
  } catch (error) {
    failure = failureOf(error, timeout.signal)
    if (failure === 'internal' && !call.lost && !call.released) {
      log.error({ task_id: call.task.id, code: codeOf(error) }, 'task failed in the worker')
    }
  } finally {
    clearTimeout(timer)
  }
  const text = storableText(call.responseText).trimStart()
  const cut = cutToBytes(text, MAX_ANSWER_BYTES)
  outcome.responseText = cut === text ? text : cut + CUT_MARK
  outcome.reasoningText =
    cutToBytes(storableText(call.reasoningText).trim(), MAX_ANSWER_BYTES) || null
  if (!failure && text.trim() === '') failure = 'empty_response'
  return failure
    ? { ...outcome, ...failed(failure), responseText: outcome.responseText || null }
    : outcome
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
  }
}

function failed(code: TaskErrorCode) {
  return { status: TaskStatus.FAILED, errorCode: code, errorMsg: TASK_ERRORS[code] }
}

function failureOf(error: unknown, timeout: AbortSignal): TaskErrorCode {
  if (timeout.aborted) return 'model_timeout'
  return error instanceof ModelError ? error.code : 'internal'
}

/** Stores the outcome however often it takes, until the database says that it is not ours. */
async function finishWhileHeld(call: RunningCall, outcome: Outcome, finish: Finish): Promise<void> {
  const backoff = new Backoff(FINISH_AGAIN_AFTER_MS)
  for (let stored = outcome; !call.released; ) {
    try {
      const held = await finish(stored)
      if (!held) log.warn({ task_id: stored.taskId, fence: stored.fence }, 'late result dropped')
      return
    } catch (error) {
      if (error instanceof PostgresError && error.dataAtFault && stored === outcome) {
        log.error({ task_id: stored.taskId, code: error.code }, 'result could not be stored')
        stored = { ...blankOutcome(call), ...failed('unstorable_result'), responseText: null }
        continue
      }
      log.warn({ task_id: stored.taskId, code: codeOf(error) }, 'result not stored yet')
      await backoff.pause()
    }
  }
}
