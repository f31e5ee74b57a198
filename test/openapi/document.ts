import { createApp } from '../../edge/app.ts'
import type { Services } from '../../edge/services.ts'

/** What our document uses of JSON Schema. */
export type Schema = {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  anyOf?: Schema[]
  allOf?: Schema[]
  properties?: Record<string, Schema>
  additionalProperties?: Schema | boolean
  required?: string[]
  items?: Schema
  minItems?: number
  maxItems?: number
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  pattern?: string
  format?: string
  description?: string
  example?: unknown
}

type Media = { schema: Schema; example?: unknown; examples?: Record<string, { value: unknown }> }
export type Content = Record<string, Media>
export type Parameter = {
  name: string
  in: 'path' | 'query' | 'header'
  required: boolean
  description?: string
  schema: Schema
}
type Answer = { description: string; headers: Record<string, { $ref: string }>; content?: Content }

export type Operation = {
  method: string
  path: string
  summary: string
  description: string
  tags: string[]
  security: Record<string, string[]>[]
  parameters?: Parameter[]
  requestBody?: { required: boolean; content: Content }
  responses: Record<string, Answer>
}

export type OpenApi = {
  openapi: string
  tags: { name: string }[]
  paths: Record<string, Record<string, Omit<Operation, 'method' | 'path'>>>
  components: {
    schemas: Record<string, Schema>
    headers: Record<string, { required?: boolean; description: string }>
    securitySchemes: Record<string, object>
  }
}

/** The document as this source makes it, so that each operation can be a test of its own. */
export async function readDocument(): Promise<OpenApi> {
  const app = createApp({ settings: { CORS_ORIGINS: [] } } as unknown as Services)
  return (await (await app.request('/openapi.json')).json()) as OpenApi
}

export function operationsOf({ paths }: OpenApi): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, ...operation })),
  )
}

export const nameOf = ({ method, path }: Operation) => `${method.toUpperCase()} ${path}`
