import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { releaseTasksIfHeld } from '../../drizzle/statements/release-tasks-if-held.ts'
import { savePartialsIfHeld } from '../../drizzle/statements/save-partials-if-held.ts'
import { submitBatch } from '../../drizzle/statements/submit-batch.ts'
import { newBatch } from '../setup/new-batch.ts'
import { provesOrderOfLocks } from '../setup/opposite-orders.ts'
import { openSession, race, untilWaiting } from '../setup/session.ts'
import { batchRow, claimed, failure, processing, success, taskRow } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'qwen3:1.7b'
const TWO = [MODEL, MODEL]
const database = useDatabase()

test('a success is stored with all its columns', async () => {
  const { held } = await processing(database, [MODEL])
  const usage = { input_tokens: 1, output_tokens: 2, reasoning_tokens: null, cached_tokens: 0 }
  const rows = await database.run(
    finishTasksIfHeld([
      success(held[0], 'The answer', {
        reasoningText: 'A thought',
        usage,
        finishReason: 'stop',
        answeredBy: 'qwen3:1.7b-q4',
        firstTokenMs: 321,
        reasoningMs: 4321,
      }),
    ]),
  )
  expect(rows).toEqual([{ id: held[0].taskId, fence: 1, family: 'qwen', node_awaited: false }])
  const row = await taskRow(
    database,
    held[0].taskId,
    "*, finished_at > now() - interval '1 min' AS finished_now",
  )
  expect(row).toMatchObject({
    status: 1,
    fence: 1,
    lease_expires_at: null,
    response_text: 'The answer',
    reasoning_text: 'A thought',
    error_code: null,
    error_msg: null,
    usage,
    finish_reason: 'stop',
    answered_by: 'qwen3:1.7b-q4',
    first_token_ms: 321,
    reasoning_ms: 4321,
    finished_now: true,
  })
})

test('a failure is stored with its reason', async () => {
  const { held } = await processing(database, [MODEL])
  await database.run(
    finishTasksIfHeld([
      failure(held[0], { errorCode: 'empty_response', errorMsg: 'Cut.', responseText: 'So f' }),
    ]),
  )
  expect(await taskRow(database, held[0].taskId)).toMatchObject({
    status: 2,
    error_code: 'empty_response',
    error_msg: 'Cut.',
    response_text: 'So f',
    usage: null,
  })
})

test('an old fence finishes nothing', async () => {
  const { batchId, held } = await processing(database, [MODEL])
  await database.query('UPDATE tasks SET fence = 3 WHERE id = $1', [held[0].taskId])
  const rows = await database.run(finishTasksIfHeld([success(held[0])]))
  expect(rows).toEqual([])
  expect(await taskRow(database, held[0].taskId)).toMatchObject({ status: 3, response_text: null })
  expect(await batchRow(database, batchId)).toMatchObject({ open_tasks: 1, success_tasks: 0 })
})

test('a task that is not being processed is not finished, at its own fence either', async () => {
  const { batchId, held } = await processing(database, [MODEL])
  await database.query('UPDATE tasks SET status = 0, lease_expires_at = NULL WHERE id = $1', [
    held[0].taskId,
  ])
  expect(await database.run(finishTasksIfHeld([success(held[0])]))).toEqual([])
  expect(await taskRow(database, held[0].taskId)).toMatchObject({ status: 0, fence: 1 })
  expect(await batchRow(database, batchId)).toMatchObject({ open_tasks: 1, success_tasks: 0 })
})

test('a second finish changes nothing: the first answer stands and is counted once', async () => {
  const { batchId, held } = await processing(database, TWO)
  await database.run(finishTasksIfHeld([success(held[0], 'first')]))
  expect(await database.run(finishTasksIfHeld([failure(held[0])]))).toEqual([])
  expect(await taskRow(database, held[0].taskId)).toMatchObject({
    status: 1,
    response_text: 'first',
  })
  expect(await batchRow(database, batchId)).toMatchObject({
    open_tasks: 1,
    success_tasks: 1,
    failed_tasks: 0,
  })
})

test('of two finishes of one task at the same moment one is lost', async () => {
  const { batchId, held } = await processing(database, TWO)
  const { first, second } = await race(
    database,
    finishTasksIfHeld([success(held[0], 'first')]),
    finishTasksIfHeld([success(held[0], 'second')]),
  )
  expect([first.length, second.length]).toEqual([1, 0])
  expect(await taskRow(database, held[0].taskId)).toMatchObject({ response_text: 'first' })
  expect(await batchRow(database, batchId)).toMatchObject({ open_tasks: 1, success_tasks: 1 })
})

test('a task that is taken back at the same moment is not finished', async () => {
  const { batchId, held } = await processing(database, [MODEL])
  const { second } = await race(
    database,
    releaseTasksIfHeld([{ ...held[0], because: 'drained', afterMs: 0 }]),
    finishTasksIfHeld([success(held[0])]),
  )
  expect(second).toEqual([])
  expect(await taskRow(database, held[0].taskId)).toMatchObject({ status: 0, fence: 2 })
  expect(await batchRow(database, batchId)).toMatchObject({ open_tasks: 1, success_tasks: 0 })
})

test('a batch stays open until its last task has ended', async () => {
  const { batchId, held } = await processing(database, TWO)
  await database.run(finishTasksIfHeld([success(held[0])]))
  expect(await batchRow(database, batchId)).toMatchObject({
    status: 'PROCESSING',
    open_tasks: 1,
    success_tasks: 1,
    failed_tasks: 0,
    finished_at: null,
  })
})

test.each([
  { name: 'only successes', ends: [success, success], status: 'COMPLETED', counts: [2, 0] },
  { name: 'only failures', ends: [failure, failure], status: 'FAILED', counts: [0, 2] },
  { name: 'some of both', ends: [success, failure], status: 'PARTIAL', counts: [1, 1] },
])('a batch of $name ends $status, counted in one statement', async ({ ends, status, counts }) => {
  const { batchId, held } = await processing(database, TWO)
  await database.run(finishTasksIfHeld(held.map((one, i) => ends[i]!(one))))
  const row = await batchRow(database, batchId)
  expect(row).toMatchObject({
    status,
    open_tasks: 0,
    success_tasks: counts[0],
    failed_tasks: counts[1],
    cancelled_tasks: 0,
  })
  expect(row?.finished_at).toBeInstanceOf(Date)
})

test('two tasks of a batch that finish at the same moment end it', async () => {
  const { batchId, held } = await processing(database, TWO)
  const { first, second } = await race(
    database,
    finishTasksIfHeld([success(held[0])]),
    finishTasksIfHeld([success(held[1]!)]),
  )
  expect([first.length, second.length]).toEqual([1, 1])
  const row = await batchRow(database, batchId)
  expect(row).toMatchObject({ status: 'COMPLETED', open_tasks: 0, success_tasks: 2 })
  expect(row?.finished_at).toBeInstanceOf(Date)
})

test('tasks of several batches finish in one statement, each counted in its own', async () => {
  const batches = [
    await processing(database, TWO),
    await processing(database, TWO),
    await processing(database, [MODEL]),
  ]
  const [one, two, three] = batches
  await database.run(
    finishTasksIfHeld([
      success(three!.held[0]),
      success(one!.held[0]),
      failure(two!.held[1]!),
      success(one!.held[1]!),
    ]),
  )
  const rows = await Promise.all(batches.map(({ batchId }) => batchRow(database, batchId)))
  expect(rows.map((row) => [row?.status, row?.open_tasks, row?.success_tasks])).toEqual([
    ['COMPLETED', 0, 2],
    ['PROCESSING', 1, 0],
    ['COMPLETED', 0, 1],
  ])
})

test('where one is held and one is lost, the one is finished and returned', async () => {
  const { batchId, held } = await processing(database, TWO)
  await database.query('UPDATE tasks SET fence = 3 WHERE id = $1', [held[1]!.taskId])
  const rows = await database.run(finishTasksIfHeld([success(held[1]!), success(held[0])]))
  expect(rows).toEqual([{ id: held[0].taskId, fence: 1, family: 'qwen', node_awaited: false }])
  expect(await batchRow(database, batchId)).toMatchObject({ open_tasks: 1, success_tasks: 1 })
})

test('a finish removes the text of the call so far, and nobody else’s', async () => {
  const { held } = await processing(database, TWO)
  await database.run(
    savePartialsIfHeld(held.map((one) => ({ ...one, responseText: 'So f', reasoningText: '' }))),
  )
  await database.run(finishTasksIfHeld([success(held[0])]))
  const left = await database.query('SELECT task_id FROM task_partials WHERE task_id = ANY ($1)', [
    held.map(({ taskId }) => taskId),
  ])
  expect(left).toEqual([{ task_id: held[1]!.taskId }])
})

function lettersOf(taskId: string) {
  return database.query('SELECT * FROM dead_letters WHERE task_id = $1', [taskId])
}

test('a task that fails leaves a dead letter of ids, counts and the reason, and of no text', async () => {
  const batch = await processing(database, TWO)
  const deadLetterId = uuidv7()
  await database.query('UPDATE tasks SET failures = 2, deaths = 1 WHERE batch_id = $1', [
    batch.batchId,
  ])
  await database.run(
    finishTasksIfHeld([
      failure(batch.held[1]!, { deadLetterId, responseText: 'So f', reasoningText: 'Hm' }),
      success(batch.held[0]),
    ]),
  )
  const [letter] = await lettersOf(batch.tasks[1]!.id)
  expect(letter).toMatchObject({
    id: deadLetterId,
    kind: 'task',
    source: 'qwen',
    original_id: batch.tasks[1]!.id,
    error_code: 'model_timeout',
    error_msg: 'Too slow.',
    replayed_at: null,
    copied_at: null,
  })
  expect(JSON.parse(letter?.payload)).toEqual({
    batch_id: batch.batchId,
    conversation_id: batch.conversationId,
    model: MODEL,
    slot: 0,
    fence: 1,
    failures: 3,
    deaths: 1,
    child_deaths: 0,
    attempt: 1,
    worker_id: 'worker-1',
  })
})

test('a success leaves no dead letter, nor does a failure that is not held', async () => {
  const { held } = await processing(database, TWO)
  await database.run(
    finishTasksIfHeld([
      success(held[0], 'An answer', { deadLetterId: uuidv7() }),
      failure({ ...held[1]!, fence: 7 }),
    ]),
  )
  expect(await lettersOf(held[0].taskId)).toEqual([])
  expect(await lettersOf(held[1]!.taskId)).toEqual([])
})

test('a task cannot fail without a dead letter', async () => {
  const { held } = await processing(database, [MODEL])
  const finish = database.run(finishTasksIfHeld([failure(held[0], { deadLetterId: null })]))
  await expect(finish).rejects.toMatchObject({ code: '23502' })
  expect(await taskRow(database, held[0].taskId)).toMatchObject({ status: 3 })
})

test('the longest and oddest name of a model keeps its dead letter within bounds', async () => {
  const batch = newBatch([MODEL])
  batch.tasks[0]!.model = `qwen${'\u0001'.repeat(996)}`
  await database.run(submitBatch(batch))
  const [task] = await claimed(database, batch)
  await database.run(finishTasksIfHeld([failure({ taskId: task!.id, fence: task!.fence })]))
  const [letter] = await lettersOf(task!.id)
  expect(JSON.parse(letter?.payload).model).toBe(batch.tasks[0]!.model.slice(0, 200))
})

test.each([
  { counts: 'failure', ends: failure, after: [3, 2, 1] },
  { counts: 'child_death', ends: failure, after: [2, 3, 2] },
  { counts: null, ends: failure, after: [2, 2, 1] },
  { counts: null, ends: success, after: [2, 2, 1] },
] as const)('an end that counts as $counts gives failures and deaths $after', async (row) => {
  const { held } = await processing(database, [MODEL])
  const { taskId } = held[0]
  await database.query(
    'UPDATE tasks SET failures = 2, deaths = 2, child_deaths = 1 WHERE id = $1',
    [taskId],
  )
  const outcome = { ...row.ends(held[0]), counts: row.counts }
  await database.run(finishTasksIfHeld([outcome]))
  const after = await taskRow(database, taskId)
  expect([after?.failures, after?.deaths, after?.child_deaths]).toEqual(row.after)
})

test('finishes that name the same tasks in opposite orders do not deadlock', async () => {
  const { held } = await processing(database, [MODEL, MODEL, MODEL])
  await provesOrderOfLocks(database, {
    tasks: held.map(({ taskId }) => taskId),
    statement: (ids) => finishTasksIfHeld(ids.map((taskId) => success({ taskId, fence: 1 }))),
  })
})

test('finishes of the same batches do not deadlock on them', async () => {
  // In an order of chance, half of such rounds deadlock.
  for (let round = 0; round < 12; round++) {
    const batches: Awaited<ReturnType<typeof processing>>[] = []
    for (let i = 0; i < 8; i++) batches.push(await processing(database, TWO))
    const outcomes = (which: 0 | 1) =>
      finishTasksIfHeld(batches.map(({ held }) => success(held[which]!)))
    const [gate, one, two] = [
      await openSession(database),
      await openSession(database),
      await openSession(database),
    ]
    await gate.query('BEGIN')
    await gate.query('SELECT FROM batches WHERE id = $1 FOR UPDATE', [batches[5]!.batchId])
    const first = one.run(outcomes(0))
    await untilWaiting(database, one, first)
    const second = two.run(outcomes(1))
    await untilWaiting(database, two, second)
    await gate.query('COMMIT')
    const ends = await Promise.allSettled([first, second])
    expect(ends.map((end) => (end.status === 'rejected' ? end.reason.code : 'done'))).toEqual([
      'done',
      'done',
    ])
  }
})

/** So many that two statements at once are both in the middle of them. */
const TASKS = 100

test('many finishes in opposite orders at once never deadlock, and every batch ends', async () => {
  const [one, two] = [await openSession(database), await openSession(database)]
  const batches = []
  for (let round = 0; round < 30; round++) {
    const batch = await processing(database, Array(TASKS).fill(MODEL))
    batches.push(batch.batchId)
    const outcomes = batch.held.map((held) => success(held))
    const rows = await Promise.all([
      one.run(finishTasksIfHeld(outcomes)),
      two.run(finishTasksIfHeld(outcomes.toReversed())),
    ])
    expect(rows.flat()).toHaveLength(TASKS)
  }
  const ended = await database.query(
    "SELECT FROM batches WHERE id = ANY ($1) AND status = 'COMPLETED' AND success_tasks = $2",
    [batches, TASKS],
  )
  expect(ended).toHaveLength(30)
})
