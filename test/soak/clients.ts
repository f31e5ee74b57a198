import { setTimeout as pause } from 'node:timers/promises'
import type { Batch, SubmitAnswer } from '../../drizzle/contract/http-api.ts'
import { cancelTasksIfOpen } from '../../drizzle/statements/cancel-tasks-if-open.ts'
import type { FaultStack } from '../faults/scenario.ts'
import { type Fields, post } from '../setup/client.ts'
import { promptFor } from './manners.ts'

/** What the clients have done so far. */
export type Done = {
  submits: number
  laterTurns: number
  polls: number
  otherReads: number
  hangUps: number
  cancels: number
  /** Of the tasks that were accepted. No texts: a long run must not grow for them. */
  taskIds: string[]
  /** Answers that no client should get, each kind with its number. */
  surprises: Map<string, number>
}

/** A conversation whose last turn has ended. */
type Conversation = { id: string; turns: number }

/** The models of a batch, and the family that may show bad manners in it. */
const BATCHES: { family: string; asked: Fields }[] = [
  { family: 'gemini', asked: { model: 'gemini-2.5-flash' } },
  { family: 'qwen', asked: { model: 'gemini-2.5-flash, deepseek-chat, qwen3:1.7b' } },
  { family: 'qwen', asked: { model: 'qwen3:1.7b' } },
  { family: 'deepseek', asked: { model: 'deepseek-chat, qwen3:1.7b' } },
  { family: 'gemini', asked: { model: 'gemini-2.5-flash, qwen3:1.7b', gemini_concurrency: 2 } },
  {
    family: 'deepseek',
    asked: { model: 'gemini-2.5-pro, gemini-2.5-flash, deepseek-r1:1.5b, qwen3:1.7b' },
  },
]
const TURNS = 5
/** Which share of the batches is cancelled, and how long after its submit, in ms. */
const CANCELLED = 0.04
const CANCEL_AFTER_MS = 300
/** Which share of the requests is broken off by its client, and within how many ms. */
const BROKEN_OFF = 0.05
const BROKEN_OFF_MS = 20
/** Beside a poll of a batch, these shares of polls read something else too. */
const ALSO_A_TASK = 0.25
const ALSO_SOMETHING = 0.05
/** No batch of this load lasts so long: three slow calls, and the rests between them. */
const BATCH_ENDS_MS = 180_000

/** Clients that talk with the models through the gateway, each to the end of its batch. */
export class Clients {
  readonly done: Done = {
    submits: 0,
    laterTurns: 0,
    polls: 0,
    otherReads: 0,
    hangUps: 0,
    cancels: 0,
    taskIds: [],
    surprises: new Map(),
  }
  private readonly stack: FaultStack
  private readonly givenUp: AbortSignal
  private readonly waiting: Conversation[] = []
  private begun = 0

  /** Once `givenUp`, clients do nothing more, and nothing that they meet surprises. */
  constructor(stack: FaultStack, givenUp: AbortSignal) {
    this.stack = stack
    this.givenUp = givenUp
  }

  /** One turn of a conversation that goes on, or the first of a new one. Never throws. */
  async takeTurn(): Promise<void> {
    try {
      const earlier = this.waiting.shift()
      const answer = await this.submit(earlier)
      if (!answer) return
      if (Math.random() < CANCELLED) await this.cancel(answer)
      await this.followToEnd(answer)
      const turns = (earlier?.turns ?? 0) + 1
      if (turns < TURNS) this.waiting.push({ id: answer.conversation_id, turns })
    } catch (error) {
      this.surprise(error instanceof Error ? error.message : String(error))
    }
  }

  /** Some clients hang up and come again with the same key: it must be the same batch. */
  private async submit(earlier: Conversation | undefined): Promise<SubmitAnswer | undefined> {
    const number = this.begun++
    const { family, asked } = BATCHES[number % BATCHES.length]!
    const fields = {
      ...asked,
      prompt: promptFor(number, family),
      ...(earlier && { conversation_id: earlier.id }),
    }
    const headers = { 'Idempotency-Key': `soak-${number}` }
    const { gatewayUrl } = this.stack
    if (Math.random() < BROKEN_OFF) {
      await this.breakOff((signal) => postJson(gatewayUrl, fields, headers, signal))
    }
    const response = await post(gatewayUrl, fields, headers)
    if (response.status !== 202) {
      this.surprise(`a submit was answered ${response.status}`)
      await response.text()
      return undefined
    }
    const answer = (await response.json()) as SubmitAnswer
    this.done.submits++
    if (earlier) this.done.laterTurns++
    this.done.taskIds.push(...answer.task_ids)
    return answer
  }

  private async followToEnd({ batch_id, task_ids, conversation_id }: SubmitAnswer): Promise<void> {
    const deadline = performance.now() + BATCH_ENDS_MS
    while (!this.givenUp.aborted) {
      const batch = await this.read<Batch>(`/v1/batches/${batch_id}`)
      this.done.polls++
      if (!batch || batch.poll_after_ms === null) return
      if (performance.now() > deadline) return this.surprise('a batch did not end')
      if (Math.random() < ALSO_A_TASK) await this.readAlso(`/v1/tasks/${task_ids[0]}`)
      if (Math.random() < ALSO_SOMETHING) await this.readAlso(anyOf(conversation_id))
      if (Math.random() < BROKEN_OFF) await this.breakOffPoll(batch_id)
      await pause(batch.poll_after_ms)
    }
  }

  /** The gateway has no cancel to offer yet; it is the statement that workers must cope with. */
  private async cancel({ batch_id }: SubmitAnswer): Promise<void> {
    await pause(CANCEL_AFTER_MS)
    const { text, params } = cancelTasksIfOpen('local', { batchId: batch_id })
    await this.stack.database.query(text, params)
    this.done.cancels++
  }

  private async readAlso(path: string): Promise<void> {
    await this.read(path)
    this.done.otherReads++
  }

  private async read<Body>(path: string): Promise<Body | undefined> {
    const response = await fetch(`${this.stack.gatewayUrl}${path}`)
    if (response.ok) return (await response.json()) as Body
    await response.text()
    this.surprise(`a read was answered ${response.status}`)
    return undefined
  }

  private breakOffPoll(batchId: string): Promise<void> {
    const url = `${this.stack.gatewayUrl}/v1/batches/${batchId}`
    return this.breakOff((signal) => fetch(url, { signal }))
  }

  /** Sends a request and closes its connection before, or just after, the answer comes. */
  private async breakOff(send: (signal: AbortSignal) => Promise<Response>): Promise<void> {
    const signal = AbortSignal.timeout(1 + Math.floor(Math.random() * BROKEN_OFF_MS))
    await send(signal)
      .then((response) => response.text())
      .catch(() => {})
    this.done.hangUps++
  }

  private surprise(what: string): void {
    if (this.givenUp.aborted) return
    this.done.surprises.set(what, (this.done.surprises.get(what) ?? 0) + 1)
  }
}

/** The same submit as a form makes, in the other of its two shapes. */
function postJson(
  gatewayUrl: string,
  fields: Fields,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Response> {
  return fetch(`${gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(fields),
    signal,
  })
}

function anyOf(conversationId: string): string {
  const paths = [
    `/v1/conversations/${conversationId}/history?limit=5`,
    '/v1/conversations?limit=10',
    '/v1/models',
    '/health',
  ]
  return paths[Math.floor(Math.random() * paths.length)]!
}
