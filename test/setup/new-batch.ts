import { v7 as uuidv7 } from 'uuid'
import { familyOfModel } from '../../drizzle/contract/models.ts'
import type { NewBatch } from '../../drizzle/statements/submit-batch.ts'

export const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

/** A batch for these models, ready to be submitted; a new conversation unless one is given. */
export function newBatch(models: string[], overrides: Partial<NewBatch> = {}): NewBatch {
  const batchId = uuidv7()
  return {
    owner: 'local',
    batchId,
    conversationId: uuidv7(),
    conversationIsNew: overrides.conversationId === undefined,
    title: 'A title',
    prompt: 'A prompt',
    mode: 'text',
    system: null,
    temperature: null,
    maxTokens: null,
    traceparent: TRACEPARENT,
    idempotencyKey: `batch:${batchId}`,
    fingerprint: 'fingerprint',
    tasks: models.map((model) => ({
      id: uuidv7(),
      model,
      modelName: model,
      family: familyOfModel(model)!.family,
      slot: 0,
    })),
    ...overrides,
  }
}
