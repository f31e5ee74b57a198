import type { APIRequestContext, Page } from 'playwright-core'
import type { Batch, SubmitAnswer } from '../../drizzle/contract/http-api.ts'
import type { StackOptions } from '../stack.ts'
import { until } from './client.ts'
import type { Answer, ModelServer } from './model-server.ts'
import { CODE, LIST, LONG, MOONS, SKY, TABLE, THOUGHTS, WIDE } from './sample-answers.ts'

/** Nobody serves qwen: what it is asked stays queued. A silent model is waited for. */
export const WORKER_SETTINGS: StackOptions['workerSettings'] = {
  WORKER_STREAMS: 'gemini,deepseek',
  PARTIAL_MS: '100',
  FIRST_TOKEN_TIMEOUT_MS: '600000',
  IDLE_TIMEOUT_MS: '600000',
  TOTAL_TIMEOUT_MS: '600000',
}

const PROMPTS = {
  done: 'How does a hash table work, and when is it slow?',
  failed: 'When should I not use a hash table?',
  writing: 'Why is the sky blue, and a sunset red?',
  older: 'Is a hash table ever slow?',
  five: 'Name the largest moon of Saturn.',
  long: 'Explain everything about long answers, at length.',
  wide: `What is a ${'Donaudampfschifffahrt'.repeat(8)}? See https://example.org/${'a'.repeat(200)}`,
}

export type ConversationName = keyof typeof PROMPTS

/** The conversations of a visitor, one for each kind of thing that the page shows of answers. */
export type PageConversations = {
  /** The address of each on the page, from `#` on. */
  addresses: Record<ConversationName, string>
  /** Lets what is being written come to its end. */
  finish(): void
}

/**
 * Makes them for the visitor whose browser this is: answers that are done, one of them chosen; one that
 * failed, and one cancelled; those that are queued, thinking and writing until `finish`; five models; a long one; one with wide things.
 */
export async function makeConversations(
  page: Page,
  gatewayUrl: string,
  models: ModelServer,
): Promise<PageConversations> {
  const { promise: end, resolve: finish } = Promise.withResolvers<void>()
  models.answer(({ model, messages }) => answerTo(messages.at(-1)?.text ?? '', model, end))
  const api = page.context().request
  const change = async (path: string, data?: object) => {
    // As the page itself does; what another page sends is refused.
    const headers = { 'sec-fetch-site': 'same-origin' }
    const response = await api.post(`${gatewayUrl}/v1/${path}`, { headers, data })
    if (!response.ok()) throw new Error(`${path}: ${await response.text()}`)
    return response
  }
  await change('session')
  const ask = async (name: ConversationName, model: string, more: object = {}) => {
    const data = { prompt: PROMPTS[name], model, ...more }
    return (await (await change('chat/completions', data)).json()) as SubmitAnswer
  }
  const read = (id: string) => batchOf(api, gatewayUrl, id)

  const wide = await ask('wide', 'gemini-2.5-flash,deepseek-reasoner,deepseek-chat')
  const long = await ask('long', 'gemini-2.5-pro,deepseek-chat')
  const five = await ask('five', 'gemini-2.5-flash,gemini-2.5-pro,deepseek-chat', {
    gemini_concurrency: 2,
  })
  const older = await ask('older', 'gemini-2.5-flash,deepseek-chat')
  const failed = await ask('failed', 'gemini-2.5-flash,deepseek-chat,deepseek-r1:1.5b')
  const done = await ask('done', 'gemini-2.5-flash,deepseek-reasoner,deepseek-chat')
  const writing = await ask('writing', 'gemini-2.5-flash,deepseek-reasoner,qwen3:1.7b')
  const cancelled = failed.task_ids[2]
  await until(async () => {
    const { results } = await read(failed.batch_id)
    return results.some(({ task_id, response_text }) => task_id === cancelled && response_text)
  })
  await change(`tasks/${cancelled}/cancel`)
  for (const { batch_id } of [wide, long, five, failed, done, older]) {
    await until(async () => (await read(batch_id)).status !== 'PROCESSING')
  }
  for (const { batch_id, task_ids } of [done, older]) {
    await change(`batches/${batch_id}/choose`, { task_id: task_ids[0] })
  }
  await ask('older', 'deepseek-chat', { conversation_id: older.conversation_id })
  await until(async () => {
    const { results } = await read(writing.batch_id)
    return results.filter((one) => one.response_text || one.reasoning_text).length === 2
  })
  const address = ({ conversation_id }: SubmitAnswer) => `#/c/${conversation_id}`
  return {
    addresses: {
      done: address(done),
      failed: address(failed),
      older: address(older),
      writing: address(writing),
      five: address(five),
      long: address(long),
      wide: address(wide),
    },
    finish,
  }
}

async function batchOf(api: APIRequestContext, gatewayUrl: string, id: string): Promise<Batch> {
  return (await (await api.get(`${gatewayUrl}/v1/batches/${id}`)).json()) as Batch
}

function answerTo(prompt: string, model: string, end: Promise<void>): Answer {
  const gemini = model.startsWith('gemini')
  const thinks = model !== 'deepseek-chat'
  switch (prompt) {
    case PROMPTS.writing:
      return gemini
        ? [{ reasoning: THOUGHTS }, { text: SKY }, { until: end }]
        : [{ reasoning: THOUGHTS }, { until: end }]
    case PROMPTS.failed:
      if (gemini) return [{ reasoning: THOUGHTS }, { text: LIST }]
      if (thinks) return [{ text: LIST.slice(0, 120) }, { until: end }]
      return {
        status: 400,
        body: { error: { message: 'the prompt is longer than this model takes' } },
      }
    case PROMPTS.five:
      return [{ text: thinks ? '**Titan**, found by Christiaan Huygens in 1655.' : MOONS }]
    case PROMPTS.long:
      return [{ text: gemini ? LONG : 'In short: read it in parts.' }]
    case PROMPTS.wide:
      return [{ reasoning: WIDE }, { text: gemini ? WIDE : 'In short: a long word.' }]
    default:
      return [
        ...(thinks ? [{ reasoning: THOUGHTS }] : []),
        { text: gemini ? TABLE : thinks ? CODE : LIST },
      ]
  }
}
