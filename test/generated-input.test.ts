import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  ERROR_STATUS,
  errorAnswer,
  type SubmitAnswer,
  type UploadedFiles,
} from '../drizzle/contract/http-api.ts'
import { type RawAnswer, sendRaw } from './generated-input/raw-request.ts'
import { type OddRequest, oddRequests } from './generated-input/requests.ts'
import { readDocument } from './openapi/document.ts'
import { post, until } from './setup/client.ts'
import { commandOf, descendants } from './setup/descendants.ts'
import { type Stack, startStack } from './stack.ts'

/** How many requests each runtime gets, and what they are made from. */
const RUNS = Number(process.env.GENERATED_INPUT_RUNS ?? 10_000)
const SEED = Number(process.env.GENERATED_INPUT_SEED ?? 20_261_125)
const AT_ONCE = 16
/** They are made as many at a time. */
const STEP = 200
const MAX_GROWTH_MB = 64
/**
 * What workerd under Miniflare keeps of its own for each connection: one that only answers 400 went from 72 MB to
 * 460 in 20,000 of them, and to no more than 504 in 30,000.
 */
const RUNTIME_KB_A_CONNECTION = { workerd: 20, node: 0 }

const document = await readDocument()

describe.each(['workerd', 'node'] as const)('on %s', (runtime) => {
  let stack: Stack
  let pid: number
  beforeAll(async () => {
    stack = await startStack({
      runtime,
      workers: 0,
      gatewaySettings: {
        MAX_BODY_PAUSE_MS: '500',
        MAX_BODY_BYTES: '100000',
        MAX_UPLOAD_BYTES: '200000',
        ENABLE_DB_LOG: 'true',
      },
    })
    const ofGateway = runtime === 'node' ? /edge\/node\.ts/ : /workerd serve/
    pid = descendants(process.pid).find((one) => ofGateway.test(commandOf(one)))!
    expect(pid).toBeGreaterThan(0)
  })
  afterAll(() => stack?.stop())

  async function idsThatThereAre(): Promise<string[]> {
    const submitted = await post(stack.gatewayUrl, {
      prompt: 'a',
      model: 'qwen3',
      files: new File(['hello'], 'a.txt'),
    })
    const { batch_id, conversation_id, task_ids } = (await submitted.json()) as SubmitAnswer
    const body = new FormData()
    body.append('files', new File(['hello'], 'a.txt'))
    const uploaded = await fetch(`${stack.gatewayUrl}/v1/files`, { method: 'POST', body })
    const { files } = (await uploaded.json()) as UploadedFiles
    return [batch_id, conversation_id, ...task_ids, files[0]!.file_id]
  }

  /** What went wrong inside, which the log keeps. */
  const errorsLogged = () => stack.database.query('SELECT * FROM sys_logs')

  test(`${RUNS} odd requests: none fails inside, hangs, or leaves memory or files behind`, {
    timeout: 600_000,
  }, async () => {
    const requests = oddRequests(document, await idsThatThereAre())
    const statuses: Record<number, number> = {}
    let halfway = 0
    await inLanes(made(requests), async (request, i) => {
      if (i === RUNS / 2) halfway = residentMb(pid)
      const about = `GENERATED_INPUT_SEED=${SEED}, request ${i}:\n${shown(request)}`
      const answer = await sendRaw(stack.gatewayUrl, request.bytes).catch((error: Error) => {
        throw new Error(`${error.message}: ${about}`)
      })
      statuses[answer?.status ?? 0] = (statuses[answer?.status ?? 0] ?? 0) + 1
      expectRefused(request, answer, about)
    })
    const growth = residentMb(pid) - halfway
    expect(await errorsLogged()).toEqual([])
    const ofRuntime = ((RUNS / 2) * RUNTIME_KB_A_CONNECTION[runtime]) / 1024
    expect(growth).toBeLessThan(MAX_GROWTH_MB + ofRuntime)
    // It got through to the operations, and not only to the parsers before them.
    for (const status of [200, 201, 202, 400, 401, 403, 404, 413, 415]) {
      expect(statuses[status] ?? 0, `${status} in ${JSON.stringify(statuses)}`).toBeGreaterThan(0)
    }
    await expectWhole()
  })

  /** Fails where rows contradict each other, or where objects and rows of files do. */
  async function expectWhole(): Promise<void> {
    const torn = await stack.database.query(
      `SELECT b.id FROM batches b LEFT JOIN tasks t ON t.batch_id = b.id GROUP BY b.id
       HAVING count(t.id) = 0 OR b.open_tasks <> count(*) FILTER (WHERE t.status IN (0, 3))
         OR b.cancelled_tasks <> count(*) FILTER (WHERE t.status = 4)`,
    )
    expect(torn).toEqual([])
    await until(async () => {
      const rows = await stack.database.query<{ object_key: string }>(
        "SELECT object_key FROM files WHERE object_key <> ''",
      )
      const kept = rows.map(({ object_key }) => object_key).sort()
      return JSON.stringify((await stack.objectKeys()).sort()) === JSON.stringify(kept)
    })
  }
})

/** The requests of a run, made as they are needed. */
function* made(requests: fc.Arbitrary<OddRequest>): Generator<OddRequest> {
  for (let sent = 0; sent < RUNS; sent += STEP) {
    yield* fc.sample(requests, { numRuns: STEP, seed: SEED + sent })
  }
}

/** Uses all items, some at once. */
async function inLanes<Item>(
  items: Iterator<Item>,
  use: (item: Item, i: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const lane = async () => {
    for (let item = items.next(); !item.done; item = items.next()) await use(item.value, next++)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
}

/** What else comes, a runtime may refuse by itself as it likes: workerd says 501, and 500 to CONNECT. */
const METHODS = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/

/** Fails for a 5xx, and for an error of ours that is not in our envelope. */
function expectRefused({ method }: OddRequest, answer: RawAnswer, about: string): void {
  if (!answer) return
  const { status, headers, body } = answer
  const said = `${about}\n→ ${status} ${body.slice(0, 500)}`
  const isOurs = headers.has('x-request-id')
  if (!isOurs && !METHODS.test(method)) return
  expect(status, said).toBeLessThan(500)
  if (status < 400 || method === 'HEAD' || !isOurs) return
  const json = body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1)
  const { error } = errorAnswer.parse(JSON.parse(json))
  expect(status, said).toBe(ERROR_STATUS[error.code])
}

function shown({ bytes }: OddRequest): string {
  return JSON.stringify(bytes.subarray(0, 1500).toString('latin1'))
}

function residentMb(pid: number): number {
  const [, kb] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!
  return Number(kb) / 1024
}
