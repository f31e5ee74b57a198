import { parseArgs } from 'node:util'
import { z } from 'zod'
import { DLQ, USAGE } from './dlq-words.ts'

const OPTIONS = {
  limit: { type: 'string' },
  after: { type: 'string' },
  kind: { type: 'string' },
  all: { type: 'boolean' },
  'older-than': { type: 'string' },
  replayed: { type: 'boolean' },
} as const

/** The commands, and the options that each takes. */
const COMMANDS = new Map<string, (keyof typeof OPTIONS)[]>([
  ['list', ['limit', 'after', 'kind']],
  ['show', []],
  ['replay', ['all', 'kind']],
  ['purge', ['older-than', 'replayed', 'kind']],
])

/** A command that cannot be understood; the message is one sentence. */
export class UsageError extends Error {}

export type Command = ReturnType<typeof readCommand>

/** The command and its words. Throws UsageError. */
export function readCommand(args: string[]) {
  const { values, positionals } = parsed(args)
  const [name = '', ...words] = positionals
  const allowed = COMMANDS.get(name)
  if (!allowed) {
    throw new UsageError(`${name ? `There is no command ${name}.` : 'Say what to do.'}\n\n${USAGE}`)
  }
  const given = Object.keys(values) as (keyof typeof OPTIONS)[]
  const stray = given.find((option) => !allowed.includes(option))
  if (stray) throw new UsageError(`${name} takes no --${stray}.`)
  const { limit, after } = values
  const days = values['older-than']
  if (days !== undefined && !/^\d{1,6}(\.\d+)?$/.test(days)) {
    throw new UsageError('--older-than must be a number of days.')
  }
  if (limit !== undefined && !/^[1-9]\d{0,3}$/.test(limit)) {
    throw new UsageError('--limit must be a whole number from 1 to 9999.')
  }
  const all = values.all ?? false
  if (name === 'list' && words.length > 0) throw new UsageError('list takes no ids.')
  if (name === 'show' && words.length !== 1) throw new UsageError('show takes one id.')
  if (name === 'replay' && all === words.length > 0) {
    throw new UsageError('replay takes either ids or --all.')
  }
  const kind = kindNamed(values.kind)
  if (kind && words.length > 0) throw new UsageError('--kind does not go with ids.')
  return {
    name,
    ids: [...new Set(words.map(letterId))],
    limit: Number(limit ?? 50),
    after: after === undefined ? null : letterId(after),
    kind,
    all,
    olderThanDays: days === undefined ? null : Number(days),
    replayed: values.replayed ?? false,
  }
}

function parsed(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split('. ')[0]}.\n\n${USAGE}`)
  }
}

function kindNamed(word: string | undefined): 'task' | 'message' | null {
  if (word === undefined || word === 'task' || word === 'message') return word ?? null
  throw new UsageError('--kind must be task or message.')
}

function letterId(word: string): string {
  const { success, data } = z.uuid().safeParse(word.toLowerCase())
  if (!success) throw new UsageError(`${JSON.stringify(word)} is not an id: see ${DLQ} list`)
  return data
}
