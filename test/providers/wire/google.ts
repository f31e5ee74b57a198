import { events, type Fixture } from './fixture.ts'

/*
 * Shapes: ai.google.dev/api/generate-content (GenerateContentResponse, UsageMetadata) and
 * ai.google.dev/gemini-api/docs/thinking. Without `alt=sse` the chunks come as one array. Errors:
 * ai.google.dev/gemini-api/docs/troubleshooting, in the form of google.rpc.Status.
 */
const chunk = (parts: object[], more: object = {}) => ({
  candidates: [{ content: { parts, role: 'model' }, index: 0, ...more }],
  usageMetadata,
  modelVersion: 'gemini-2.5-flash-001',
  responseId: 'mAitaLmkHPPlz7IPvtfUqQ4',
})
const usageMetadata = {
  promptTokenCount: 14,
  candidatesTokenCount: 6,
  totalTokenCount: 25,
  cachedContentTokenCount: 4,
  promptTokensDetails: [{ modality: 'TEXT', tokenCount: 14 }],
  cacheTokensDetails: [{ modality: 'TEXT', tokenCount: 4 }],
  thoughtsTokenCount: 5,
}
const chunks = [
  chunk([{ text: '**Salutations**\n\n', thought: true }]),
  chunk([{ text: 'Que dire ?', thought: true }]),
  chunk([{ text: 'Bonjour, ' }]),
  chunk([{ text: 'le monde 🎉 !', thoughtSignature: 'CqgBAdHtim9' }], { finishReason: 'STOP' }),
]

export const GOOGLE: Fixture = {
  streamed: events(chunks).replaceAll('\n\n', '\r\n\r\n'),
  plain: JSON.stringify(chunks, null, 2),
  reasoning: '**Salutations**\n\nQue dire ?',
  text: 'Bonjour, le monde 🎉 !',
  usage: { input_tokens: 14, output_tokens: 11, reasoning_tokens: 5, cached_tokens: 4 },
  answeredBy: 'gemini-2.5-flash-001',
  finishReason: 'stop',
  errors: [
    [400, 'INVALID_ARGUMENT', 'model_rejected_request'] as const,
    [403, 'PERMISSION_DENIED', 'model_refused_credentials'] as const,
    [404, 'NOT_FOUND', 'model_not_found'] as const,
    [429, 'RESOURCE_EXHAUSTED', 'model_overloaded'] as const,
    [500, 'INTERNAL', 'model_unavailable'] as const,
    [503, 'UNAVAILABLE', 'model_unavailable'] as const,
  ].map(([status, word, code]) => ({
    status,
    code,
    body: { error: { code: status, message: 'SECRET WORDS', status: word } },
  })),
}
