import type { Context } from 'hono'
import { z } from 'zod'
import {
  type Deletion,
  deleteConversationIfWhole,
} from '../../drizzle/statements/delete-conversation-if-whole.ts'
import { deletePartials } from '../../drizzle/statements/delete-partials.ts'
import { afterAnswer } from '../after-answer.ts'
import { ApiError } from '../api-error.ts'
import { codeOf } from '../code-of.ts'
import { deleteDoomed } from '../delete-doomed.ts'
import { log } from '../log.ts'
import { DatabaseError } from '../neon.ts'
import { type AppEnv, idFromPath, notFound, type Operation } from '../operation.ts'
import { pauseAfter } from '../run-uncrossed.ts'

/** A row begins to name one that was to go. */
const NAMED_AGAIN = '23503'
const TRIES = 5

export const deleteConversation: Operation = {
  access: 'owner',
  route: {
    method: 'delete',
    path: '/v1/conversations/{conversation_id}',
    summary: 'Delete a conversation',
    description:
      'With its batches, answers, partial texts, and the files that no other conversation has. What still runs of it ends as by a cancel. It does not come back.',
    tags: ['Conversations'],
    request: { params: z.object({ conversation_id: z.uuid() }) },
    answers: { 204: { description: 'It is gone.' } },
    errors: ['not_found', 'conflict', 'unavailable'],
  },

  async handle(c) {
    const id = idFromPath(c, 'conversation_id', 'conversation')
    const { running } = await deleteWhole(c, id)
    if (running.length > 0) await forgetWhatWasBeingSaved(c, running)
    afterAnswer(c, deleteDoomed(c.var))
    return c.body(null, 204)
  },
}

/** Deletes it, also while it or its files are being used. Throws ApiError 404, 409. */
async function deleteWhole(c: Context<AppEnv>, id: string): Promise<Deletion> {
  const { owner, postgres } = c.var
  for (let tries = 1; tries <= TRIES; tries++) {
    try {
      const [deletion] = await postgres.run(deleteConversationIfWhole(owner, id))
      if (!deletion) throw notFound('conversation')
      if (deletion.deleted) return deletion
    } catch (error) {
      const known = error instanceof DatabaseError
      if (!(known && (error.crossed || error.code === NAMED_AGAIN))) throw error
    }
    await pauseAfter(tries)
  }
  throw new ApiError('conflict', 'The conversation is in use at this moment. Try again.')
}

/** Does not fail: what is left over is forgotten by a sweep. */
async function forgetWhatWasBeingSaved(
  { var: { postgres, requestId } }: Context<AppEnv>,
  taskIds: string[],
): Promise<void> {
  try {
    await postgres.run(deletePartials(taskIds))
  } catch (error) {
    const code = codeOf(error)
    log('warn', 'partial texts left', { code, request_id: requestId })
  }
}
