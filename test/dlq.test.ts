import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { v7 as uuidv7 } from 'uuid'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { readCommand, UsageError } from '../workers-node/dlq-command.ts'
import { ask, batchUntil, get, until } from './setup/client.ts'
import { type ModelServer, startModelServer } from './setup/model-server.ts'
import { spawnProgram } from './setup/spawn-program.ts'
import { startTcpProxy, type TcpProxy } from './setup/tcp-proxy.ts'
import { type Stack, startStack } from './stack.ts'

const NOWHERE = '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f'
/** A port on which nobody listens. */
const AWAY = '127.0.0.1:1'
const LEASE_MS = 2000
let stack: Stack
let models: ModelServer
let redis: Redis
/** Between Redis and all that is not the gateway or the test. */
let proxy: TcpProxy
let settings: Record<string, string>

beforeAll(async () => {
  models = await startModelServer()
  stack = await startStack({ models, workers: 0 })
  redis = new Redis(stack.redisUrl, { protocol: 2 })
  proxy = await startTcpProxy(stack.redisUrl)
  settings = { DATABASE_URL: stack.database.url, REDIS_URL: proxy.url }
  await stack.startWorker({ REDIS_URL: proxy.url, LEASE_MS: String(LEASE_MS) })
})
beforeEach(async () => {
  models.answer(() => ({ status: 400, body: { error: { message: 'no' } } }))
  await stack.database.query('DELETE FROM dead_letters')
})
afterAll(async () => {
  redis?.disconnect()
  await stack?.stop()
  await proxy?.close()
  await models?.close()
})

/** Runs the program to its end. */
async function dlq(args: string[], environment = settings): Promise<{ code: number; out: string }> {
  const program = spawnProgram('node', ['workers-node/dlq.ts', ...args], environment)
  const [code] = await once(program.child, 'close')
  return { code, out: program.output() }
}

type LetterRow = { id: string; payload: string; error_code: string; replayed_at: Date | null }

function letters(condition = 'true', values: unknown[] = []): Promise<LetterRow[]> {
  return stack.database.query(`SELECT * FROM dead_letters WHERE ${condition} ORDER BY id`, values)
}

/** A prompt whose task fails, and the dead letter that it leaves. */
async function failedTask() {
  const batch = await ask(stack.gatewayUrl, { prompt: 'MY SECRET PROMPT', model: 'qwen3' })
  const taskId = batch.results[0]!.task_id
  const [letter] = await letters('task_id = $1', [taskId])
  return { batch, taskId, letterId: letter!.id }
}

/** An entry of the stream that no task message is, and the dead letter that it becomes. */
async function badMessage(...fields: string[]): Promise<LetterRow> {
  const entry = await redis.xadd('qwen_stream', '*', ...fields)
  let found: LetterRow[] = []
  await until(async () => {
    found = await letters('original_id = $1', [entry])
    return found.length > 0
  })
  return found[0]!
}

test('where there are none, that is said', async () => {
  expect(await dlq(['list'])).toEqual({ code: 0, out: 'no dead letters\n' })
  expect(await dlq(['replay', '--all'])).toEqual({ code: 0, out: 'nothing to replay\n' })
})

test('a failed task is listed and shown, without its prompt', async () => {
  const { batch, taskId, letterId } = await failedTask()
  const list = await dlq(['list'])
  expect(list.code).toBe(0)
  const line = list.out.split('\n').find((line) => line.startsWith(letterId))
  expect(line?.split(/ {2,}/)).toEqual([
    letterId,
    expect.stringMatching(/^\d{4}-.*Z$/),
    'task',
    'qwen',
    taskId,
    'model_rejected_request',
  ])
  expect(list.out).toContain('npm run dlq -- replay ID')

  const show = await dlq(['show', letterId])
  expect(show.code).toBe(0)
  for (const part of [
    taskId,
    batch.batch_id,
    'qwen3',
    'The model service rejected the request.',
    'the task is FAILED',
    'never',
  ]) {
    expect(show.out).toContain(part)
  }
  expect(list.out + show.out).not.toContain('SECRET')
})

test('a list goes on where it stopped, and shows one kind where that is asked', async () => {
  const message = await badMessage('noise', 'x')
  const older = await failedTask()
  const newer = await failedTask()
  const first = await dlq(['list', '--limit', '1'])
  expect(first.out).toContain(newer.letterId)
  const [, advice] = first.out.match(/npm run dlq -- (list --after \S+)/) ?? []
  const second = await dlq(advice!.split(' '))
  expect(second.out).toContain(older.letterId)
  expect(second.out).toContain(message.id)
  expect(second.out).not.toContain(newer.letterId)
  expect(second.out).not.toContain('There are older ones')
  const messages = await dlq(['list', '--kind', 'message'])
  expect(messages.out).toContain(message.id)
  expect(messages.out).not.toContain(older.letterId)
  expect(await dlq(['list', '--after', message.id])).toEqual({
    code: 0,
    out: 'no older dead letters\n',
  })
})

test('once the model is mended a replayed task succeeds, and its batch ends anew', async () => {
  const { batch, taskId, letterId } = await failedTask()
  expect(batch.status).toBe('FAILED')
  const { promise, resolve } = Promise.withResolvers<void>()
  models.answer(() => [{ until: promise }, { text: 'At last' }])
  const replay = await dlq(['replay', letterId])
  expect(replay).toEqual({
    code: 0,
    out: `${letterId}  task ${taskId} is PENDING again\n1 replayed, 0 refused\n`,
  })
  const open = await get(stack.gatewayUrl, `/v1/batches/${batch.batch_id}`)
  expect(open).toMatchObject({
    status: 'PROCESSING',
    finished_at: null,
    results: [{ error_code: null, error_msg: null, response_text: null }],
  })
  resolve()
  const ended = await batchUntil(stack.gatewayUrl, batch.batch_id)
  expect(ended).toMatchObject({
    status: 'COMPLETED',
    results: [{ status: 1, response_text: 'At last' }],
  })
  expect(Date.parse(ended.finished_at!)).toBeGreaterThan(Date.parse(batch.finished_at!))

  const audit = await stack.database.query('SELECT * FROM sys_logs WHERE task_id = $1', [taskId])
  expect(audit).toMatchObject([
    { level: 'audit', source: 'dlq', code: 'dead_letter_replayed', stack: null },
  ])
  expect(audit[0]?.message).toMatch(new RegExp(`^\\S+@\\S+ replayed the dead letter ${letterId}.$`))
  const show = await dlq(['show', letterId])
  expect(show.out).toContain('the task is SUCCESS')
  expect(show.out).toMatch(/replayed +\d{4}-/)

  const again = await dlq(['replay', letterId])
  expect(again.code).toBe(1)
  expect(again.out).toContain(`${letterId}  refused: its task has since succeeded`)
  expect(again.out).toContain('0 replayed, 1 refused')
  const after = await get(stack.gatewayUrl, `/v1/batches/${batch.batch_id}`)
  expect(after).toEqual(ended)
})

test('of a task that failed again the newer dead letter is named; one unknown is refused beside it', async () => {
  const { batch, taskId, letterId } = await failedTask()
  await dlq(['replay', letterId])
  await until(async () => (await letters('task_id = $1', [taskId])).length === 2)
  const [, newer] = await letters('task_id = $1', [taskId])
  const refused = await dlq(['replay', letterId, NOWHERE.toUpperCase(), letterId])
  expect(refused.code).toBe(1)
  expect(refused.out.split('\n')).toEqual([
    `${letterId}  refused: it was replayed, and its task has failed again; replay the newer dead letter ${newer!.id}`,
    `${NOWHERE}  refused: there is no such dead letter`,
    '0 replayed, 2 refused',
    '',
  ])
  models.answer(() => [{ text: 'At last' }])
  expect((await dlq(['replay', newer!.id])).code).toBe(0)
  const ended = await batchUntil(stack.gatewayUrl, batch.batch_id, ({ status }) => {
    return status === 'COMPLETED'
  })
  expect(ended.results[0]).toMatchObject({ status: 1, response_text: 'At last' })
})

test('--all replays all that failed, and nothing twice', async () => {
  const failing = await Promise.all(Array.from({ length: 5 }, () => failedTask()))
  const message = await badMessage('noise', 'x')
  models.answer(() => [{ text: 'At last' }])
  const all = await dlq(['replay', '--all', '--kind', 'task'])
  expect(all.code).toBe(0)
  expect(all.out).toContain('5 replayed, 0 refused')
  for (const { batch } of failing) {
    const ended = await batchUntil(stack.gatewayUrl, batch.batch_id)
    expect(ended.status).toBe('COMPLETED')
  }
  expect(await letters('id = $1', [message.id])).toMatchObject([{ replayed_at: null }])
  expect((await dlq(['replay', '--all', '--kind', 'task'])).out).toBe('nothing to replay\n')
})

test.each([
  ['ends though each of them fails again', 0],
  ['replays none twice where their ids are of a later clock than those of the next', 600_000],
])('--all goes through hundreds in steps, and %s', async (_, aheadMs) => {
  const payload = JSON.stringify(['task_id', NOWHERE, 'fence', '0'])
  const ids = Array.from({ length: 450 }, () => uuidv7({ msecs: Date.now() + aheadMs }))
  await stack.database.query(
    `INSERT INTO dead_letters (id, kind, source, original_id, payload, error_code, error_msg)
     SELECT i, 'message', 'qwen_stream', i::text, $2, 'unknown_task', 'A sentence.'
     FROM unnest($1::uuid[]) i`,
    [ids, payload],
  )
  const all = await dlq(['replay', '--all'])
  expect(all.code).toBe(0)
  expect(all.out).toContain('450 replayed, 0 refused')
  await until(async () => (await letters('replayed_at IS NULL')).length === 450)
  expect(await letters('replayed_at IS NOT NULL')).toHaveLength(450)
})

test('a message goes to its stream again as it was; one that was cut does not', async () => {
  const message = await badMessage('task_id', NOWHERE, 'fence', '0', 'more', 'Ünï\u0000')
  const again = await dlq(['replay', message.id])
  expect(again).toEqual({
    code: 0,
    out: `${message.id}  added to qwen_stream again\n1 replayed, 0 refused\n`,
  })
  // It is as bad as before, and becomes a dead letter once more.
  await until(async () => (await letters()).length === 2)
  const both = await letters()
  expect(both.map(({ payload }) => payload)).toEqual([message.payload, message.payload])

  const cut = await badMessage('noise', 'x'.repeat(10_000))
  const refused = await dlq(['replay', cut.id])
  expect(refused.code).toBe(1)
  expect(refused.out).toContain(`${cut.id}  refused: the message was too long`)
})

test('what a message holds is shown without what a terminal would obey', async () => {
  const message = await badMessage('noise', '\u001b[2Jred\u009b31m')
  const { out } = await dlq(['show', message.id])
  expect(out).toContain('\\u001b[2Jred\\u009b31m')
  expect(out).not.toContain('\u001b')
  expect(out).not.toContain('\u009b')
})

test('while Redis is away a task is replayed, and starts when it is back; a message is refused', async () => {
  const { batch, taskId, letterId } = await failedTask()
  const message = await badMessage('noise', 'x')
  models.answer(() => [{ text: 'At last' }])
  proxy.cut()
  const task = await dlq(['replay', letterId])
  expect(task.code).toBe(0)
  expect(task.out).toContain(`task ${taskId} is PENDING again`)
  expect(task.out).toContain('Redis could not be reached. A worker starts the tasks by itself')
  const refused = await dlq(['replay', message.id])
  expect(refused.code).toBe(1)
  expect(refused.out).toContain(`${message.id}  refused: Redis could not be reached`)
  expect(await letters('id = $1', [message.id])).toMatchObject([{ replayed_at: null }])
  await stack.database.query(
    "UPDATE tasks SET rung_at = now() - interval '11 s' WHERE id = $1 AND status = 0",
    [taskId],
  )
  proxy.open()
  expect((await batchUntil(stack.gatewayUrl, batch.batch_id)).status).toBe('COMPLETED')
})

test('a task is started though the answer to its replay is lost, and all workers are idle', async () => {
  const { taskId, letterId } = await failedTask()
  models.answer(() => [{ text: 'At last' }])
  // The worker has found by then that no task is open.
  await pause(LEASE_MS * 2.5)
  const postgres = await startTcpProxy(stack.database.url)
  const answer = postgres.holdAfter('replay-dead-letters')
  const replaying = dlq(['replay', letterId], { ...settings, DATABASE_URL: postgres.url })
  await answer.reached
  await postgres.close()
  expect((await replaying).code).toBe(1)
  // Not by the gateway: whoever polls there wakes the workers, too.
  const succeeded = () =>
    stack.database.query('SELECT FROM tasks WHERE id = $1 AND status = 1', [taskId])
  await until(async () => (await succeeded()).length === 1, 40_000)
}, 60_000)

test('a purge deletes what fits, makes the copy anew, and leaves the tasks alone', async () => {
  const { batch, letterId } = await failedTask()
  const [one, two, three] = [
    await badMessage('noise', '1'),
    await badMessage('noise', '2'),
    await badMessage('noise', '3'),
  ]
  await stack.database.query(
    "UPDATE dead_letters SET created_at = now() - interval '3 days' WHERE id = ANY ($1)",
    [[one.id, two.id]],
  )
  await stack.database.query('UPDATE dead_letters SET replayed_at = now() WHERE id = $1', [one.id])
  const copied = (await redis.xadd('sys_dead_letters', '*', 'id', NOWHERE))!

  expect(await dlq(['purge', '--older-than', '2', '--replayed'])).toEqual({
    code: 0,
    out: '1 dead letter purged\n',
  })
  const left = [letterId, two.id, three.id]
  expect((await letters()).map(({ id }) => id)).toEqual(left)
  expect(await redis.xrange('sys_dead_letters', copied, copied)).toEqual([])
  const copies = await redis.xrange('sys_dead_letters', '-', '+')
  expect(new Set(copies.map(([, fields]) => fields[fields.indexOf('id') + 1]))).toEqual(
    new Set(left),
  )

  const named = await dlq(['purge', two.id, NOWHERE])
  expect(named.code).toBe(1)
  expect(named.out).toContain('1 dead letter purged')
  expect(named.out).toContain(`${NOWHERE}  not purged: there is none that fits`)

  expect((await dlq(['purge', '--kind', 'message'])).out).toBe('1 dead letter purged\n')
  expect(await dlq(['purge'])).toEqual({ code: 0, out: '1 dead letter purged\n' })
  expect(await letters()).toEqual([])
  expect(await redis.xlen('sys_dead_letters')).toBe(0)
  const after = await get(stack.gatewayUrl, `/v1/batches/${batch.batch_id}`)
  expect(after).toEqual(batch)
})

test('a purge while Redis is away says that the copies are still there', async () => {
  await failedTask()
  const purge = await dlq(['purge'], { ...settings, REDIS_URL: `redis://${AWAY}` })
  expect(purge.code).toBe(1)
  expect(purge.out).toContain('1 dead letter purged')
  expect(purge.out).toContain('copies in sys_dead_letters are still there')
  expect(await letters()).toEqual([])
})

test('what there is not is not shown', async () => {
  expect(await dlq(['show', NOWHERE])).toEqual({
    code: 1,
    out: `There is no dead letter ${NOWHERE}.\n`,
  })
})

test.each([
  [[], 'Say what to do.'],
  [['remove'], 'There is no command remove.'],
  [['list', '--colour'], "Unknown option '--colour'."],
])('%j is answered with how to use it', async (args, sentence) => {
  const { code, out } = await dlq(args)
  expect(code).toBe(2)
  expect(out).toMatch(new RegExp(`^${sentence}\n\n`))
  for (const command of ['list', 'show ID', 'replay ID', 'purge']) {
    expect(out).toContain(`npm run dlq -- ${command}`)
  }
})

test.each([
  [['list', NOWHERE], 'list takes no ids.'],
  [['list', '--limit', '0'], '--limit must be a whole number from 1 to 9999.'],
  [['list', '--after', 'x'], '"x" is not an id: see npm run dlq -- list'],
  [['list', '--kind', 'prompt'], '--kind must be task or message.'],
  [['list', '--all'], 'list takes no --all.'],
  [['show'], 'show takes one id.'],
  [['show', NOWHERE, NOWHERE], 'show takes one id.'],
  [['show', 'constructor'], '"constructor" is not an id: see npm run dlq -- list'],
  [['replay'], 'replay takes either ids or --all.'],
  [['replay', '--all', NOWHERE], 'replay takes either ids or --all.'],
  [['replay', NOWHERE, '7'], '"7" is not an id: see npm run dlq -- list'],
  [['replay', NOWHERE, '--kind', 'task'], '--kind does not go with ids.'],
  [['purge', 'all'], '"all" is not an id: see npm run dlq -- list'],
  [['purge', '--older-than', 'a week'], '--older-than must be a number of days.'],
])('%j is not understood: %s', (args, sentence) => {
  expect(() => readCommand(args)).toThrow(new UsageError(sentence))
})

test('a command that is not understood is answered in one line, and nothing is done', async () => {
  const { letterId } = await failedTask()
  expect(await dlq(['purge', 'all'])).toEqual({
    code: 2,
    out: '"all" is not an id: see npm run dlq -- list\n',
  })
  expect(await letters()).toMatchObject([{ id: letterId, replayed_at: null }])
})

test('a setting that is missing is named in one line; Redis is needed by replay and purge only', async () => {
  const missing = await dlq(['list'], {})
  expect(missing.code).toBe(1)
  expect(missing.out).toMatch(/^DATABASE_URL is missing: the database\. .*\n$/)
  const { DATABASE_URL } = settings as { DATABASE_URL: string }
  expect((await dlq(['list'], { DATABASE_URL })).out).toBe('no dead letters\n')
  expect((await dlq(['purge'], { DATABASE_URL })).out).toMatch(/^REDIS_URL is missing: .*\n$/)
})

test('a database that is away is said by its code, and no secret with it', async () => {
  const away = { ...settings, DATABASE_URL: `postgres://ann:hunter2@${AWAY}/async_chat` }
  const { code, out } = await dlq(['list'], away)
  expect(code).toBe(1)
  expect(out).toContain('(ECONNREFUSED)')
  expect(out).not.toContain('hunter2')
})

test('no task is replayed without its line of audit', async () => {
  const { batch, letterId } = await failedTask()
  await stack.database.query(
    "ALTER TABLE sys_logs ADD CONSTRAINT no_audit CHECK (level <> 'audit') NOT VALID",
  )
  try {
    const { code, out } = await dlq(['replay', letterId])
    expect(code).toBe(1)
    expect(out).toContain('(23514)')
    const after = await get(stack.gatewayUrl, `/v1/batches/${batch.batch_id}`)
    expect(after).toEqual(batch)
  } finally {
    await stack.database.query('ALTER TABLE sys_logs DROP CONSTRAINT no_audit')
  }
})
