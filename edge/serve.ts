import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi'
import { ERROR_STATUS, type ErrorCode, errorAnswer } from '../drizzle/contract/http-api.ts'
import { guard } from './guard.ts'
import { type Access, type AppEnv, json, type Operation } from './operation.ts'

/** Ways to say who one is, as the document names them. */
export const SECURITY_SCHEMES = {
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
  signed: () => ({ security: eitherOf('signature'), errors: ['forbidden'] }),
  node: () => ({ security: eitherOf('nodeToken'), errors: ['unauthorized', 'forbidden'] }),
}

function eitherOf(...schemes: (keyof typeof SECURITY_SCHEMES)[]): InDocument['security'] {
  return schemes.map((scheme) => ({ [scheme]: [] }))
}

/** Adds an operation to the app and to its OpenAPI document. */
export function serve(app: OpenAPIHono<AppEnv>, { access, route, handle }: Operation): void {
  const { answers, errors, ...described } = route
  const { security, errors: refusals } = IN_DOCUMENT[access](route.method !== 'get')
  app.openAPIRegistry.registerPath({
    ...described,
    security,
    responses: { ...answers, ...errorResponses([...new Set([...errors, ...refusals])]) },
  })
  app.on(route.method, route.path.replace(/\{(\w+)\}/g, ':$1'), guard(access), handle)
}

function errorResponses(codes: ErrorCode[]): RouteConfig['responses'] {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of [...codes, 'internal' as const]) {
    const status = ERROR_STATUS[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, names]) => [
      status,
      { description: names.join(' or '), content: json(errorAnswer) },
    ]),
  )
}
