import type { Step } from '../setup/model-server.ts'
import type { Program } from '../setup/spawn-program.ts'
import type { TcpProxy } from '../setup/tcp-proxy.ts'
import type { FaultStack } from './scenario.ts'

/** The lease of workers under a fault, in ms: short, so that a run is; a machine may stall for less. */
export const LEASE_MS = 5000

/** A worker whose Postgres is behind a proxy of its own. Its name goes with each of its calls. */
export type FaultWorker = { name: string; program: Program; postgres: TcpProxy }

/** Starts one worker. Where peers are to watch its session lock, that connection goes directly. */
export async function startFaultWorker(
  stack: FaultStack,
  name: string,
  { lock = false, ...settings }: { lock?: boolean } & Record<string, string | boolean> = {},
): Promise<FaultWorker> {
  const postgres = await stack.proxyTo(stack.database.url)
  const program = await stack.startWorker({
    DATABASE_URL: postgres.url,
    ...namedWorker(stack, name, lock),
    ...(settings as Record<string, string>),
  })
  return { name, program, postgres }
}

/** The settings of a worker whose calls show its name. */
export function namedWorker(
  stack: FaultStack,
  name: string,
  lock: boolean,
): Record<string, string> {
  return {
    WORKER_ID: name,
    // Only Gemini's service is sent a key here; it tells whose call it is.
    GEMINI_API_KEY: name,
    LEASE_MS: String(LEASE_MS),
    ...(lock && { DATABASE_DIRECT_URL: stack.database.url }),
  }
}

/** The model whose calls show who makes them. */
export const MODEL = 'gemini-2.5-flash'

/** A call of a model as it came in. */
export type Call = {
  prompt: string
  /** The name of the worker that made it. */
  worker: string
  /** By `performance.now()`. */
  at: number
  /** How many calls of this prompt came before it. */
  earlier: number
}

type Answer = ReturnType<Parameters<FaultStack['models']['answer']>[0]>

/** Decides every answer from now on, and keeps the calls. */
export function answerCalls({ models }: FaultStack, answer: (call: Call) => Answer): Call[] {
  const calls: Call[] = []
  models.answer(({ messages, headers }) => {
    const prompt = messages.at(-1)!.text
    const call = {
      prompt,
      worker: String(headers['x-goog-api-key']),
      at: performance.now(),
      earlier: calls.filter((call) => call.prompt === prompt).length,
    }
    calls.push(call)
    return answer(call)
  })
  return calls
}

/** An answer that begins and never ends. */
export const NEVER_ENDS: Step[] = [{ text: 'first words ' }, { until: new Promise(() => {}) }]

/** An answer that ends when the gate is opened. */
export function gate(last = 'answer'): { steps: Step[]; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { steps: [{ text: 'slow ' }, { until: promise }, { text: last }], open: resolve }
}
