import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { registerSelf } from '../../drizzle/statements/register-self.ts'
import { node } from '../setup/node-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()

const SAID = { family: 'qwen', capacity: 8, weight: 2, status: 'HEALTHY' } as const
const said = (overrides: Partial<Parameters<typeof registerSelf>[0]>) =>
  registerSelf({ id: uuidv7(), url: `http://node/${uuidv7()}`, ...SAID, ...overrides })

async function row(id: string) {
  const [found] = await database.query(
    `SELECT family, url, kind, capacity, weight, status, self_registered, error_count,
       last_heartbeat_at > now() - interval '10 s' AS heard
     FROM gemini_service_nodes WHERE id = $1`,
    [id],
  )
  return found
}

test('a node that registers itself gets its row', async () => {
  const [answer] = await database.run(said({ url: 'http://new/' }))
  expect(answer).toMatchObject({ status: 'HEALTHY' })
  expect(await row(answer!.id)).toEqual({
    family: 'qwen',
    url: 'http://new/',
    kind: 'self-registered',
    capacity: 8,
    weight: 2,
    status: 'HEALTHY',
    self_registered: true,
    error_count: 0,
    heard: true,
  })
})

test('a node that is heard of again keeps its id, and what it says now counts', async () => {
  const id = await node(database, { selfRegistered: true, silentS: 60, errors: 2 })
  const url = `http://node/${id}`
  const [answer] = await database.run(said({ url, status: 'BUSY', capacity: 3 }))
  expect(answer).toEqual({ id, status: 'BUSY' })
  expect(await row(id)).toMatchObject({ capacity: 3, weight: 2, error_count: 2, heard: true })
  const [free] = await database.run(said({ url }))
  expect(free).toEqual({ id, status: 'HEALTHY' })
})

test('what calls have shown counts for more than what the node says', async () => {
  for (const status of ['OFFLINE', '429_LIMIT'] as const) {
    const id = await node(database, { selfRegistered: true, status, retryInS: 60, silentS: 60 })
    expect(await database.run(said({ url: `http://node/${id}` }))).toEqual([{ id, status }])
    expect(await row(id)).toMatchObject({ heard: true })
  }
})

test('a node in the settings of a worker speaks for itself from then on', async () => {
  const id = await node(database, { silentS: 60 })
  const [answer] = await database.run(said({ url: `http://node/${id}`, status: 'BUSY' }))
  expect(answer).toEqual({ id, status: 'BUSY' })
  expect(await row(id)).toMatchObject({
    capacity: 8,
    weight: 2,
    self_registered: true,
    heard: true,
  })
})
