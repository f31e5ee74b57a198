import { setTimeout as pause } from 'node:timers/promises'
import type { Answer } from './model-server.ts'

/**
 * What a model of each name says, or does, with words that are for its user only, or for nobody; what
 * begins with `poison` the database is to refuse.
 */
export function modelsThatTell(canary: (what: string) => string): Record<string, () => Answer> {
  const told = (what: string) => ({ error: { message: canary(what), code: canary(what) } })
  return {
    'qwen-answer': () => [
      { reasoning: canary('reasoning') },
      { text: canary('answer') },
      // So long that what there is is saved meanwhile.
      { until: pause(700) },
      { text: ' and so on' },
      { finish: canary('finish-reason') },
    ],
    'qwen-400': () => ({ status: 400, body: told('body-of-400') }),
    'qwen-401': () => ({ status: 401, body: told('body-of-401') }),
    'qwen-500': () => ({ status: 500, body: `<html>${canary('body-of-500')}` }),
    'qwen-garbage': () => ({ status: 200, body: `garbage ${canary('garbage')}` }),
    'qwen-redirect': () => ({
      status: 302,
      body: '',
      headers: { location: `http://127.0.0.1:1/${canary('redirect')}` },
    }),
    'qwen-raw': () => [{ raw: `data: {${canary('event-that-is-no-json')}\n\n` }],
    'qwen-event': () => [{ text: canary('text-before-error') }, { event: told('event-of-error') }],
    'qwen-reset': () => [{ text: canary('text-before-reset') }, { reset: 'tcp' }],
    'qwen-poison': () => [
      { text: `poison ${canary('refused-answer')}` },
      { until: pause(700) },
      { text: ' and so on' },
    ],
    'deepseek-chat': () => ({ status: 402, body: told('body-of-deepseek') }),
    'gemini-2.5-flash': () => ({ status: 400, body: told('body-of-google') }),
  }
}
