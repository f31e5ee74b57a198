import type { Context } from 'hono'
import { timingSafeEqual } from 'hono/utils/buffer'
import { v7 as uuidv7 } from 'uuid'
import { isAllowedHost } from '../../drizzle/contract/host-list.ts'
import {
  type NodeHeartbeatAnswer,
  nodeHeartbeat,
  nodeHeartbeatAnswer,
} from '../../drizzle/contract/http-api.ts'
import { familyNamed } from '../../drizzle/contract/models.ts'
import { SILENT_AFTER_S } from '../../drizzle/statements/node-state.ts'
import { registerSelf } from '../../drizzle/statements/register-self.ts'
import { ApiError } from '../api-error.ts'
import { type AppEnv, check, json, type Operation } from '../operation.ts'
import { readJson } from '../read-json.ts'

const OFFLINE_AFTER_MS = SILENT_AFTER_S * 1000

export const recordHeartbeat: Operation = {
  access: 'node',
  route: {
    method: 'post',
    path: '/v1/nodes/heartbeat',
    summary: 'Say that a node is there',
    description:
      'A service of models registers itself by this, and says again and again that it is there. Needs `Authorization: Bearer` with the NODE_TOKEN of the gateway, and an address on one of its NODE_HOSTS.',
    tags: ['Nodes'],
    request: {
      body: { required: true, content: { 'application/json': { schema: nodeHeartbeat } } },
    },
    answers: { 200: { description: 'Noted.', content: json(nodeHeartbeatAnswer) } },
    errors: ['invalid_request', 'unauthorized', 'forbidden', 'payload_too_large', 'unavailable'],
  },

  async handle(c) {
    await checkToken(c)
    const said = check(nodeHeartbeat, await readJson(c))
    demandAllowed(c, said.url)
    const capacity = said.capacity ?? familyNamed(said.family).nodeCapacity
    const [node] = await c.var.postgres.run(registerSelf({ ...said, id: uuidv7(), capacity }))
    const answer = {
      node_id: node!.id,
      status: node!.status as NodeHeartbeatAnswer['status'],
      beat_every_ms: OFFLINE_AFTER_MS / 3,
      offline_after_ms: OFFLINE_AFTER_MS,
    } satisfies NodeHeartbeatAnswer
    return c.json(answer)
  },
}

/** Throws ApiError 403 where nodes may not register, 401 where this is none of ours. */
async function checkToken(c: Context<AppEnv>): Promise<void> {
  const { NODE_TOKEN } = c.var.settings
  if (NODE_TOKEN === undefined) {
    throw new ApiError(
      'forbidden',
      'Nodes cannot register here: the gateway has no NODE_TOKEN. Set it there to let them.',
    )
  }
  const [scheme, token = ''] = (c.req.header('authorization') ?? '').split(' ')
  if (scheme?.toLowerCase() !== 'bearer' || !(await timingSafeEqual(token, NODE_TOKEN))) {
    throw new ApiError(
      'unauthorized',
      'Send the NODE_TOKEN of the gateway as Authorization: Bearer …',
      'Authorization',
    )
  }
}

/** Throws ApiError 403 for an address to which no prompt is to go. */
function demandAllowed(c: Context<AppEnv>, url: string): void {
  if (isAllowedHost(c.var.settings.NODE_HOSTS ?? [], new URL(url))) return
  throw new ApiError(
    'forbidden',
    'url: its host is not among the NODE_HOSTS of the gateway. Add it there to let nodes be on it.',
    'url',
  )
}
