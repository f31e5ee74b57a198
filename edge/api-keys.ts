import { z } from 'zod'
import { commaList } from '../drizzle/contract/settings.ts'

export type ApiKey = { name: string; key: string; operator: boolean }

const FORM = 'it must be a comma list of name:key or name:key:operator'
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/
const MIN_KEY_CHARACTERS = 16

/** `name:key[:operator],…`. A name may have several keys, so that one can follow another. */
export function apiKeys() {
  return commaList()
    .pipe(z.array(apiKey))
    .refine(
      (keys) => new Set(keys.map(({ key }) => key)).size === keys.length,
      'each key may stand there once',
    )
}

// The sentences must not quote what was given: it is a secret.
const apiKey = z.string().transform((entry, { addIssue }): ApiKey => {
  const [name = '', key = '', role, ...rest] = entry.split(':')
  const problem =
    rest.length > 0 || (role !== undefined && role !== 'operator')
      ? FORM
      : !NAME.test(name)
        ? `${FORM}; a name has up to 64 letters, digits, "-", "_" and "."`
        : !/^[\x21-\x7e]+$/.test(key) || key.length < MIN_KEY_CHARACTERS
          ? `${FORM}; a key has at least ${MIN_KEY_CHARACTERS} visible ASCII characters`
          : undefined
  if (problem) {
    addIssue(problem)
    return z.NEVER
  }
  return { name, key, operator: role === 'operator' }
})
