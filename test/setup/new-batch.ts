import { randomBytes } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import { familyOfModel } from '../../drizzle/contract/models.ts'
import type { NewBatch, NewFile } from '../../drizzle/statements/submit-batch.ts'

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
    requestId: 'a-request',
    idempotencyKey: `batch:${batchId}`,
    fingerprint: 'fingerprint',
    tasks: models.map((model) => ({
      id: uuidv7(),
      model,
      modelName: model,
      family: familyOfModel(model)!.family,
      slot: 0,
    })),
    named: [],
    files: [],
    limits: { openTasks: 0, queueDepth: 0 },
    ...overrides,
  }
}

/** A text file with content of its own, as the store has it. */
export function newFile(overrides: Partial<NewFile> = {}): NewFile {
  return {
    id: uuidv7(),
    name: 'file.txt',
    objectKey: `uploads/${uuidv7()}`,
    type: 'text/plain',
    bytes: 5,
    sha256: randomBytes(32).toString('hex'),
    ...overrides,
  }
}
