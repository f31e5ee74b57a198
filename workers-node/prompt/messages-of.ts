import type { FilePart, ModelMessage, TextPart, UserContent } from 'ai'
import type { FileRef } from '../../drizzle/contract/file-ref.ts'
import type { ClaimedTask } from '../../drizzle/statements/claim-tasks-if-pending.ts'

/** A file as the AI SDK is given it. */
export type Part = TextPart | FilePart

/** What stands for an answer without words: an empty one is refused by some services. */
const NO_WORDS = '[The answer was a picture.]'
const MADE = '[From your answer above:]'

/**
 * The messages of a call: the earlier turns, oldest first, then the prompt; the files of a prompt stand
 * before it. What the model made itself stands before the next prompt, as in an answer no service but
 * Google's takes it. The same turn always gives the same messages, so that a provider's cache of
 * a prompt serves the next one too.
 */
export function messagesOf(
  { history, prompt, files }: Pick<ClaimedTask, 'history' | 'prompt' | 'files'>,
  partOf: (file: FileRef) => Part,
): ModelMessage[] {
  const asked = [...history, { prompt, files }]
  return asked.flatMap((turn, i): ModelMessage[] => {
    const made = (history[i - 1]?.made ?? []).map(partOf)
    const parts: Part[] = [
      ...(made.length > 0 ? [{ type: 'text' as const, text: MADE }] : []),
      ...made,
      ...turn.files.map(partOf),
      { type: 'text', text: turn.prompt },
    ]
    const question: ModelMessage = { role: 'user', content: contentOf(parts) }
    if (!('answer' in turn)) return [question]
    return [question, { role: 'assistant', content: turn.answer || NO_WORDS }]
  })
}

/** Mere text is sent as such: some servers take no parts. */
function contentOf(parts: Part[]): UserContent {
  const texts = parts.flatMap((part) => (part.type === 'text' ? part.text : []))
  return texts.length === parts.length ? texts.join('\n\n') : parts
}
