import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { cancelTasksIfOpen } from '../../drizzle/statements/cancel-tasks-if-open.ts'
import { claimTasksIfPending } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { findBatch } from '../../drizzle/statements/find-batch.ts'
import { findTask } from '../../drizzle/statements/find-task.ts'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { reapTasksIfExpired } from '../../drizzle/statements/reap-tasks-if-expired.ts'
import { releaseTasksIfHeld } from '../../drizzle/statements/release-tasks-if-held.ts'
import { type Held, renewLeasesIfHeld } from '../../drizzle/statements/renew-leases-if-held.ts'
import { replayDeadLetters } from '../../drizzle/statements/replay-dead-letters.ts'
import { savePartialsIfHeld } from '../../drizzle/statements/save-partials-if-held.ts'
import type { Statement } from '../../drizzle/statements/statement.ts'
import type { Known } from '../../drizzle/statements/tags.ts'
import { openSession } from '../setup/session.ts'
import { attach, storedFile } from '../setup/stored-files.ts'
import {
  claimOf,
  drained,
  failure,
  HOLDER,
  processing,
  submitted,
  success,
} from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'qwen3:1.7b'
const database = useDatabase()

const knows = (tags: Known['tags'], urlsUntil = 0): Known => ({ tags, urlsUntil })
const saves = (held: Held, responseText: string) =>
  savePartialsIfHeld([{ ...held, responseText, reasoningText: '' }])

async function batchSeen(batchId: string, known?: Known) {
  return (await database.run(findBatch('local', batchId, known)))[0]!
}

async function taskSeen(taskId: string, known?: Known) {
  return (await database.run(findTask('local', taskId, known)))[0]!
}

test('each thing that befalls a task gives it and its batch a tag that they never had', async () => {
  const { batchId, tasks } = await submitted(database, [MODEL, MODEL])
  const id = tasks[0]!.id
  const at = (fence: number): Held => ({ taskId: id, fence })
  const claim = (fence: number, again = false) =>
    claimTasksIfPending([claimOf({ id }, { fence, again })], HOLDER)
  const failed = failure(at(5))
  const replay = { letterId: failed.deadLetterId!, auditId: uuidv7() }
  const befalls: Record<string, Statement<unknown>> = {
    claim: claim(0),
    'claim that is asked again': claim(0, true),
    text: saves(at(1), 'So f'),
    'more text': saves(at(1), 'So far'),
    release: releaseTasksIfHeld(drained([at(1)])),
    'next claim': claim(2),
    'next text': saves(at(3), 'Anew'),
    reaping: reapTasksIfExpired('infinity', 1, 10),
    'third claim': claim(4),
    failure: finishTasksIfHeld([failed]),
    replay: replayDeadLetters([replay], { actor: 'a test', canRing: true }),
    'fourth claim': claim(6),
    success: finishTasksIfHeld([success(at(7), 'All')]),
    'cancel of another': cancelTasksIfOpen('local', { taskIds: [tasks[1]!.id] }),
  }
  let [batch, task] = [await batchSeen(batchId), await taskSeen(id)]
  const had = { batch: [batch.tag], task: [task.tag] }
  for (const [what, statement] of Object.entries(befalls)) {
    await database.run(statement)
    const before = { batch, task }
    ;[batch, task] = [await batchSeen(batchId), await taskSeen(id)]
    expect([what, batch.batch]).not.toEqual([what, before.batch.batch])
    if (what !== 'cancel of another') {
      expect([what, task.task]).not.toEqual([what, before.task.task])
    }
    expect([what, had.batch.includes(batch.tag), had.task.includes(task.tag)]).toEqual([
      what,
      false,
      false,
    ])
    had.batch.push(batch.tag)
    had.task.push(task.tag)
  }
})

test('what nobody sees leaves the tag as it is: a lease, a ring, a wait for a node, an old text', async () => {
  const { batchId, held } = await processing(database, [MODEL, MODEL])
  await database.run(saves(held[0], 'So f'))
  const [batch, task] = [await batchSeen(batchId), await taskSeen(held[0].taskId)]
  await database.run(renewLeasesIfHeld(held, { leaseMs: 120_000, watched: true }))
  await database.query('UPDATE tasks SET rung_at = now(), run_after = now() WHERE batch_id = $1', [
    batchId,
  ])
  await database.run(saves({ ...held[1]!, fence: 0 }, 'Too late'))
  await database.query("INSERT INTO task_partials VALUES ($1, 0, 'Too late', '')", [
    held[1]!.taskId,
  ])
  expect(await batchSeen(batchId)).toEqual(batch)
  expect(await taskSeen(held[0].taskId)).toEqual(task)
})

test('two texts of one moment have two tags', async () => {
  const { batchId, held } = await processing(database, [MODEL])
  const session = await openSession(database)
  const tags = new Set<string>()
  await session.query('BEGIN')
  for (const text of ['S', 'So', 'So f']) {
    await session.run(saves(held[0], text))
    tags.add((await session.run(findBatch('local', batchId)))[0]!.tag)
  }
  await session.query('COMMIT')
  expect(tags.size).toBe(3)
})

test('a text that a crash has taken, and the one after it, have no tag of an earlier text', async () => {
  const { batchId, held } = await processing(database, [MODEL])
  const without = await batchSeen(batchId)
  const before: string[] = []
  for (const text of ['S', 'So', 'So f']) {
    await database.run(saves(held[0], text))
    before.push((await batchSeen(batchId)).tag)
  }
  await database.query('DELETE FROM task_partials WHERE task_id = $1', [held[0].taskId])
  expect(await batchSeen(batchId)).toEqual(without)
  await database.run(saves(held[0], 'So far'))
  const after = await batchSeen(batchId)
  expect(after.batch?.results[0]?.response_text).toBe('So far')
  expect(before).not.toContain(after.tag)
})

test('who knows the tag is told no more than that, and whether it has ended or waits for too long', async () => {
  const { batchId, tasks } = await submitted(database, [MODEL])
  const id = tasks[0]!.id
  await database.query("UPDATE tasks SET rung_at = now() - interval '1 min' WHERE id = $1", [id])
  for (const see of [
    (known?: Known) => batchSeen(batchId, known),
    (known?: Known) => taskSeen(id, known),
  ]) {
    const { tag } = await see()
    for (const tags of ['*', [tag], ['7.7', tag]] as const) {
      const { tag: same, ended, overdue, ...rest } = await see(knows(tags))
      expect([same, ended, overdue, ...Object.values(rest)]).toEqual([tag, false, true, null])
    }
    const other = await see(knows(['7.7']))
    expect(Object.values(other)).not.toContain(null)
  }
  await database.run(cancelTasksIfOpen('local', { batchId }))
  expect(await batchSeen(batchId, knows('*'))).toMatchObject({ ended: true, overdue: false })
  expect(await taskSeen(id, knows('*'))).toMatchObject({ ended: true, overdue: false })
})

test('where there are files the tag changes with their addresses, and only there', async () => {
  const plain = await processing(database, [MODEL])
  const given = await processing(database, [MODEL])
  await attach(database, given.batchId, [await storedFile(database)])
  const made = await processing(database, [MODEL])
  const { file_id: fileId } = await storedFile(database, { name: 'a.png' })
  await database.run(
    finishTasksIfHeld([success(made.held[0], '', { files: [{ fileId, name: 'a.png' }] })]),
  )
  const changes: boolean[][] = []
  for (const { batchId, held } of [plain, given, made]) {
    const ofBatch = await batchSeen(batchId, knows([], 3600))
    const ofTask = await taskSeen(held[0].taskId, knows([], 3600))
    changes.push([
      (await batchSeen(batchId, knows([], 7200))).tag !== ofBatch.tag,
      (await taskSeen(held[0].taskId, knows([], 7200))).tag !== ofTask.tag,
    ])
  }
  // A task shows no files of its prompt; that it is told anew once an hour does no harm.
  expect(changes).toEqual([
    [false, false],
    [true, true],
    [true, true],
  ])
})
