import type { Content, Shape, Step } from './model-wire.ts'

/** Google's streamGenerateContent: ai.google.dev/api/generate-content. */
export const GOOGLE: Shape = {
  chunkOf(step, model) {
    const finish = 'finish' in step ? step.finish : undefined
    return {
      candidates: [
        {
          index: 0,
          content: { role: 'model', parts: partsOf(step) },
          ...(finish && { finishReason: finish === 'stop' ? 'STOP' : finish }),
        },
      ],
      modelVersion: model,
      // Thoughts are not among the candidates' tokens; what comes from the cache is among the prompt's.
      usageMetadata: {
        promptTokenCount: 11,
        candidatesTokenCount: 4,
        thoughtsTokenCount: 3,
        cachedContentTokenCount: 5,
        totalTokenCount: 18,
      },
    }
  },

  last: '',

  requestOf(
    body: {
      contents: { role: string; parts: { text?: string }[] }[]
      systemInstruction?: { parts: { text?: string }[] }
      generationConfig?: { temperature?: number; maxOutputTokens?: number }
    },
    model,
  ) {
    return {
      model,
      system: body.systemInstruction && textIn(body.systemInstruction.parts),
      messages: body.contents.map(({ role, parts }) => ({
        role: role === 'model' ? 'assistant' : role,
        text: textIn(parts),
      })),
      temperature: body.generationConfig?.temperature,
      maxTokens: body.generationConfig?.maxOutputTokens,
    }
  },
}

function partsOf(step: Step): object[] {
  if ('text' in step) return [{ text: step.text }]
  if ('reasoning' in step) return [{ text: step.reasoning, thought: true }]
  if (!('picture' in step)) return []
  return [{ inlineData: { mimeType: 'image/png', data: step.picture.toString('base64') } }]
}

function textIn(parts: Exclude<Content, string>): string {
  return parts.map(({ text }) => text ?? '').join('')
}
