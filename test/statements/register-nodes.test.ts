import { v7 as uuidv7 } from 'uuid'
import { beforeEach, expect, test } from 'vitest'
import { beatNodes } from '../../drizzle/statements/beat-nodes.ts'
import { type NewNode, registerNodes } from '../../drizzle/statements/register-nodes.ts'
import { provesOrderOfLocks } from '../setup/opposite-orders.ts'
import { race } from '../setup/session.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()

beforeEach(async () => {
  await database.query('DELETE FROM gemini_service_nodes')
})

function newNode(overrides: Partial<NewNode> = {}): NewNode {
  const node = { family: 'qwen', url: 'http://localhost:11434/', kind: 'ollama', capacity: 4 }
  return { id: uuidv7(), ...node, ...overrides }
}

function rows() {
  return database.query('SELECT * FROM gemini_service_nodes ORDER BY family, url')
}

test('a node that is new gets a row, and may be called', async () => {
  const node = newNode()
  expect(await database.run(registerNodes([node]))).toEqual([{ id: node.id }])
  expect(await rows()).toMatchObject([
    { ...node, weight: 1, status: 'HEALTHY', error_count: 0, retry_at: null },
  ])
})

test('the ids come in the order of the nodes, whichever are new', async () => {
  const known = newNode({ family: 'gemini' })
  await database.run(registerNodes([known]))
  const [qwen, deepseek] = [newNode(), newNode({ family: 'deepseek' })]
  const again = newNode({ family: 'gemini' })
  const ids = await database.run(registerNodes([qwen, again, deepseek]))
  expect(ids).toEqual([{ id: qwen.id }, { id: known.id }, { id: deepseek.id }])
})

test('what is known of a node stays, and it is noted that it is used', async () => {
  const node = newNode()
  await database.run(registerNodes([node]))
  await database.query(
    `UPDATE gemini_service_nodes SET status = 'OFFLINE', error_count = 7,
       retry_at = now() + interval '1 h', last_heartbeat_at = now() - interval '1 h'`,
  )
  const before = await rows()
  await database.run(registerNodes([newNode()]))
  const [after] = await rows()
  expect({ ...after, last_heartbeat_at: null }).toEqual({ ...before[0], last_heartbeat_at: null })
  expect(after?.last_heartbeat_at > before[0]?.last_heartbeat_at).toBe(true)
})

test('one address is another node for each family, and one family has a node for each address', async () => {
  const nodes = [
    newNode(),
    newNode({ family: 'gemini' }),
    newNode({ url: 'http://localhost:11435/' }),
  ]
  expect(await database.run(registerNodes(nodes))).toEqual(nodes.map(({ id }) => ({ id })))
  expect(await rows()).toHaveLength(3)
})

test('two workers that register a node at the same moment get the same id', async () => {
  const { first, second } = await race(
    database,
    registerNodes([newNode()]),
    registerNodes([newNode()]),
  )
  expect(second).toEqual(first)
  expect(await rows()).toHaveLength(1)
})

test('workers that name the same nodes in opposite orders do not deadlock', async () => {
  const nodes = [newNode({ url: 'http://a/' }), newNode({ url: 'http://b/' })]
  nodes.push(newNode({ url: 'http://c/' }))
  await database.run(registerNodes(nodes))
  await provesOrderOfLocks(database, {
    tasks: nodes.map(({ id }) => id),
    table: 'gemini_service_nodes',
    statement: (ids) => registerNodes(ids.map((id) => nodes.find((node) => node.id === id)!)),
  })
})

test('what the settings say of a node counts, unless it speaks for itself', async () => {
  const node = newNode()
  await database.run(registerNodes([node]))
  await database.run(registerNodes([newNode({ capacity: 9 })]))
  expect(await rows()).toMatchObject([{ id: node.id, capacity: 9, self_registered: false }])
  await database.query('UPDATE gemini_service_nodes SET self_registered = true')
  await database.run(registerNodes([newNode({ capacity: 5 })]))
  expect(await rows()).toMatchObject([{ id: node.id, capacity: 9, self_registered: true }])
})

test('known nodes are locked by id, as claims lock them', async () => {
  const nodes = [newNode(), newNode({ url: 'http://b/' }), newNode({ url: 'http://c/' })]
  await database.run(registerNodes(nodes))
  await provesOrderOfLocks(database, {
    tasks: nodes.map(({ id }) => id),
    table: 'gemini_service_nodes',
    statement: (ids) => registerNodes(ids.map((id) => nodes.find((node) => node.id === id)!)),
    other: beatNodes,
  })
})
