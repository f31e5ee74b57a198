import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { SubmitAnswer } from '../drizzle/contract/http-api.ts'
import { type NativePostgres, openPostgres } from '../workers-node/postgres.ts'
import { ACCESS, type Request, WHO, type Who } from './access-table.ts'
import { post, until } from './setup/client.ts'
import { idsOf, makeThings, noThings, ROWS_OF_OWNER } from './setup/owned-things.ts'
import { as, LOCAL_KEY, OPERATOR_KEY, OTHER_KEY } from './setup/send-key.ts'
import { type Stack, startStack } from './stack.ts'

const NODE_TOKEN = 'token-of-the-nodes-of-this-test'

let stack: Stack
let postgres: NativePostgres
let headersOf: Record<Who, Record<string, string>>

beforeAll(async () => {
  const gatewaySettings = { NODE_TOKEN, NODE_HOSTS: 'node.example' }
  stack = await startStack({ workers: 0, gatewaySettings })
  postgres = openPostgres(stack.database.url, { connections: 2, timeoutMs: 10_000 })
  const page = { ...as(''), 'sec-fetch-site': 'same-origin' }
  const letIn = await fetch(`${stack.gatewayUrl}/v1/session`, { method: 'POST', headers: page })
  headersOf = {
    nobody: as(''),
    stranger: as(OTHER_KEY),
    visitor: { ...page, cookie: letIn.headers.getSetCookie()[0]!.split(';')[0]! },
    operator: as(OPERATOR_KEY),
    owner: as(LOCAL_KEY),
  }
})
// What fails shows all rows of the owner: they are to be few.
beforeEach(() => stack.database.query('TRUNCATE conversations, files, dead_letters CASCADE'))
afterAll(async () => {
  await postgres?.close()
  await stack?.stop()
})

const rows = Object.entries(ACCESS).flatMap(([operation, rows]) =>
  rows.map((row) => ({ name: [operation, row.when].filter(Boolean).join(' '), operation, row })),
)

test('every operation of the gateway has a row here, and every row an operation', async () => {
  const document = (await (await fetch(`${stack.gatewayUrl}/openapi.json`)).json()) as {
    paths: Record<string, object>
  }
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(Object.keys(ACCESS).toSorted()).toEqual(operations.toSorted())
})

test.each(rows)('$name', async ({ operation, row }) => {
  const things = await makeThings(stack.gatewayUrl, postgres)
  const request = await row.request(things, secrets())
  const before = await everythingOfOwner()
  for (const who of WHO.filter((who) => who !== row.last)) {
    const answer = await send(operation, request, who)
    expect(answer.status, `${who}: ${answer.text}`).toBe(row.status[who])
    if (row.byAddress) continue
    const told = answer.headers + answer.text
    for (const secret of [things.tag, ...idsOf(things).filter((id) => !isNamed(id, request))]) {
      expect(told, `to ${who}`).not.toContain(secret)
    }
  }
  if (!row.byAddress) expect(await everythingOfOwner()).toEqual(before)
  const answer = await send(operation, request, row.last)
  expect(answer.status, `${row.last}: ${answer.text}`).toBe(row.status[row.last])
})

const ofOwners = rows.filter(({ row }) => row.status.stranger === 404)

test.each(ofOwners)("another's is as what is not there: $name", async ({ operation, row }) => {
  const things = await makeThings(stack.gatewayUrl, postgres)
  const [theirs, nothing] = await Promise.all(
    [things, noThings()].map(async (one) =>
      send(operation, await row.request(one, secrets()), 'stranger'),
    ),
  )
  expect(nothing!.status).toBe(404)
  const withoutIds = (text: string) => text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
  expect(withoutIds(theirs!.text)).toBe(withoutIds(nothing!.text))
})

test("an answer of another cannot be chosen in a batch of one's own", async () => {
  const { answeredTask } = await makeThings(stack.gatewayUrl, postgres)
  const own = await post(stack.gatewayUrl, { prompt: 'mine', model: 'qwen3' }, as(OTHER_KEY))
  const { batch_id } = (await own.json()) as SubmitAnswer
  const choose = (task_id: string) =>
    send(
      'POST /v1/batches/{batch_id}/choose',
      { path: `/v1/batches/${batch_id}/choose`, body: { task_id } },
      'stranger',
    )
  const refused = await choose(answeredTask)
  expect(refused.status).toBe(400)
  expect(JSON.parse(refused.text).error.message).toBe('task_id: no task of this batch')
})

test("who waits for another's batch, while its owner does, hears at once that there is none", async () => {
  const { batchId } = await makeThings(stack.gatewayUrl, postgres)
  const request = { path: `/v1/batches/${batchId}`, headers: { prefer: 'wait=30' } }
  const owner = send('GET /v1/batches/{batch_id}', request, 'owner')
  const look = () => stack.sql.take().some((sent) => JSON.stringify(sent).includes(batchId))
  await until(look)
  expect((await send('GET /v1/batches/{batch_id}', request, 'stranger')).status).toBe(404)
  await send('POST', { path: `/v1/batches/${batchId}/cancel` }, 'owner')
  expect((await owner).status).toBe(200)
})

const secrets = () => ({
  nodeToken: NODE_TOKEN,
  fileUrlSecret: stack.gatewaySettings.FILE_URL_SECRET!,
})

/** Whether a request says this id itself. */
const isNamed = (id: string, { path, body }: Request) =>
  path.includes(id) || JSON.stringify(body ?? null).includes(id)

async function send(operation: string, { path, headers, body }: Request, who: Who) {
  const method = operation.split(' ', 1)[0]!
  const isJson = body && !(body instanceof FormData || body instanceof Uint8Array)
  const answer = await fetch(stack.gatewayUrl + path, {
    method,
    headers: {
      ...(isJson && { 'content-type': 'application/json' }),
      ...headersOf[who],
      ...headers,
    },
    ...(body && { body: isJson ? JSON.stringify(body) : (body as FormData) }),
  })
  return {
    status: answer.status,
    headers: JSON.stringify([...answer.headers]),
    text: await answer.text(),
  }
}

/** What there is of the owner `local`: rows, and the objects that they name. */
async function everythingOfOwner(): Promise<{ rows: string; objects: string[] }> {
  const [found] = await stack.database.query<{ rows: string }>(ROWS_OF_OWNER, ['local'])
  const keys = await stack.objectKeys()
  return { rows: found!.rows, objects: keys.filter((key) => found!.rows.includes(key)).toSorted() }
}
