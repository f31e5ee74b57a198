import { beforeAll, test } from 'vitest'
import { ringTasksIfDue } from '../../drizzle/statements/ring-tasks-if-due.ts'
import { ringTasksIfLost } from '../../drizzle/statements/ring-tasks-if-lost.ts'
import { findNextTimes } from '../../drizzle/statements/find-next-times.ts'
import { findMissingHolders } from '../../drizzle/statements/find-missing-holders.ts'
import { reapTasksIfExpired } from '../../drizzle/statements/reap-tasks-if-expired.ts'
import { reapTasksIfHolderMissing } from '../../drizzle/statements/reap-tasks-if-holder-missing.ts'
import { endWaitsForNode } from '../../drizzle/statements/end-waits-for-node.ts'
import { releaseTasksIfHeld } from '../../drizzle/statements/release-tasks-if-held.ts'
import { claimTasksIfPending } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { submitted, claimOf, HOLDER } from '../setup/task-states.ts'
import { openSession } from '../setup/session.ts'
import { useDatabase } from '../setup/use-database.ts'
const BACKLOG = 20_000
const database = useDatabase()
beforeAll(async () => {
  for (const table of ['tasks', 'batches']) {
    await database.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`)
  }
  const { conversationId } = await submitted(database, ['qwen3:1.7b'])
  await database.query(
    `INSERT INTO batches (id, conversation_id, owner, turn, user_prompt, mode, traceparent,
       total_tasks, open_tasks)
     SELECT gen_random_uuid(), $1, 'local', turn, 'A prompt', 'text', '', 1, 1
     FROM generate_series(2, ${BACKLOG} + 1) AS turn`,
    [conversationId],
  )
  await database.query(
    `INSERT INTO tasks (id, batch_id, conversation_id, owner, position, model, model_name, family, slot)
     SELECT gen_random_uuid(), id, conversation_id, owner, 1, 'qwen3:1.7b', 'qwen3:1.7b', 'qwen', 0
     FROM batches WHERE turn > 1`,
  )
})
beforeAll(() => database.query('ANALYZE'))
const fam = ['gemini','qwen','deepseek']
const STATEMENTS: Record<string, any> = {
  due: ringTasksIfDue(500),
  lost: ringTasksIfLost(fam.map((family) => ({ family, ageMs: 0 })), 500),
  next: findNextTimes(fam),
  next0: findNextTimes([]),
  missing: findMissingHolders(),
  expired: reapTasksIfExpired(10_000, 500),
  holder: reapTasksIfHolderMissing(['1', '2'], 10_000, 500),
  endw: endWaitsForNode(['qwen'], 500),
  release: releaseTasksIfHeld(Array.from({length:200},()=>({taskId: crypto.randomUUID(), fence: 1, because:'failed', afterMs: 1}))),
  claim: claimTasksIfPending(Array.from({length:50},()=>claimOf({id: crypto.randomUUID()})), HOLDER),
}
for (const [k, s] of Object.entries(STATEMENTS)) test(k, async () => {
  const rows = await database.query<any>(`EXPLAIN ${s.text}`, s.params)
  console.log(k + ' custom\n' + rows.map((r) => r['QUERY PLAN']).join('\n'))
  const session = await openSession(database)
  const { rows: g } = await session.query(`EXPLAIN (GENERIC_PLAN) ${s.text}`)
  console.log(k + ' generic\n' + g.map((r: any) => r['QUERY PLAN']).join('\n'))
})
