import { Redis } from 'ioredis'
import { MODEL_FAMILIES } from '../../drizzle/contract/models.ts'
import { until } from '../setup/client.ts'
import type { Stack } from '../stack.ts'
import { demand, type TaskRow, WAIT_MS } from './scenario.ts'

/** Demands that each task was answered by its first call: no holder died, and no call failed. */
export function demandAnsweredOnce(tasks: TaskRow[]): void {
  const others = tasks.filter(
    ({ status, attempt, deaths, failures }) =>
      status !== 1 || attempt !== 1 || deaths !== 0 || failures !== 0,
  )
  demand(others.length === 0, `not answered at once: ${JSON.stringify(others.slice(0, 3))}`)
}

/** Demands that these tasks, and no others, are dead letters. */
export async function demandDeadLetters({ database }: Stack, tasks: TaskRow[]): Promise<void> {
  const letters = await database.query<{ task_id: string }>(
    `SELECT task_id FROM dead_letters WHERE kind = 'task' ORDER BY task_id`,
  )
  const dead = letters.map(({ task_id }) => task_id).join(' ')
  const expected = tasks.map(({ id }) => id).toSorted()
  demand(dead === expected.join(' '), `dead letters for ${dead}, and not for ${expected}`)
}

/** Waits until no message of any family waits or is held unacknowledged. */
export async function demandStreamsEmpty(redisUrl: string): Promise<void> {
  const redis = new Redis(redisUrl, { protocol: 2 })
  try {
    await until(async () => (await messagesIn(redis)) === 0, WAIT_MS)
  } finally {
    redis.disconnect()
  }
}

/** How many messages wait in the streams of all families, and how many are held unacknowledged. */
export async function messagesIn(redis: Redis): Promise<number> {
  let messages = 0
  for (const { stream, group } of MODEL_FAMILIES) {
    messages += await redis.xlen(stream)
    const [pending] = (await redis.xpending(stream, group).catch(noGroup)) as [number]
    messages += pending
  }
  return messages
}

/** A stream that was lost has no group until somebody needs it. */
function noGroup(error: unknown): [number] {
  if (error instanceof Error && error.message.startsWith('NOGROUP')) return [0]
  throw error
}
