import { type Nodes, nodes } from '../../drizzle/contract/operators-api.ts'
import { listNodes as listStatement } from '../../drizzle/statements/list-nodes.ts'
import { json, type Operation } from '../operation.ts'

const MOST = 1000

export const listNodes: Operation = {
  access: 'operator',
  route: {
    method: 'get',
    path: '/v1/nodes',
    summary: 'List the nodes that serve models',
    description: 'Those of the settings, and those that registered themselves.',
    tags: ['Operations'],
    answers: { 200: { description: 'The nodes.', content: json(nodes) } },
    errors: ['unavailable'],
  },

  async handle(c) {
    const rows = await c.var.postgres.run(listStatement(MOST))
    const shown = rows.map((row) => ({ ...row, url: withoutCredentials(row.url) }))
    return c.json({ nodes: shown as Nodes['nodes'] } satisfies Nodes)
  },
}

/** No row of ours has any, but rows can be made by hand. */
function withoutCredentials(url: string): string {
  const address = URL.parse(url)
  if (!address) return ''
  address.username = ''
  address.password = ''
  address.search = ''
  return address.href
}
