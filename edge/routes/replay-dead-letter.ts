import { z } from 'zod'
import { type Replayed, replayed } from '../../drizzle/contract/operators-api.ts'
import { type ReplayRefusal, whyNotReplayed } from '../../drizzle/contract/replay-refusal.ts'
import { ApiError } from '../api-error.ts'
import { idFromPath, json, notFound, type Operation } from '../operation.ts'
import { replayLetters } from '../replay-letters.ts'

const AGAIN_AFTER_S = 5

export const replayDeadLetter: Operation = {
  access: 'operator',
  route: {
    method: 'post',
    path: '/v1/dead-letters/{dead_letter_id}/replay',
    summary: 'Run the task of a dead letter again, or add its message to the stream again',
    description: 'Refused with 409 where that cannot, or need not, be done: the message says why.',
    tags: ['Operations'],
    request: { params: z.object({ dead_letter_id: z.uuid() }) },
    answers: { 200: { description: 'Replayed.', content: json(replayed) } },
    errors: ['not_found', 'conflict', 'unavailable'],
  },

  async handle(c) {
    const id = idFromPath(c, 'dead_letter_id', 'dead letter')
    const { verdicts, rung } = await replayLetters(c, [id], await c.var.redis.answers())
    const { ring, message, verdict, newer } = verdicts[0]!
    if (!ring && !message) throw refusal(verdict as ReplayRefusal, newer)
    if (message && !rung) throw refusal('no_redis', null)
    const answer: Replayed = {
      id,
      task_id: ring?.task_id ?? null,
      stream: message?.stream ?? null,
    }
    return c.json(answer)
  },
}

function refusal(why: ReplayRefusal, newer: string | null): ApiError {
  if (why === 'unknown') return notFound('dead letter')
  const message = `The dead letter was not replayed: ${whyNotReplayed(why, newer)}.`
  if (why === 'no_redis') return new ApiError('unavailable', message, null, AGAIN_AFTER_S)
  return new ApiError('conflict', message)
}
