import { Validator } from '@seriousme/openapi-schema-validator'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  ERROR_STATUS,
  type ErrorAnswer,
  type ErrorCode,
  type UploadedFiles,
} from '../drizzle/contract/http-api.ts'
import { type NativePostgres, openPostgres } from '../workers-node/postgres.ts'
import { AnswerCheck } from './openapi/answers.ts'
import {
  type Content,
  nameOf,
  type Operation,
  operationsOf,
  readDocument,
  type Schema,
} from './openapi/document.ts'
import { asSent, NODE_TOKEN, requestsFor, type Thing } from './openapi/requests.ts'
import { get } from './setup/client.ts'
import { deadMessage, failed } from './setup/dead-letters.ts'
import { answered, processing, submitted } from './setup/task-states.ts'
import type { UsedDatabase } from './setup/use-database.ts'
import { type Stack, startStack } from './stack.ts'

/** How many requests each operation gets: `OPENAPI_RUNS=1000 npx vitest run test/openapi.test.ts`. */
const USUAL_RUNS = 20
const USUAL_SEED = 20_261_125
const RUNS = Number(process.env.OPENAPI_RUNS ?? USUAL_RUNS)
const SEED = Number(process.env.OPENAPI_SEED ?? USUAL_SEED)

const document = await readDocument()
const operations = operationsOf(document)
const check = new AnswerCheck(document)

test('the document is valid OpenAPI 3.1', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document))
  expect(errors).toBeUndefined()
  expect(valid).toBe(true)
  expect(document.openapi).toBe('3.1.0')
})

test('the document names every operation, with all statuses that it answers', () => {
  const named = operations.map((one) => `${nameOf(one)} ${Object.keys(one.responses).join(' ')}`)
  expect(named.sort()).toEqual([
    'DELETE /v1/conversations/{conversation_id} 204 401 403 404 409 429 500 503',
    'DELETE /v1/dead-letters 200 400 401 403 429 500 503',
    'DELETE /v1/dead-letters/{dead_letter_id} 200 401 403 404 429 500 503',
    'GET /health 200 429 500 503',
    'GET /v1/batches/{batch_id} 200 304 401 404 429 500 503',
    'GET /v1/conversations 200 400 401 429 500 503',
    'GET /v1/conversations/{conversation_id}/export 200 400 401 404 429 500 503',
    'GET /v1/conversations/{conversation_id}/history 200 400 401 404 429 500 503',
    'GET /v1/dead-letters 200 400 401 403 429 500 503',
    'GET /v1/dead-letters/{dead_letter_id} 200 401 403 404 429 500 503',
    'GET /v1/files/{file_id} 200 403 404 429 500 503',
    'GET /v1/models 200 401 429 500',
    'GET /v1/nodes 200 401 403 429 500 503',
    'GET /v1/streams 200 401 403 429 500',
    'GET /v1/tasks/{task_id} 200 304 401 404 429 500 503',
    'PATCH /v1/conversations/{conversation_id} 200 400 401 403 404 413 415 429 500 503',
    'POST /v1/batches/{batch_id}/cancel 200 401 403 404 429 500 503',
    'POST /v1/batches/{batch_id}/choose 200 400 401 403 404 409 413 415 429 500 503',
    'POST /v1/chat/completions 202 400 401 403 404 413 415 422 429 500 503',
    'POST /v1/dead-letters/replay 200 400 401 403 429 500 503',
    'POST /v1/dead-letters/{dead_letter_id}/replay 200 401 403 404 409 429 500 503',
    'POST /v1/files 201 400 401 403 413 415 429 500 503',
    'POST /v1/nodes/heartbeat 200 400 401 403 413 429 500 503',
    'POST /v1/session 204 403 429 500',
    'POST /v1/tasks/{task_id}/cancel 200 401 403 404 429 500 503',
    'POST /v1/tasks/{task_id}/retry 202 401 403 404 409 429 500 503',
    'PUT /v1/files/{file_id} 201 400 403 404 413 415 429 500 503',
  ])
})

test.each(
  operations.map((one) => [nameOf(one), one] as const),
)('%s is described in full', (_, operation) => {
  const { summary, description, tags, security, parameters = [], requestBody } = operation
  expect(summary).toBeTruthy()
  expect(description).toBeTruthy()
  expect(document.tags.map(({ name }) => name)).toEqual(expect.arrayContaining(tags))
  for (const scheme of security.flatMap(Object.keys)) {
    expect(Object.keys(document.components.securitySchemes)).toContain(scheme)
  }
  for (const { name, schema, description, ...parameter } of parameters) {
    expect(schema, name).toBeTruthy()
    if (parameter.in !== 'path') expect(description, name).toBeTruthy()
  }
  for (const name of operation.path.match(/(?<=\{)\w+/g) ?? []) {
    expect(parameters.map((one) => one.name)).toContain(name)
  }
  expectExamples(operation, requestBody?.content, ['requestBody'])
  for (const [status, { description, headers, content }] of Object.entries(operation.responses)) {
    expect(description, status).toBeTruthy()
    expect(Object.keys(headers), status).toContain('X-Request-Id')
    expectExamples(operation, content, ['responses', status])
  }
})

/** Every JSON has an example, and every example fits its schema. */
function expectExamples(operation: Operation, content: Content | undefined, place: string[]): void {
  for (const [type, { schema, example, examples }] of Object.entries(content ?? {})) {
    if (!type.endsWith('json')) continue
    const named = Object.values(examples ?? {}).map(({ value }) => value)
    const shown = [example, resolved(schema).example, ...named].filter((one) => one !== undefined)
    expect(shown.length, `${place} has no example`).toBeGreaterThan(0)
    const schemaPlace = AnswerCheck.placeOf(operation, ...place, 'content', type, 'schema')
    for (const one of shown) check.expectFit(schemaPlace, one, `${place}`)
  }
}

function resolved(schema: Schema): Schema {
  return schema.$ref ? document.components.schemas[schema.$ref.split('/').at(-1)!]! : schema
}

test('every code of an error stands at its own status, and at some operation', () => {
  const seen = new Set<string>()
  for (const { responses } of operations) {
    for (const [status, { description, content }] of Object.entries(responses)) {
      for (const [code, { value }] of Object.entries(
        content?.['application/json']?.examples ?? {},
      )) {
        expect({ code, status }).toEqual({ code, status: String(ERROR_STATUS[code as ErrorCode]) })
        expect((value as ErrorAnswer).error.code).toBe(code)
        expect(description).toContain(code)
        seen.add(code)
      }
    }
  }
  expect([...seen].sort()).toEqual(Object.keys(ERROR_STATUS).sort())
})

describe('the running gateway', () => {
  let stack: Stack
  let postgres: NativePostgres
  let database: UsedDatabase
  let things: Thing[]

  beforeAll(async () => {
    stack = await startStack({
      workers: 0,
      gatewaySettings: { NODE_TOKEN, NODE_HOSTS: '10.0.0.7', MAX_UPLOAD_BYTES: '1000000' },
    })
    postgres = openPostgres(stack.database.url, { connections: 2, timeoutMs: 10_000 })
    const { url, query } = stack.database
    database = { url, query, run: (statement) => postgres.run(statement) }
  })
  // Each operation finds all that it may be about: some of them change it, or do away with it.
  beforeEach(async () => {
    things = await makeThings()
  })
  afterAll(async () => {
    await postgres?.close()
    await stack?.stop()
  })

  async function makeThings(): Promise<Thing[]> {
    const form = new FormData()
    form.append('files', new File(['hello'], 'a.txt'))
    const upload = { method: 'POST', body: form }
    const uploaded = await fetch(`${stack.gatewayUrl}/v1/files`, upload)
    const { files } = (await uploaded.json()) as UploadedFiles
    const dead = await failed(database)
    const batches = [
      await answered(database, ['qwen3:1.7b'], ['An answer']),
      await processing(database, ['qwen3:1.7b']),
      await submitted(database, ['gemini-2.5-flash', 'qwen3:1.7b']),
      dead,
    ]
    const letters = [dead.failed[0].letterId, await deadMessage(database)]
    return batches.map(({ batchId, conversationId, tasks }, i) => ({
      batch_id: batchId,
      conversation_id: conversationId,
      task_id: tasks[0]!.id,
      file_id: files[0]!.file_id,
      dead_letter_id: letters[(i + 1) % 2]!,
    }))
  }

  test('has this document', async () => {
    expect(await get(stack.gatewayUrl, '/openapi.json')).toEqual(document)
  })

  test.each(
    operations.map((one) => [nameOf(one), one] as const),
  )('%s answers what the document says, whatever it is sent', async (_, operation) => {
    const seen = new Set<number>()
    const requests = requestsFor(document, operation)
    const property = fc.asyncProperty(requests, async (made) => {
      const secret = stack.gatewaySettings.FILE_URL_SECRET!
      const { path, init } = await asSent(operation, made, things, secret)
      const response = await fetch(stack.gatewayUrl + path, init)
      seen.add(response.status)
      expect(response.status, 'a failure inside').toBeLessThan(500)
      await check.expectNamed(operation, response, `${init.method} ${path.slice(0, 500)}`)
    })
    const [byNobody] = fc
      .sample(requests, { numRuns: 1, seed: SEED })
      .map((made) => ({ ...made, key: '' }))
    await fc.assert(property, {
      numRuns: RUNS,
      seed: SEED,
      examples: [[byNobody!]],
      endOnFailure: RUNS > 100,
    })
    // Other seeds, or fewer requests, may not be so lucky.
    if (SEED !== USUAL_SEED || RUNS < USUAL_RUNS) return
    const usual = Object.keys(operation.responses)
      .map(Number)
      .filter((status) => status < 400 || status === 401)
    expect([...seen], 'not all came that should').toEqual(expect.arrayContaining(usual))
  })
})
