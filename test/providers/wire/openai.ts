import { events, type Fixture } from './fixture.ts'

/*
 * Shapes: platform.openai.com/docs/api-reference/chat/object and …/chat-streaming/streaming; usage comes
 * in a last chunk without choices, as `stream_options.include_usage` asks. Errors:
 * platform.openai.com/docs/guides/error-codes. `reasoning_content` is vLLM's, which OpenAI lacks:
 * docs.vllm.ai/en/latest/features/reasoning_outputs.html.
 */
const about = { id: 'chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT', created: 1741569952 }
const chunk = (delta: object, finish: string | null = null) => ({
  ...about,
  object: 'chat.completion.chunk',
  model: 'qwen3-8b',
  service_tier: 'default',
  system_fingerprint: 'fp_44709d6fcb',
  choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  usage: null,
})
const usage = {
  prompt_tokens: 19,
  completion_tokens: 10,
  total_tokens: 29,
  prompt_tokens_details: { cached_tokens: 8, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: 4,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
  },
}

export const OPENAI: Fixture = {
  streamed: events(
    [
      chunk({ role: 'assistant', content: '', refusal: null }),
      chunk({ reasoning_content: 'Wie grüßt ' }),
      chunk({ reasoning_content: 'man? 🤔' }),
      chunk({ content: 'Grüße, ' }),
      chunk({ content: '世界 🎉.' }),
      chunk({}, 'stop'),
      { ...chunk({}), choices: [], usage },
    ],
    'data: [DONE]\n\n',
  ),
  plain: JSON.stringify(
    {
      ...about,
      object: 'chat.completion',
      model: 'qwen3-8b',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: 'Grüße, 世界 🎉.',
            reasoning_content: 'Wie grüßt man? 🤔',
            refusal: null,
            annotations: [],
          },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage,
      service_tier: 'default',
    },
    null,
    2,
  ),
  reasoning: 'Wie grüßt man? 🤔',
  text: 'Grüße, 世界 🎉.',
  usage: { input_tokens: 19, output_tokens: 10, reasoning_tokens: 4, cached_tokens: 8 },
  answeredBy: 'qwen3-8b',
  finishReason: 'stop',
  errors: [
    {
      status: 401,
      body: {
        error: {
          message: 'Incorrect API key provided: SECRET WORDS.',
          type: 'invalid_request_error',
          param: null,
          code: 'invalid_api_key',
        },
      },
      code: 'model_refused_credentials',
    },
    {
      status: 404,
      body: {
        error: {
          message: 'The model `SECRET WORDS` does not exist or you do not have access to it.',
          type: 'invalid_request_error',
          param: null,
          code: 'model_not_found',
        },
      },
      code: 'model_not_found',
    },
    {
      status: 429,
      body: {
        error: {
          message: 'You exceeded your current quota. SECRET WORDS',
          type: 'insufficient_quota',
          param: null,
          code: 'insufficient_quota',
        },
      },
      code: 'model_overloaded',
    },
  ],
}
