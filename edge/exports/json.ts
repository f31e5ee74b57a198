import type { ExportFormat } from './stream.ts'

/** All that is known, in the shape of the contract's ExportedConversation. */
export const JSON_EXPORT: ExportFormat = {
  type: 'application/json',
  extension: 'json',
  async *parts({ conversationId, title }, turns) {
    const head = JSON.stringify({ conversation_id: conversationId, title })
    yield `${head.slice(0, -1)},"batches":[`
    let comma = ''
    for await (const batch of turns) {
      yield comma + JSON.stringify(batch)
      comma = ',\n'
    }
    yield ']}\n'
  },
}
