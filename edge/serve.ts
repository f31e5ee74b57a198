import type { OpenAPIHono } from '@hono/zod-openapi'
import type { ErrorCode } from '../drizzle/contract/http-api.ts'
import { errorResponses } from './documented-errors.ts'
import { HEADERS, headersNamed } from './documented-headers.ts'
import { guard } from './guard.ts'
import type { Access, AppEnv, Operation } from './operation.ts'

/** Ways to say who one is, as the document names them. */
const SECURITY_SCHEMES = {
  apiKey: { type: 'http', scheme: 'bearer', description: 'An API key.' },
  visitor: { type: 'apiKey', in: 'cookie', name: 'visitor', description: 'See POST /v1/session.' },
  nodeToken: { type: 'http', scheme: 'bearer', description: 'The NODE_TOKEN of the gateway.' },
  signature: { type: 'apiKey', in: 'query', name: 'signature', description: 'A signed address.' },
} as const

type InDocument = { security: { [scheme: string]: string[] }[]; errors: ErrorCode[] }

/** What the document says of an access: by what one is let in, and what refuses. */
const IN_DOCUMENT: Record<Access, (changes: boolean) => InDocument> = {
  public: () => ({ security: [], errors: ['rate_limited'] }),
  owner: (changes) => ({
    security: eitherOf('apiKey', 'visitor'),
    errors: ['unauthorized', 'rate_limited', ...(changes ? ['forbidden' as const] : [])],
  }),
  operator: () => ({
    security: eitherOf('apiKey'),
    errors: ['unauthorized', 'forbidden', 'rate_limited'],
  }),
  signed: () => ({ security: eitherOf('signature'), errors: ['forbidden', 'rate_limited'] }),
  node: () => ({
    security: eitherOf('nodeToken'),
    errors: ['unauthorized', 'forbidden', 'rate_limited'],
  }),
}

function eitherOf(...schemes: (keyof typeof SECURITY_SCHEMES)[]): InDocument['security'] {
  return schemes.map((scheme) => ({ [scheme]: [] }))
}

/** Serves the document itself, with what all operations share. */
export function serveDocument(app: OpenAPIHono<AppEnv>, path: string): void {
  const registry = app.openAPIRegistry
  for (const [name, scheme] of Object.entries(SECURITY_SCHEMES)) {
    registry.registerComponent('securitySchemes', name, scheme)
  }
  for (const [name, header] of Object.entries(HEADERS)) {
    registry.registerComponent('headers', name, header)
  }
  const about = {
    openapi: '3.1.0',
    info: {
      title: 'Async-Chat',
      version: '0.1.0',
      description: `One prompt, several models at once; answers are polled.

Every answer carries \`X-Request-Id\`: that of the request, where it came with one of up to 255 letters, digits, \`-\`, \`_\` and \`=\`, else a new one. Every error is the same envelope, with a code of a closed list. What belongs to another owner is answered as what does not exist.`,
      license: { name: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: TAGS,
  }
  // Making it takes longer than many a runtime grants a request; it is the same for all.
  let text: string | undefined
  app.get(path, (c) => {
    text ??= JSON.stringify(app.getOpenAPI31Document(about))
    return c.body(text, 200, { 'Content-Type': 'application/json' })
  })
}

const TAGS = [
  { name: 'Chat', description: 'Ask models, and read, cancel, retry and choose what they answer.' },
  {
    name: 'Conversations',
    description: 'What was asked and answered, one prompt after the other.',
  },
  { name: 'Files', description: 'What goes along with a prompt, and pictures that models made.' },
  { name: 'Models', description: 'Whom one may ask.' },
  { name: 'Visitors', description: 'Browsers without a key.' },
  { name: 'Nodes', description: 'Services of models that register themselves.' },
  { name: 'Operations', description: 'Health, and what the keys of operators may do.' },
]

/** Adds an operation to the app and to its OpenAPI document. */
export function serve(app: OpenAPIHono<AppEnv>, operation: Operation): void {
  const { access, route, handle } = operation
  const { answers, errors, ...described } = route
  const { security, errors: refusals } = IN_DOCUMENT[access](route.method !== 'get')
  const isCounted = refusals.includes('rate_limited')
  const shared = headersNamed(
    'X-Request-Id',
    ...(isCounted ? (['RateLimit', 'RateLimit-Policy'] as const) : []),
  )
  const codes: ErrorCode[] = [...errors, ...refusals, 'internal']
  app.openAPIRegistry.registerPath({
    ...described,
    security,
    responses: {
      ...withHeaders(shared, answers),
      ...withHeaders(shared, errorResponses(codes)),
    },
  })
  app.on(route.method, route.path.replace(/\{(\w+)\}/g, ':$1'), guard(operation), handle)
}

type Headers = ReturnType<typeof headersNamed>

function withHeaders<Answer extends { headers?: Headers }>(
  shared: Headers,
  answers: { [status: string]: Answer },
) {
  const entries = Object.entries(answers).map(
    ([status, answer]) =>
      [status, { ...answer, headers: { ...shared, ...answer.headers } }] as const,
  )
  return Object.fromEntries(entries)
}
