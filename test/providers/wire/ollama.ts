import { events, type Fixture } from './fixture.ts'

/*
 * Shapes: docs.ollama.com/api/openai-compatibility, and the structs of github.com/ollama/ollama
 * openai/openai.go: `reasoning` beside the content, no details of usage, `fp_ollama`; the usage in a last
 * chunk with empty choices. Its errors carry null for a code.
 */
const about = { id: 'chatcmpl-768', created: 1744445346, model: 'deepseek-r1:1.5b' }
const chunk = (delta: object, finish: string | null = null) => ({
  ...about,
  object: 'chat.completion.chunk',
  system_fingerprint: 'fp_ollama',
  choices: [{ index: 0, delta: { role: 'assistant', ...delta }, finish_reason: finish }],
})
const usage = { prompt_tokens: 12, completion_tokens: 8, total_tokens: 20 }

export const OLLAMA: Fixture = {
  streamed: events(
    [
      chunk({ content: '', reasoning: 'Hm, ' }),
      chunk({ content: '', reasoning: '¿qué?' }),
      chunk({ content: '¡Hola, ' }),
      chunk({ content: 'mundo! 🎉' }),
      chunk({ content: '' }, 'stop'),
      { ...chunk({}), choices: [], usage },
    ],
    'data: [DONE]\n\n',
  ),
  plain: JSON.stringify({
    ...about,
    object: 'chat.completion',
    system_fingerprint: 'fp_ollama',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: '¡Hola, mundo! 🎉', reasoning: 'Hm, ¿qué?' },
        finish_reason: 'stop',
      },
    ],
    usage,
  }),
  reasoning: 'Hm, ¿qué?',
  text: '¡Hola, mundo! 🎉',
  usage: { input_tokens: 12, output_tokens: 8, reasoning_tokens: 0, cached_tokens: 0 },
  answeredBy: 'deepseek-r1:1.5b',
  finishReason: 'stop',
  errors: [
    {
      status: 404,
      body: {
        error: {
          message: 'model "SECRET WORDS" not found, try pulling it first',
          type: 'not_found_error',
          param: null,
          code: null,
        },
      },
      code: 'model_not_found',
    },
    {
      status: 500,
      body: {
        error: {
          message: 'llama runner process has terminated: SECRET WORDS',
          type: 'api_error',
          param: null,
          code: null,
        },
      },
      code: 'model_unavailable',
    },
  ],
}
