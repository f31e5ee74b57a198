import { v7 as uuidv7 } from 'uuid'
import { signFileUrl } from '../drizzle/contract/file-url.ts'
import { type OwnedThings, sameFile } from './setup/owned-things.ts'
import { PNG } from './setup/pictures.ts'

/** `visitor`: a stranger with a cookie; `operator`: one who is not the owner. */
export const WHO = ['nobody', 'stranger', 'visitor', 'operator', 'owner'] as const
export type Who = (typeof WHO)[number]

/** A request for an owner's things, but for who sends it. */
export type Request = { path: string; headers?: Record<string, string>; body?: object }

export type Row = {
  /** Which of an operation's rows it is, where it has several. */
  when?: string
  status: Record<Who, number>
  /** Who may learn of the owner's things, or change them, and so comes last. */
  last: Who
  /** It is the address that lets in, whoever sends it. */
  byAddress?: true
  request(things: OwnedThings, secrets: Secrets): Request | Promise<Request>
}

export type Secrets = { nodeToken: string; fileUrlSecret: string }

type Expected = Pick<Row, 'status' | 'last'>

function all(status: number, but: Partial<Row['status']> = {}, last: Who = 'owner'): Expected {
  const same = Object.fromEntries(WHO.map((who) => [who, status])) as Row['status']
  return { status: { ...same, ...but }, last }
}
/** For all who have an identity, each with what is theirs. */
const somebody = (status: number, owner = status) => all(status, { nobody: 401, owner })
/** Another's thing is not there. */
const owned = (status: number) => somebody(404, status)
const operators = (status: number) => all(403, { nobody: 401, operator: status }, 'operator')

const json = (path: string, body: object) => ({ path, body })
const form = (path: string, fields: Record<string, string | File>) => {
  const body = new FormData()
  for (const [name, value] of Object.entries(fields)) body.append(name, value)
  return { path, body }
}
const SUBMIT = '/v1/chat/completions'
const model = 'qwen3'

/** Every operation of the gateway, and what it answers to whom. */
export const ACCESS: Record<string, Row[]> = {
  'POST /v1/session': [
    {
      when: 'from our page',
      ...all(204),
      request: () => ({ path: '/v1/session', headers: { 'sec-fetch-site': 'same-origin' } }),
    },
    {
      when: 'from elsewhere',
      ...all(403),
      request: () => ({ path: '/v1/session', headers: { 'sec-fetch-site': 'cross-site' } }),
    },
  ],
  'POST /v1/chat/completions': [
    { ...somebody(202), request: () => form(SUBMIT, { prompt: 'mine', model }) },
    {
      when: 'going on with the conversation',
      ...owned(202),
      request: ({ conversationId: conversation_id }) =>
        json(SUBMIT, { prompt: 'on', model, conversation_id }),
    },
    {
      when: 'naming the file',
      ...owned(202),
      request: ({ fileId }) => json(SUBMIT, { prompt: 'see', model, file_ids: [fileId] }),
    },
    {
      when: 'with the same Idempotency-Key',
      ...somebody(202, 422),
      request: ({ idempotencyKey, tag }) => ({
        ...json(SUBMIT, { prompt: `prompt ${tag}`, model }),
        headers: { 'idempotency-key': idempotencyKey },
      }),
    },
  ],
  'GET /v1/batches/{batch_id}': [
    { ...owned(200), request: ({ batchId }) => ({ path: `/v1/batches/${batchId}` }) },
    {
      when: 'asked whether it has changed',
      ...owned(304),
      request: ({ batchId }) => ({
        path: `/v1/batches/${batchId}`,
        headers: { 'if-none-match': '*', prefer: 'wait=1' },
      }),
    },
  ],
  'POST /v1/batches/{batch_id}/cancel': [
    { ...owned(200), request: ({ batchId }) => ({ path: `/v1/batches/${batchId}/cancel` }) },
  ],
  'POST /v1/batches/{batch_id}/choose': [
    {
      ...owned(200),
      request: ({ batchId, answeredTask: task_id }) =>
        json(`/v1/batches/${batchId}/choose`, { task_id }),
    },
  ],
  'GET /v1/tasks/{task_id}': [
    { ...owned(200), request: ({ openTask }) => ({ path: `/v1/tasks/${openTask}` }) },
    {
      when: 'asked whether it has changed',
      ...owned(304),
      request: ({ answeredTask }) => ({
        path: `/v1/tasks/${answeredTask}`,
        headers: { 'if-none-match': '*' },
      }),
    },
  ],
  'POST /v1/tasks/{task_id}/cancel': [
    { ...owned(200), request: ({ openTask }) => ({ path: `/v1/tasks/${openTask}/cancel` }) },
  ],
  'POST /v1/tasks/{task_id}/retry': [
    {
      ...owned(202),
      request: ({ failedTask }) => ({ path: `/v1/tasks/${failedTask}/retry` }),
    },
  ],
  'GET /v1/conversations': [
    { ...somebody(200), request: () => ({ path: '/v1/conversations' }) },
    {
      when: 'searching',
      ...somebody(200),
      request: ({ tag }) => ({ path: `/v1/conversations?search=${tag}` }),
    },
  ],
  'PATCH /v1/conversations/{conversation_id}': [
    {
      ...owned(200),
      request: ({ conversationId }) =>
        json(`/v1/conversations/${conversationId}`, { title: 'taken over' }),
    },
  ],
  'DELETE /v1/conversations/{conversation_id}': [
    {
      ...owned(204),
      request: ({ conversationId }) => ({ path: `/v1/conversations/${conversationId}` }),
    },
  ],
  'GET /v1/conversations/{conversation_id}/history': [
    {
      ...owned(200),
      request: ({ conversationId }) => ({ path: `/v1/conversations/${conversationId}/history` }),
    },
  ],
  'GET /v1/conversations/{conversation_id}/export': ['json', 'markdown'].map((format) => ({
    when: `as ${format}`,
    ...owned(200),
    request: ({ conversationId }) => ({
      path: `/v1/conversations/${conversationId}/export?format=${format}`,
    }),
  })),
  'POST /v1/files': [
    {
      when: 'with the same content',
      ...somebody(201),
      request: (things) => form('/v1/files', { files: sameFile(things, 'mine.txt') }),
    },
  ],
  'GET /v1/files/{file_id}': [
    {
      when: 'at its signed address',
      ...all(200),
      byAddress: true,
      request: ({ fileUrl }) => ({ path: fileUrl }),
    },
    {
      when: 'without a signature',
      ...all(403),
      request: ({ fileId }) => ({ path: `/v1/files/${fileId}` }),
    },
    {
      when: 'as if signed for another',
      ...all(403),
      request: ({ fileUrl }) => ({ path: fileUrl.replace('owner=local', 'owner=other') }),
    },
  ],
  'PUT /v1/files/{file_id}': [
    {
      when: 'at an address signed for it',
      ...all(201),
      byAddress: true,
      request: async (_, { fileUrlSecret }) => {
        const grant = { method: 'PUT', fileId: uuidv7(), owner: 'local' } as const
        const expiresAt = Date.now() / 1000 + 60
        return {
          path: await signFileUrl(fileUrlSecret, { ...grant, expiresAt: Math.ceil(expiresAt) }),
          body: PNG,
        }
      },
    },
    {
      when: 'at the address where it is read',
      ...all(403),
      request: ({ fileUrl }) => ({ path: fileUrl, body: PNG }),
    },
  ],
  'GET /v1/models': [{ ...somebody(200), request: () => ({ path: '/v1/models' }) }],
  'POST /v1/nodes/heartbeat': [
    {
      when: 'with the token',
      ...all(200),
      request: (_, { nodeToken }) => ({
        ...json('/v1/nodes/heartbeat', { url: 'http://node.example' }),
        headers: { authorization: `Bearer ${nodeToken}` },
      }),
    },
    {
      when: 'without the token',
      ...all(401),
      request: () => json('/v1/nodes/heartbeat', { url: 'http://node.example' }),
    },
  ],
  'GET /health': [{ ...all(200), request: () => ({ path: '/health' }) }],
  'GET /v1/dead-letters': [{ ...operators(200), request: () => ({ path: '/v1/dead-letters' }) }],
  'DELETE /v1/dead-letters': [
    {
      ...operators(200),
      request: () => ({ path: '/v1/dead-letters?older_than_days=0' }),
    },
  ],
  'POST /v1/dead-letters/replay': [
    { ...operators(200), request: () => ({ path: '/v1/dead-letters/replay' }) },
  ],
  'GET /v1/dead-letters/{dead_letter_id}': [
    {
      ...operators(200),
      request: ({ letterId }) => ({ path: `/v1/dead-letters/${letterId}` }),
    },
  ],
  'DELETE /v1/dead-letters/{dead_letter_id}': [
    {
      ...operators(200),
      request: ({ letterId }) => ({ path: `/v1/dead-letters/${letterId}` }),
    },
  ],
  'POST /v1/dead-letters/{dead_letter_id}/replay': [
    {
      ...operators(200),
      request: ({ letterId }) => ({ path: `/v1/dead-letters/${letterId}/replay` }),
    },
  ],
  'GET /v1/nodes': [{ ...operators(200), request: () => ({ path: '/v1/nodes' }) }],
  'GET /v1/streams': [{ ...operators(200), request: () => ({ path: '/v1/streams' }) }],
}
