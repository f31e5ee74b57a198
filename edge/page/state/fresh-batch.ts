import type { File, Result } from '../../../drizzle/contract/http-api.ts'
import type { Mode } from '../../../drizzle/contract/models.ts'
import { TaskStatus } from '../../../drizzle/contract/task-status.ts'
import type { Model } from './models.ts'
import type { ShownBatch } from './turn.ts'

type Fresh = { prompt: string; mode: Mode; files: File[]; results: Result[] }

/** A prompt of which the server has only said that it has it. */
export function freshBatch({ prompt, ...known }: Fresh): ShownBatch {
  return { ...known, user_prompt: prompt, status: 'PROCESSING', chosen_task_id: null }
}

/** Its answers, none of which has begun: the server gives the ids in the order of the models, then slot. */
export function freshResults(
  taskIds: readonly string[],
  models: readonly Model[],
  twice: boolean,
): Result[] {
  const wanted = models.flatMap(({ id: model, family }) => {
    const slots = twice && family === 'gemini' ? 2 : 1
    return Array.from({ length: slots }, (_, slot) => ({
      model,
      slot,
      model_name: slots > 1 ? `${model} (#${slot + 1})` : model,
    }))
  })
  // What does not fit is told by the first poll.
  if (wanted.length !== taskIds.length) return []
  const created_at = new Date().toISOString()
  return wanted.map((one, i) => ({ ...NOTHING_YET, ...one, task_id: taskIds[i]!, created_at }))
}

const NOTHING_YET = {
  status: TaskStatus.PENDING,
  response_text: null,
  reasoning_text: null,
  error_code: null,
  error_msg: null,
  cost_time: null,
  usage: null,
  finish_reason: null,
  answered_by: null,
  first_token_ms: null,
  reasoning_ms: null,
  started_at: null,
  finished_at: null,
  files: [],
}
