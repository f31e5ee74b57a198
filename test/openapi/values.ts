import fc from 'fast-check'
import type { OpenApi, Schema } from './document.ts'

type Values = fc.Arbitrary<unknown>

/** Values for the names of fields and parameters whose schema alone would hardly ever be met. */
export type Hints = { [name: string]: Values }

/** Makes values by the schemas of a document. */
export class ValueMaker {
  private readonly document: OpenApi
  private readonly hints: Hints

  constructor(document: OpenApi, hints: Hints) {
    this.document = document
    this.hints = hints
  }

  /** Values that fit a schema. */
  fitting(schema: Schema, name?: string): Values {
    const hint = name === undefined ? undefined : this.hints[name]
    const plain = this.plain(schema)
    if (hint) return fc.oneof({ weight: 4, arbitrary: hint }, { weight: 1, arbitrary: plain })
    if (schema.example === undefined) return plain
    return fc.oneof(plain, fc.constant(schema.example))
  }

  /** Values of which one part does not fit, or may not. */
  almostFitting(schema: Schema, name?: string): Values {
    const { properties } = this.resolved(schema)
    const fitting = this.fitting(schema, name)
    if (!properties) return fc.oneof(fitting, ODD)
    const names = fc.constantFrom(...Object.keys(properties), 'unknown', '__proto__', 'constructor')
    const spoilt = fc.tuple(fitting, names, ODD).map(([value, key, odd]) => {
      const fields = Object.entries(value as object).filter(([name]) => name !== key)
      return Object.fromEntries(odd === undefined ? fields : [...fields, [key, odd]])
    })
    return fc.oneof({ weight: 3, arbitrary: spoilt }, { weight: 1, arbitrary: ODD })
  }

  private plain(given: Schema): Values {
    const schema = this.resolved(given)
    if (schema.enum) return fc.constantFrom(...schema.enum)
    if (schema.anyOf) return fc.oneof(...schema.anyOf.map((one) => this.fitting(one)))
    const types = [schema.type ?? 'null'].flat()
    return fc.oneof(...types.map((type) => this.ofType(type, schema)))
  }

  private ofType(type: string, schema: Schema): Values {
    switch (type) {
      case 'string':
        return stringOf(schema)
      case 'integer':
        return fc.integer({ min: schema.minimum, max: schema.maximum })
      case 'number':
        return fc.double({ min: schema.minimum, max: schema.maximum, noNaN: true })
      case 'boolean':
        return fc.boolean()
      case 'null':
        return fc.constant(null)
      case 'array': {
        const { items = {}, minItems: minLength = 0, maxItems = 4 } = schema
        return fc.array(this.fitting(items), { minLength, maxLength: Math.min(maxItems, 4) })
      }
      case 'object': {
        const { properties = {}, required = [] } = schema
        const fields = Object.entries(properties).map(
          ([name, field]) => [name, this.fitting(field, name)] as const,
        )
        return fc.record(Object.fromEntries(fields), { requiredKeys: required })
      }
      default:
        throw new Error(`no values of type ${type}`)
    }
  }

  private resolved(schema: Schema): Schema {
    if (!schema.$ref) return schema
    return this.document.components.schemas[schema.$ref.split('/').at(-1)!]!
  }
}

function stringOf({ format, pattern, minLength, maxLength = 100 }: Schema): Values {
  if (format === 'uuid') return fc.uuid()
  if (pattern) return fc.stringMatching(new RegExp(pattern))
  const short = fc.string({ unit: 'binary', minLength, maxLength: Math.min(maxLength, 100) })
  const longest = fc.constant('x'.repeat(maxLength))
  return fc.oneof({ weight: 20, arbitrary: short }, { weight: 1, arbitrary: longest })
}

/** What hardly any field takes; undefined stands for no field at all. */
const ODD: Values = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(
    undefined,
    null,
    '',
    '\0',
    '\ud800',
    '\u202e',
    '-1',
    '1e400',
    'NaN',
    '0x10',
    -1,
    0,
    1e300,
    2 ** 53,
    1.5,
    [],
    [[]],
    {},
    true,
    'x'.repeat(2000),
  ),
)
