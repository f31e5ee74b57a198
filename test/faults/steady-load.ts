import { setTimeout as pause } from 'node:timers/promises'
import type { ErrorAnswer, SubmitAnswer } from '../../drizzle/contract/http-api.ts'
import { post } from '../setup/client.ts'
import type { Stack } from '../stack.ts'
import { demand } from './scenario.ts'

/** An answer that told the client to come again. */
export type Refusal = { status: number; code: string }

export type SteadyLoad = {
  /** What has been accepted so far, in the order of acceptance. */
  accepted: SubmitAnswer[]
  refused: Refusal[]
  /**
   * Submits no more. Resolves once every submit that was begun has been accepted; throws where one
   * was answered by anything but 202, or 503 with `Retry-After`.
   */
  end(): Promise<void>
}

/**
 * Submits so many prompts a second while something is done, and at most until `end`. They are sent
 * as by clients that cannot afford to lose one: each has an Idempotency-Key of its own and comes
 * again with it, after the time it was told, until it is accepted.
 */
export async function underSteadyLoad<Result>(
  { gatewayUrl }: Stack,
  { perSecond, model = 'qwen3' }: { perSecond: number; model?: string },
  act: (load: SteadyLoad) => Promise<Result>,
): Promise<Result> {
  const load: SteadyLoad = { accepted: [], refused: [], end }
  const clients: Promise<void>[] = []
  const givingUp = new AbortController()
  let ended = false

  async function client(i: number): Promise<void> {
    const headers = { 'Idempotency-Key': `load-${i}` }
    while (!givingUp.signal.aborted) {
      const response = await post(gatewayUrl, { prompt: `load ${i}`, model }, headers)
      if (response.status === 202) {
        load.accepted.push((await response.json()) as SubmitAnswer)
        return
      }
      const { error } = (await response.json()) as ErrorAnswer
      const seconds = Number(response.headers.get('retry-after'))
      demand(response.status === 503 && seconds > 0, `a submit was answered ${response.status}`)
      load.refused.push({ status: response.status, code: error.code })
      await pause(seconds * 1000, undefined, { signal: givingUp.signal })
    }
  }

  async function submitting(): Promise<void> {
    for (let i = 0; !ended; i++) {
      const sent = client(i)
      // It is looked at when all are.
      sent.catch(() => {})
      clients.push(sent)
      await pause(1000 / perSecond)
    }
  }

  async function end(): Promise<void> {
    ended = true
    await running
    await Promise.all(clients)
  }

  const running = submitting()
  try {
    return await act(load)
  } finally {
    ended = true
    givingUp.abort()
    await running
    await Promise.allSettled(clients)
  }
}
