import { expect, test } from 'vitest'
import { claimTasksIfPending } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { findTask } from '../../drizzle/statements/find-task.ts'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { forgetOldRows } from '../../drizzle/statements/forget-old-rows.ts'
import { reapTasksIfExpired } from '../../drizzle/statements/reap-tasks-if-expired.ts'
import { type Held, renewLeasesIfHeld } from '../../drizzle/statements/renew-leases-if-held.ts'
import { savePartialsIfHeld } from '../../drizzle/statements/save-partials-if-held.ts'
import { openSession, race } from '../setup/session.ts'
import { claimOf, HOLDER, processing, success } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'qwen3:1.7b'
const database = useDatabase()

const partialOf = (held: Held, responseText = 'So f', reasoningText = 'Hm') => ({
  ...held,
  responseText,
  reasoningText,
})

function kept({ taskId }: Held) {
  return database.query(
    'SELECT fence, response_text, reasoning_text FROM task_partials WHERE task_id = $1',
    [taskId],
  )
}

test('the text so far of several calls is kept, each at its fence', async () => {
  const { held } = await processing(database, [MODEL, MODEL])
  await database.run(savePartialsIfHeld([partialOf(held[0]), partialOf(held[1]!, 'Another', 'Ho')]))
  expect(await kept(held[0])).toEqual([{ fence: 1, response_text: 'So f', reasoning_text: 'Hm' }])
  expect(await kept(held[1]!)).toEqual([
    { fence: 1, response_text: 'Another', reasoning_text: 'Ho' },
  ])
})

test('a later text takes the place of the earlier one, with its time', async () => {
  const { held } = await processing(database, [MODEL])
  await database.run(savePartialsIfHeld([partialOf(held[0])]))
  await database.query("UPDATE task_partials SET updated_at = now() - interval '1 h'")
  await database.run(savePartialsIfHeld([partialOf(held[0], 'So far', 'Hm, hm')]))
  expect(await kept(held[0])).toEqual([
    { fence: 1, response_text: 'So far', reasoning_text: 'Hm, hm' },
  ])
  const old = await database.query(
    "SELECT FROM task_partials WHERE task_id = $1 AND updated_at < now() - interval '1 min'",
    [held[0].taskId],
  )
  expect(old).toEqual([])
})

test('the text of the next holder takes the place of the last one’s, at the new fence', async () => {
  const { held } = await processing(database, [MODEL])
  await database.run(savePartialsIfHeld([partialOf(held[0])]))
  await database.query('UPDATE tasks SET lease_expires_at = now() WHERE id = $1', [held[0].taskId])
  await database.run(reapTasksIfExpired('infinity', 1, 10))
  expect(await kept(held[0])).toHaveLength(1)
  const { taskId } = held[0]
  await database.run(claimTasksIfPending([claimOf({ id: taskId }, { fence: 2 })], HOLDER))
  await database.run(savePartialsIfHeld([partialOf({ taskId, fence: 3 }, 'Anew', '')]))
  expect(await kept(held[0])).toEqual([{ fence: 3, response_text: 'Anew', reasoning_text: '' }])
})

test('an old fence saves nothing; the others of the statement are saved', async () => {
  const { held } = await processing(database, [MODEL, MODEL])
  await database.query('UPDATE tasks SET fence = 3 WHERE id = $1', [held[0].taskId])
  await database.run(savePartialsIfHeld(held.map((one) => partialOf(one))))
  expect(await kept(held[0])).toEqual([])
  expect(await kept(held[1]!)).toHaveLength(1)
})

test('a task that is not being processed keeps no text, at its own fence either', async () => {
  const { held } = await processing(database, [MODEL])
  await database.run(finishTasksIfHeld([success(held[0])]))
  await database.run(savePartialsIfHeld([partialOf(held[0])]))
  expect(await kept(held[0])).toEqual([])
})

test('a task that somebody has locked at the moment keeps no text; the others of the statement do, and nobody waits', async () => {
  const { held } = await processing(database, [MODEL, MODEL])
  const [other, worker] = [await openSession(database), await openSession(database)]
  await other.query('BEGIN')
  await other.run(finishTasksIfHeld([success(held[0])]))
  await worker.query("SET lock_timeout = '1 s'")
  const statement = savePartialsIfHeld(held.map((one) => partialOf(one)))
  expect(await worker.run(statement)).toEqual([{ task_id: held[1]!.taskId }])
  await other.query('COMMIT')
  expect(await kept(held[0])).toEqual([])
  expect(await kept(held[1]!)).toHaveLength(1)
})

test('a task whose lease is being renewed at the moment keeps its text all the same', async () => {
  const { held } = await processing(database, [MODEL])
  const [renewer, worker] = [await openSession(database), await openSession(database)]
  await renewer.query('BEGIN')
  await renewer.run(renewLeasesIfHeld(held, { leaseMs: 60_000, watched: false }))
  await worker.query("SET lock_timeout = '1 s'")
  expect(await worker.run(savePartialsIfHeld([partialOf(held[0])]))).toHaveLength(1)
  await renewer.query('COMMIT')
  expect(await kept(held[0])).toHaveLength(1)
})

test('a finish waits for a save under way, and removes what it saved', async () => {
  const { held } = await processing(database, [MODEL])
  await database.run(savePartialsIfHeld([partialOf(held[0])]))
  const { second } = await race(
    database,
    savePartialsIfHeld([partialOf(held[0], 'So far')]),
    finishTasksIfHeld([success(held[0])]),
  )
  expect(second).toHaveLength(1)
  expect(await kept(held[0])).toEqual([])
})

test('a first text saved while its finish waits is shown to nobody, and is forgotten', async () => {
  const { owner, held } = await processing(database, [MODEL])
  await race(
    database,
    savePartialsIfHeld([partialOf(held[0])]),
    finishTasksIfHeld([success(held[0], 'All')]),
  )
  const [row] = await database.run(findTask(owner, held[0].taskId))
  expect(row?.task).toMatchObject({ response_text: 'All', reasoning_text: null })
  await database.query("UPDATE task_partials SET updated_at = now() - interval '2 h'")
  await database.run(forgetOldRows(10))
  expect(await kept(held[0])).toEqual([])
})
