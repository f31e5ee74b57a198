import { randomBytes } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import type { Batch } from '../../drizzle/contract/http-api.ts'
import { claimTasksIfPending } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import type { PostgresDoor } from '../../drizzle/statements/statement.ts'
import { errorOf, get, post } from './client.ts'
import { claimOf, failure, HOLDER, success } from './task-states.ts'

/** A conversation of somebody with one batch, and what belongs to it. */
export type OwnedThings = {
  /** Stands in all its texts: prompt, title, answer, reasoning, file name, file content. */
  tag: string
  idempotencyKey: string
  conversationId: string
  batchId: string
  answeredTask: string
  failedTask: string
  openTask: string
  fileId: string
  /** Where the file is to be had: a signed path. */
  fileUrl: string
  /** The dead letter of the failed task. */
  letterId: string
}

/** Nobody's. */
export function noThings(): OwnedThings {
  return {
    tag: randomBytes(8).toString('hex'),
    idempotencyKey: uuidv7(),
    conversationId: uuidv7(),
    batchId: uuidv7(),
    answeredTask: uuidv7(),
    failedTask: uuidv7(),
    openTask: uuidv7(),
    fileId: uuidv7(),
    fileUrl: `/v1/files/${uuidv7()}`,
    letterId: uuidv7(),
  }
}

/** The ids of all of it. */
export const idsOf = ({ tag: _, idempotencyKey: __, fileUrl: ___, ...ids }: OwnedThings) =>
  Object.values(ids)

/** What is to be uploaded to have the same content as its file. */
export const sameFile = ({ tag }: OwnedThings, name: string) => new File([`content ${tag}`], name)

/** Makes them, for the owner whose key is sent. */
export async function makeThings(gatewayUrl: string, postgres: PostgresDoor): Promise<OwnedThings> {
  const none = noThings()
  const { tag, idempotencyKey, letterId } = none
  const fields = {
    prompt: `prompt ${tag}`,
    model: 'qwen3, qwen3:8b, qwen3:14b',
    files: sameFile(none, `name-${tag}.txt`),
  }
  const sent = await post(gatewayUrl, fields, { 'idempotency-key': idempotencyKey })
  if (sent.status !== 202) throw new Error(JSON.stringify(await errorOf(sent)))
  const { batch_id: batchId, conversation_id: conversationId, task_ids } = await sent.json()
  await fetch(`${gatewayUrl}/v1/conversations/${conversationId}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ title: `title ${tag}` }),
  })
  const [answeredTask, failedTask, openTask] = task_ids as [string, string, string]
  const claims = [answeredTask, failedTask].map((id) => claimOf({ id }))
  await postgres.run(claimTasksIfPending(claims, HOLDER))
  const held = (taskId: string) => ({ taskId, fence: 1 })
  const outcomes = [
    success(held(answeredTask), `answer ${tag}`, { reasoningText: `reasoning ${tag}` }),
    failure(held(failedTask), { deadLetterId: letterId }),
  ]
  await postgres.run(finishTasksIfHeld(outcomes))
  const { files } = await get<Batch>(gatewayUrl, `/v1/batches/${batchId}`)
  const { file_id: fileId, url } = files[0]!
  return {
    ...none,
    conversationId,
    batchId,
    answeredTask,
    failedTask,
    openTask,
    fileId,
    fileUrl: url!,
  }
}

/** All rows of an owner, and what hangs on rows of anybody without a name of its owner. */
export const ROWS_OF_OWNER = `
SELECT jsonb_build_object(
  'conversations', (SELECT jsonb_agg(c ORDER BY c.id) FROM conversations c WHERE c.owner = $1),
  'batches', (SELECT jsonb_agg(b ORDER BY b.id) FROM batches b WHERE b.owner = $1),
  'tasks', (SELECT jsonb_agg(t ORDER BY t.id) FROM tasks t WHERE t.owner = $1),
  'files', (SELECT jsonb_agg(f ORDER BY f.id) FROM files f WHERE f.owner = $1),
  'keys', (SELECT jsonb_agg(k ORDER BY k.key) FROM idempotency_keys k WHERE k.owner = $1),
  'sent', (SELECT jsonb_agg(s ORDER BY s.batch_id, s.position) FROM batch_files s
    JOIN batches b ON b.id = s.batch_id WHERE b.owner = $1),
  'letters', (SELECT jsonb_agg(d ORDER BY d.id) FROM dead_letters d),
  'doomed', (SELECT jsonb_agg(o ORDER BY o.object_key) FROM doomed_objects o)
)::text AS rows`
