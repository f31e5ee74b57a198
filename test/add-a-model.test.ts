import { execFile } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Models } from '../drizzle/contract/http-api.ts'
import { ask, get } from './setup/client.ts'
import { copyProject } from './setup/copy-project.ts'
import { followGuide, settingsIn } from './setup/follow-guide.ts'
import { type ModelServer, startModelServer } from './setup/model-server.ts'
import type { Stack } from './stack.ts'

const GUIDE = new URL('../docs/add-a-model.md', import.meta.url)
const MODEL = 'mistral-large-latest'

let copy: string
let guide: string
let models: ModelServer
let stack: Stack

beforeAll(async () => {
  guide = await readFile(GUIDE, 'utf8')
  copy = await copyProject()
  models = await startModelServer()
})
afterAll(async () => {
  await stack?.stop()
  await models?.close()
  await rm(copy, { recursive: true, force: true })
})

test('who follows the guide has a new model answer', async () => {
  expect(await followGuide(guide, copy)).toEqual([
    'workers-node/providers/mistral.ts',
    'drizzle/contract/models.ts',
    'workers-node/providers/provider-of.ts',
    'workers-node/providers/provider-of.ts',
    'drizzle/contract/models.ts',
  ])
  await promisify(execFile)(join(copy, 'node_modules/.bin/tsc'), ['-p', copy])

  // The stack of the copy starts the programs of the copy.
  const { startStack } = (await import(join(copy, 'test/stack.ts'))) as typeof import('./stack.ts')
  stack = await startStack({ models, workers: 0 })
  const settings = settingsIn(guide)
  expect(Object.keys(settings)).toEqual(['WORKER_STREAMS', 'MISTRAL_API_KEY'])
  await stack.startWorker({ ...settings, MISTRAL_SERVICE_URL: models.url })

  const { status, results } = await ask(stack.gatewayUrl, { prompt: 'Bonjour ?', model: MODEL })
  expect(status).toBe('COMPLETED')
  expect(results[0]).toMatchObject({ response_text: `I am ${MODEL}.`, answered_by: MODEL })
  expect(models.requests[0]!.headers.authorization).toBe('Bearer your-key')

  const { data } = await get<Models>(stack.gatewayUrl, '/v1/models')
  expect(data.find(({ id }) => id === MODEL)).toEqual({
    id: MODEL,
    object: 'model',
    owned_by: 'mistral',
    family: 'mistral',
    accepts: ['text', 'image'],
    makes: ['text'],
    reasoning: false,
    available: true,
  })
}, 120_000)
