import { hostname, userInfo } from 'node:os'
import { v7 as uuidv7 } from 'uuid'
import { z } from 'zod'
import { address, readSettings, SettingsError } from '../drizzle/contract/settings.ts'
import { findDeadLetter } from '../drizzle/statements/find-dead-letter.ts'
import {
  type DeadLetterPlace,
  type DeadLetterRow,
  listDeadLetters,
} from '../drizzle/statements/list-dead-letters.ts'
import { purgeDeadLetters } from '../drizzle/statements/purge-dead-letters.ts'
import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import { tellTime } from '../drizzle/statements/tell-time.ts'
import { copyDeadLetters } from './copy-dead-letters.ts'
import { type Command, readCommand, UsageError } from './dlq-command.ts'
import { DLQ, lettersOf, lineOf, sheetOf, tableOf } from './dlq-words.ts'
import { codeOf, log, placeOf } from './log.ts'
import { openPostgres, PostgresError } from './postgres.ts'
import { NativeRedis } from './redis.ts'
import { replayLetters } from './replay-letters.ts'

/*
 * `npm run dlq -- list | show | replay | purge`: see docs/dead-letters.md. Ends with 0 when all was
 * done, with 1 when something was refused or failed, with 2 when it was not asked rightly.
 */

const DATABASE = z.object({
  DATABASE_URL: address(['postgres', 'postgresql']).describe('the database'),
})
const REDIS = z.object({
  REDIS_URL: address(['redis', 'rediss']).describe('the Redis that holds the streams'),
})

/** How many dead letters one statement takes on. */
const REPLAY_STEP = 200
const PURGE_STEP = 1000
const REDIS_WITHIN_MS = 3_000

async function list(postgres: PostgresDoor, { after, kind, limit }: Command): Promise<number> {
  const place = { after, kind, writtenBy: null, unreplayed: false }
  const found = await postgres.run(listDeadLetters(place, limit + 1))
  const letters = found.slice(0, limit)
  if (letters.length === 0) {
    console.log(after ? 'no older dead letters' : 'no dead letters')
    return 0
  }
  console.log(tableOf(letters))
  console.log(`\nOne in full: ${DLQ} show ID. Run again: ${DLQ} replay ID`)
  if (found.length > limit) {
    const filter = kind ? ` --kind ${kind}` : ''
    console.log(`There are older ones: ${DLQ} list${filter} --after ${letters.at(-1)!.id}`)
  }
  return 0
}

async function show(postgres: PostgresDoor, { ids }: Command): Promise<number> {
  const [letter] = await postgres.run(findDeadLetter(ids[0]!))
  if (!letter) {
    console.error(`There is no dead letter ${ids[0]}.`)
    return 1
  }
  console.log(sheetOf(letter))
  return 0
}

async function replay(
  postgres: PostgresDoor,
  redis: NativeRedis | null,
  command: Command,
): Promise<number> {
  const counts = { replayed: 0, refused: 0 }
  let tasksWait = false
  const actor = actorName()
  for await (const ids of command.all ? unreplayed(postgres, command) : [command.ids]) {
    const { verdicts, notRung } = await replayLetters({ postgres, redis }, ids, actor)
    for (const verdict of verdicts) {
      const lost = verdict.message && notRung
      console.log(
        lost
          ? `${verdict.letter_id}  Redis did not take the message (${notRung}): replay it again`
          : lineOf(verdict),
      )
      counts[(verdict.ring || verdict.message) && !lost ? 'replayed' : 'refused']++
      if (verdict.ring && (notRung || !redis)) tasksWait = true
    }
  }
  console.log(
    counts.replayed + counts.refused === 0
      ? 'nothing to replay'
      : `${counts.replayed} replayed, ${counts.refused} refused`,
  )
  if (tasksWait) {
    console.log('Redis could not be reached. A worker starts the tasks by itself once it is back.')
  }
  return counts.refused > 0 ? 1 : 0
}

/**
 * What has not been replayed by now, in steps. What fails again meanwhile is left out by its time: its
 * id, made by the clock of a worker, may be older than where this has come to.
 */
async function* unreplayed(postgres: PostgresDoor, { kind }: Command): AsyncGenerator<string[]> {
  const [clock] = await postgres.run(tellTime())
  const writtenBy = clock!.moment
  for (let after: string | null = null; ; ) {
    const place: DeadLetterPlace = { after, kind, writtenBy, unreplayed: true }
    const letters: DeadLetterRow[] = await postgres.run(listDeadLetters(place, REPLAY_STEP))
    if (letters.length === 0) return
    yield letters.map(({ id }) => id)
    after = letters.at(-1)!.id
  }
}

async function purge(
  postgres: PostgresDoor,
  redis: NativeRedis | null,
  { ids, kind, olderThanDays, replayed }: Command,
): Promise<number> {
  const which = { ids: ids.length > 0 ? ids : null, kind, olderThanDays, replayed }
  const gone = new Set<string>()
  const actor = actorName()
  for (;;) {
    const by = { actor, auditId: uuidv7() }
    const deleted = await postgres.run(purgeDeadLetters(which, PURGE_STEP, by))
    if (deleted.length === 0) break
    for (const { id } of deleted) gone.add(id)
  }
  console.log(`${lettersOf(gone.size)} purged`)
  const left = ids.filter((id) => !gone.has(id))
  for (const id of left) console.error(`${id}  not purged: there is none that fits`)
  if (!redis || !(await copiedAnew(postgres, redis))) {
    console.error(
      'Redis could not be reached: copies in sys_dead_letters are still there. Repeat this once it is back.',
    )
    return 1
  }
  return left.length === 0 ? 0 : 1
}

/** Empties the stream and fills it with what is left; false where Redis does not take it. */
async function copiedAnew(postgres: PostgresDoor, redis: NativeRedis): Promise<boolean> {
  try {
    await redis.dropDeadLetterStream()
    await copyDeadLetters({ postgres, redis })
    return true
  } catch (error) {
    if (error instanceof PostgresError) throw error
    return false
  }
}

/** Who does this, for the audit line: `user@host`. */
function actorName(): string {
  try {
    return `${userInfo().username}@${hostname()}`
  } catch {
    // A container may run as a number that has no name.
    return `user ${process.getuid?.()}@${hostname()}`
  }
}

/** Carries out a command and returns the exit code. Throws SettingsError, PostgresError. */
async function run(command: Command): Promise<number> {
  const needsRedis = command.name === 'replay' || command.name === 'purge'
  const { DATABASE_URL } = readSettings(DATABASE, process.env)
  const REDIS_URL = needsRedis ? readSettings(REDIS, process.env).REDIS_URL : null
  const postgres = openPostgres(DATABASE_URL, { connections: 1, timeoutMs: 30_000 })
  const redis = REDIS_URL
    ? await NativeRedis.open(REDIS_URL, { withinMs: REDIS_WITHIN_MS }).catch(() => null)
    : null
  try {
    if (command.name === 'list') return await list(postgres, command)
    if (command.name === 'show') return await show(postgres, command)
    if (command.name === 'replay') return await replay(postgres, redis, command)
    return await purge(postgres, redis, command)
  } finally {
    redis?.close()
    await postgres.close()
  }
}

/** What is said of an error, and the exit code that it gives. */
function sayError(error: unknown): number {
  if (error instanceof UsageError) {
    console.error(error.message)
    return 2
  }
  if (error instanceof SettingsError) console.error(error.message)
  else if (error instanceof PostgresError) {
    console.error(`The database did not do it (${error.code}). See what was done: ${DLQ} list`)
  } else console.error(`dlq failed (${codeOf(error)})\n${placeOf(error).join('\n')}`)
  return 1
}

// The doors log what they meet; here it is said in sentences.
log.level = 'silent'
// Whoever reads may stop reading; what is under way goes on.
process.stdout.on('error', () => {})
process.exitCode = await Promise.resolve(process.argv.slice(2))
  .then((args) => run(readCommand(args)))
  .catch(sayError)
