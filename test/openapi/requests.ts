import fc from 'fast-check'
import { signFileUrl } from '../../drizzle/contract/file-url.ts'
import { encodeCursor } from '../../edge/cursor.ts'
import { JPEG, PNG } from '../setup/pictures.ts'
import { as, LOCAL_KEY, OPERATOR_KEY, OTHER_KEY } from '../setup/send-key.ts'
import type { OpenApi, Operation, Parameter } from './document.ts'
import { ValueMaker } from './values.ts'

/** Ids of what belongs together, by the names that they have in paths and bodies. */
export type Thing = { [name: string]: string }

export const NODE_TOKEN = 'token-of-the-nodes-of-the-tests'

/** One request as it was made up; `{task_id}` and such stand for the ids of a thing. */
export type Made = {
  key: string
  /** Which of the things it is about. */
  thing: number
  signed: boolean
  path: Record<string, unknown>
  query: Record<string, unknown>
  header: Record<string, unknown>
  media: string | undefined
  body: unknown
}

const idOf = (name: string) => fc.constant(`{${name}}`)
const cursor = fc
  .oneof(
    fc.record({ turn: fc.nat() }),
    fc.record({ changedUs: fc.maxSafeNat(), conversationId: fc.uuid() }),
    fc.record({ after: fc.uuid() }),
    fc.record({ after: fc.uuid(), writtenByMs: fc.maxSafeNat() }),
  )
  .map(encodeCursor)

/** Longer addresses and headers are refused by the runtimes themselves. */
const MOST = 2000

const HINTS = {
  batch_id: idOf('batch_id'),
  task_id: idOf('task_id'),
  conversation_id: idOf('conversation_id'),
  file_id: fc.oneof(idOf('file_id'), fc.uuid()),
  dead_letter_id: idOf('dead_letter_id'),
  file_ids: fc.constantFrom([], ['{file_id}']),
  model: fc.constantFrom('qwen3', 'gemini-2.5-flash, deepseek-chat', 'gemini-2.5-flash-image'),
  cursor,
  Prefer: fc.constantFrom('wait=0', 'wait=1', 'respond-async', 'wait=x'),
  'If-None-Match': fc.constantFrom('*', 'W/"1"', '"'),
}

const BYTES = fc.oneof(
  fc.constantFrom(PNG, JPEG, Buffer.from('text'), Buffer.alloc(0), Buffer.alloc(70_000, 'x')),
  fc.uint8Array({ maxLength: 300 }),
)

/** Requests for an operation: some as the document says, some not quite. */
export function requestsFor(document: OpenApi, operation: Operation): fc.Arbitrary<Made> {
  const maker = new ValueMaker(document, HINTS)
  const { parameters = [], requestBody, security } = operation
  const schemes = security.flatMap(Object.keys)
  const own = schemes.includes('nodeToken')
    ? NODE_TOKEN
    : schemes.includes('visitor')
      ? LOCAL_KEY
      : OPERATOR_KEY
  const of = (place: Parameter['in'], spoil: boolean) => {
    const values = parameters
      .filter((parameter) => parameter.in === place)
      .map(({ name, schema, required }) => {
        const value = spoil ? maker.almostFitting(schema, name) : maker.fitting(schema, name)
        return [name, required ? value : fc.option(value, { nil: undefined })] as const
      })
    return fc.record(Object.fromEntries(values))
  }
  const medias = Object.entries(requestBody?.content ?? {})
  const body = (spoil: boolean) =>
    fc.oneof(
      ...(medias.length === 0 ? [fc.constant({ media: undefined, body: undefined })] : []),
      ...medias.map(([media, { schema }]) =>
        fc.record({
          media: fc.constant(media === 'image/*' ? 'image/png' : media),
          body: spoil ? maker.almostFitting(schema) : maker.fitting(schema),
        }),
      ),
    )
  const made = (spoil: boolean) =>
    fc
      .record({
        key: fc.oneof(
          { weight: 3, arbitrary: fc.constant(own) },
          {
            weight: spoil ? 2 : 0,
            arbitrary: fc.constantFrom('', '', 'x', OTHER_KEY, OPERATOR_KEY),
          },
        ),
        thing: fc.nat(),
        signed: spoil ? fc.boolean() : fc.constant(true),
        path: of('path', spoil),
        query: of('query', spoil),
        header: of('header', spoil),
        content: body(spoil),
        bytes: BYTES,
      })
      .map(({ content, bytes, ...rest }) => ({
        ...rest,
        media: content.media,
        body: content.media?.startsWith('image/') ? bytes : content.body,
      }))
  return fc.oneof(made(false), made(true))
}

/** A request as `fetch` takes it. */
export async function asSent(
  { method, path, security }: Operation,
  made: Made,
  things: readonly Thing[],
  secret: string,
): Promise<{ path: string; init: RequestInit }> {
  const thing = things[made.thing % things.length]!
  const filled = (text: string) => text.replace(/\{(\w+)\}/g, (whole, name) => thing[name] ?? whole)
  const textOf = (value: unknown) =>
    filled(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
  const target = path.replace(/\{(\w+)\}/g, (_, name) =>
    encodeURIComponent(segmentOf(textOf(made.path[name])).toWellFormed()),
  )
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(made.query)) {
    if (value !== undefined) query.append(name, textOf(value).slice(0, MOST))
  }
  const isSigned = made.signed && security.some((scheme) => 'signature' in scheme)
  const grant = {
    method: method.toUpperCase() as 'GET' | 'PUT',
    fileId: textOf(made.path.file_id),
    owner: 'local',
    expiresAt: Math.floor(Date.now() / 1000) + 600,
  }
  const headers: Record<string, string> = { ...as(made.key), 'sec-fetch-site': 'same-origin' }
  for (const [name, value] of Object.entries(made.header)) {
    // What no client can send at all is none of our business here.
    if (value !== undefined)
      headers[name] = textOf(value)
        .replace(/[^\x20-\x7e]/g, '?')
        .slice(0, MOST)
  }
  const init: RequestInit = { method: method.toUpperCase(), headers }
  if (made.media === 'multipart/form-data') init.body = formOf(made.body, textOf)
  else if (made.media !== undefined) {
    headers['content-type'] = made.media
    init.body =
      made.body instanceof Uint8Array
        ? (made.body as BodyInit)
        : textOf(JSON.stringify(made.body) ?? '')
  }
  const url = isSigned ? await signFileUrl(secret, grant) : `${target}?${query}`
  return { path: url, init }
}

/** What stays one segment of a path: without any, or with dots alone, it would be another path. */
function segmentOf(text: string): string {
  return /^\.{0,2}$/.test(text) ? 'x' : text.slice(0, MOST)
}

function formOf(body: unknown, textOf: (value: unknown) => string): FormData {
  const form = new FormData()
  for (const [name, value] of Object.entries(Object(body))) {
    if (name === 'files' && Array.isArray(value)) {
      for (const [i, content] of value.entries())
        form.append(name, new File([textOf(content)], `${i}.txt`))
    } else if (value !== undefined) form.append(name, textOf(value))
  }
  return form
}
