import { renewLeasesIfHeld } from '../drizzle/statements/renew-leases-if-held.ts'
import { type Partial, savePartialsIfHeld } from '../drizzle/statements/save-partials-if-held.ts'
import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import { about, log } from './log.ts'
import type { RunningCall, RunningCalls } from './running-call.ts'
import { storableText } from './storable-text.ts'

/** The most text that one statement carries, in characters: a slow line must get it through in a second. */
const MAX_STATEMENT_CHARACTERS = 500_000

/**
 * Renews the leases of all running calls, and ends those that the database says are lost. Throws
 * where the database does not answer: then every call goes on.
 */
export async function renewLeases(
  postgres: PostgresDoor,
  calls: RunningCalls,
  lease: { leaseMs: number; watched: boolean },
): Promise<void> {
  const asked = calls.list()
  if (asked.length === 0) return
  const rows = await postgres.run(
    renewLeasesIfHeld(
      asked.map(({ held }) => held),
      lease,
    ),
  )
  const mine = new Set(rows.map(({ id, fence }) => `${id} ${fence}`))
  for (const call of asked) {
    // One whose answer is complete learns its fate from its own finish.
    if (call.ended || mine.has(`${call.task.id} ${call.task.fence}`)) continue
    log.warn({ ...about(call.task), fence: call.task.fence }, 'call is no longer ours')
    call.lose()
  }
}

/** Saves the text so far of the calls that have written since the last time. */
export async function savePartials(postgres: PostgresDoor, calls: RunningCalls): Promise<void> {
  let portion: { call: RunningCall; length: number; partial: Partial }[] = []
  let characters = 0
  const send = async () => {
    const sent = portion.filter(({ call }) => !call.ended)
    portion = []
    characters = 0
    if (sent.length === 0) return
    const saving = postgres.run(savePartialsIfHeld(sent.map(({ partial }) => partial)))
    const saved = saving.then(
      () => {},
      () => {},
    )
    for (const { call } of sent) call.saved = saved
    const rows = await saving
    const kept = new Set(rows.map(({ task_id }) => task_id))
    for (const { call, length } of sent) if (kept.has(call.task.id)) call.savedLength = length
  }
  for (const call of calls.list()) {
    const { length } = call
    if (call.ended || call.lost || length === call.savedLength) continue
    if (characters + length > MAX_STATEMENT_CHARACTERS) await send()
    const partial = {
      ...call.held,
      responseText: storableText(call.responseText).trimStart(),
      reasoningText: storableText(call.reasoningText).trim(),
    }
    portion.push({ call, length, partial })
    characters += length
  }
  await send()
}
