import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { beatNodes } from '../../drizzle/statements/beat-nodes.ts'
import { node } from '../setup/node-states.ts'
import { provesOrderOfLocks } from '../setup/opposite-orders.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()

const silentS = async (id: string) => {
  const [row] = await database.query(
    `SELECT round(extract(epoch FROM now() - last_heartbeat_at))::integer AS s
     FROM gemini_service_nodes WHERE id = $1`,
    [id],
  )
  return row?.s
}

test('the nodes named were heard of now, and no others', async () => {
  const [named, other] = [
    await node(database, { silentS: 100 }),
    await node(database, { silentS: 100 }),
  ]
  expect(await database.run(beatNodes([named, uuidv7()]))).toEqual([{ id: named }])
  expect([await silentS(named), await silentS(other)]).toEqual([0, 100])
})

test('beats that name the same nodes in opposite orders do not deadlock', async () => {
  const nodes = [await node(database), await node(database), await node(database)]
  await provesOrderOfLocks(database, {
    tasks: nodes,
    table: 'gemini_service_nodes',
    statement: beatNodes,
  })
})
