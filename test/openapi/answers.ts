import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'vitest'
import type { OpenApi, Operation, Schema } from './document.ts'

/** Checks answers and examples by the schemas of a document. What it does not name is refused too. */
export class AnswerCheck {
  private readonly document: OpenApi
  private readonly ajv = new Ajv2020({
    strict: false,
    formats: {
      uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
      'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
      binary: true,
    },
  })

  constructor(document: OpenApi) {
    this.document = document
    this.ajv.addSchema(closed(document), 'api')
  }

  /** The place in the document of what an operation answers with a status. */
  static placeOf({ path, method }: Operation, ...more: string[]): string[] {
    return ['paths', path, method, ...more]
  }

  /** Fails where a value does not fit the schema at this place of the document. */
  expectFit(place: string[], value: unknown, about: string): void {
    const pointer = place.map((part) =>
      encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')),
    )
    const $ref = `api#/${pointer.join('/')}`
    const validate = this.ajv.getSchema($ref) ?? this.ajv.compile({ $ref })
    const fits = validate(value)
    expect(fits ? [] : validate.errors, `${about}\n${JSON.stringify(value)}`).toEqual([])
  }

  /** Fails where an answer is not one that the document names for the operation. */
  async expectNamed(operation: Operation, response: Response, about: string): Promise<void> {
    const status = String(response.status)
    const text = await response.text()
    const said = `${about}\n→ ${status} ${text.slice(0, 1000)}`
    expect(Object.keys(operation.responses), said).toContain(status)
    const { content, headers } = operation.responses[status]!
    for (const [name, { required }] of Object.entries(this.document.components.headers)) {
      if (required && name in headers)
        expect(response.headers.has(name), `${said}\n${name}`).toBe(true)
      if (response.headers.has(name)) expect(Object.keys(headers), said).toContain(name)
    }
    if (!content) {
      expect(text, said).toBe('')
      return
    }
    const type = response.headers.get('content-type')!.split(';')[0]!
    const named = content[type] ? type : '*/*'
    expect(Object.keys(content), said).toContain(named)
    if (type !== 'application/json' || named !== type) return
    const place = AnswerCheck.placeOf(operation, 'responses', status, 'content', type, 'schema')
    this.expectFit(place, JSON.parse(text), said)
  }
}

/** The document with no properties beside those that it names. */
function closed(document: OpenApi): OpenApi {
  const { schemas, ...components } = document.components
  const entries = Object.entries(schemas).map(([name, schema]) => [name, closedSchema(schema)])
  return { ...document, components: { ...components, schemas: Object.fromEntries(entries) } }
}

function closedSchema(value: Schema): Schema {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(closedSchema) as unknown as Schema
  const entries = Object.entries(value).map(([key, part]) => [key, closedSchema(part as Schema)])
  const isOpen = value.properties && value.additionalProperties === undefined
  return { ...Object.fromEntries(entries), ...(isOpen && { additionalProperties: false }) }
}
