import { z } from 'zod'

/** Settings that cannot be used. The message is one line that names the variable and what to do. */
export class SettingsError extends Error {
  override name = 'SettingsError'
}

/**
 * Reads settings by a zod object whose keys are the names of environment variables. An empty
 * variable counts as unset. Throws SettingsError; the value itself never stands in the message,
 * as it may be a secret.
 */
export function readSettings<Schema extends z.ZodObject>(
  schema: Schema,
  environment: Record<string, unknown>,
): z.output<Schema> {
  const given: Record<string, string> = {}
  for (const name of Object.keys(schema.shape)) {
    const value = environment[name]
    if (typeof value === 'string' && value !== '') given[name] = value
  }
  const parsed = schema.safeParse(given)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const name = String(issue?.path[0] ?? 'settings')
  throw new SettingsError(
    given[name] === undefined
      ? `${name} is missing: ${describe(schema, name)}. Set it in the environment or in .env (see .env.example).`
      : `${name} is not usable: ${issue?.message}. Correct it in the environment or in .env (see .env.example).`,
  )
}

function describe(schema: z.ZodObject, name: string): string {
  const field = schema.shape[name] as z.ZodType | undefined
  return field?.description ?? 'it has no default'
}

/** A whole number in a range, given as text. */
export function integer(min: number, max: number) {
  return z
    .string()
    .regex(/^\d+$/, `it must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `it must be from ${min} to ${max}`)
}

/** An address with one of the given schemes, e.g. `['redis', 'rediss']`. */
export function address(schemes: readonly string[]) {
  const expected = `it must begin with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`
  return z.string().refine((value) => {
    const url = URL.parse(value)
    return url !== null && schemes.some((scheme) => url.protocol === `${scheme}:`)
  }, expected)
}

/** `true` or `false`. */
export function flag() {
  return z
    .enum(['true', 'false'], 'it must be true or false')
    .transform((value) => value === 'true')
}

/** `on` or `off`. */
export function onOff() {
  return z.enum(['on', 'off'], 'it must be on or off').transform((value) => value === 'on')
}

/** An origin as browsers name it: scheme, host and port, nothing behind them. */
export function origin() {
  return z
    .string()
    .refine(
      (value) => URL.parse(value)?.origin === value,
      'each must be an origin such as https://example.org, without a path',
    )
}

/** A list separated by commas; blanks around the parts are dropped, empty parts too. */
export function commaList() {
  return z.string().transform((value) =>
    value
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean),
  )
}
