import { events, type Fixture } from './fixture.ts'

/*
 * Shapes: api-docs.deepseek.com/api/create-chat-completion and api-docs.deepseek.com/guides/reasoning_model.
 * Lines that keep the connection alive: api-docs.deepseek.com/quick_start/rate_limit. Errors:
 * api-docs.deepseek.com/quick_start/error_codes.
 */
const about = {
  id: '1f633d8bfc032625086f14113c411638',
  created: 1718345013,
  model: 'deepseek-reasoner',
  system_fingerprint: 'fp_a49d71b8a1',
}
const chunk = (delta: object, finish: string | null = null, more: object = {}) => ({
  ...about,
  object: 'chat.completion.chunk',
  choices: [{ index: 0, delta, finish_reason: finish, logprobs: null }],
  ...more,
})
const usage = {
  prompt_tokens: 17,
  completion_tokens: 9,
  total_tokens: 26,
  prompt_tokens_details: { cached_tokens: 6 },
  completion_tokens_details: { reasoning_tokens: 3 },
  prompt_cache_hit_tokens: 6,
  prompt_cache_miss_tokens: 11,
}
const KEEP_ALIVE = ': keep-alive\n\n'

export const DEEPSEEK: Fixture = {
  streamed:
    KEEP_ALIVE.repeat(3) +
    events([
      chunk({ role: 'assistant', content: null, reasoning_content: '' }),
      chunk({ content: null, reasoning_content: '先想' }),
      chunk({ content: null, reasoning_content: '一想。' }),
    ]) +
    KEEP_ALIVE +
    events(
      [
        chunk({ content: '您好，', reasoning_content: null }),
        chunk({ content: '世界 🎉', reasoning_content: null }),
        chunk({ content: '', reasoning_content: null }, 'stop', { usage }),
      ],
      'data: [DONE]\n\n',
    ),
  // While it is not yet begun, empty lines come.
  plain: `\n\n\n${JSON.stringify({
    ...about,
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: '您好，世界 🎉', reasoning_content: '先想一想。' },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage,
  })}`,
  reasoning: '先想一想。',
  text: '您好，世界 🎉',
  usage: { input_tokens: 17, output_tokens: 9, reasoning_tokens: 3, cached_tokens: 6 },
  answeredBy: 'deepseek-reasoner',
  finishReason: 'stop',
  errors: [
    [401, 'authentication_error', 'model_refused_credentials'] as const,
    [402, 'unknown_error', 'model_refused_credentials'] as const,
    [422, 'invalid_request_error', 'model_rejected_request'] as const,
    [503, 'service_unavailable_error', 'model_unavailable'] as const,
  ].map(([status, type, code]) => ({
    status,
    code,
    body: { error: { message: 'SECRET WORDS', type, param: null, code: 'invalid_request_error' } },
  })),
}
