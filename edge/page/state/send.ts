import type { SubmitAnswer } from '../../../drizzle/contract/http-api.ts'
import { type Question, submit } from '../client/api.ts'
import { ApiError } from '../client/api-error.ts'
import { sayProblem } from '../words/problem.ts'
import { type Attachment, attachments, attachStored, drop, untilUploaded } from './attachments.ts'
import { refreshList } from './conversations.ts'
import { draft, draftProblem, focusPrompt, sending } from './draft.ts'
import { forgetKey, keyOf } from './idempotency.ts'
import { chooseOnly, chosen, doubled, mode, models } from './models.ts'
import { replaceAddress } from './route.ts'
import { addTurn, openId } from './thread.ts'
import { freshBatch, type Turn } from './turn.ts'

/** Sends the draft to the chosen models. What goes wrong is said, and the draft is kept. */
export async function send(): Promise<void> {
  if (sending.value !== 'no' || draft.value.trim() === '') return
  draftProblem.value = null
  if (chosen.value.length === 0) {
    const isLoading = models.value.length === 0
    draftProblem.value = (words) => (isLoading ? words.modelsNotLoaded : words.chooseModel)
    return
  }
  const unable = chosen.value.filter(({ makes }) => !makes.includes(mode.value))
  if (unable.length > 0) {
    const names = unable.map(({ id }) => id).join(', ')
    draftProblem.value = (words) => words.makesNoPicture(names)
    return
  }
  // Who opens another conversation while files are uploaded has sent it to this one.
  const conversationId = openId.value
  sending.value = 'uploading'
  try {
    await untilUploaded()
    await sendTo(conversationId, attachments.value)
  } catch (error) {
    draftProblem.value = sayProblem(error)
  } finally {
    sending.value = 'no'
  }
}

async function sendTo(conversationId: string | null, files: readonly Attachment[]): Promise<void> {
  const stored = files.flatMap(({ state }) =>
    state.value.kind === 'stored' ? [state.value.file] : [],
  )
  if (stored.length < files.length) {
    draftProblem.value = (words) => words.filesFailed
    return
  }
  sending.value = 'sending'
  const prompt = draft.value
  const wanted = mode.value
  const accepted = await submitOnce({
    prompt,
    model: chosen.value.map(({ id }) => id).join(','),
    conversation_id: conversationId ?? undefined,
    gemini_concurrency: doubled.value ? 2 : 1,
    mode: wanted,
    file_ids: stored.map(({ file_id }) => file_id),
  })
  drop(files)
  // What has been typed since belongs to the next prompt.
  draft.value = draft.value.startsWith(prompt) ? draft.value.slice(prompt.length) : draft.value
  if (openId.value === conversationId) {
    replaceAddress(accepted.conversation_id)
    addTurn(accepted.conversation_id, accepted.batch_id, freshBatch(prompt, wanted, stored))
  }
  void refreshList()
}

async function submitOnce(question: Question): Promise<SubmitAnswer> {
  try {
    const accepted = await submit(question, await keyOf(question))
    forgetKey()
    return accepted
  } catch (error) {
    // An answer that will not pass says that nothing was begun.
    if (error instanceof ApiError && !error.passing) forgetKey()
    throw error
  }
}

/** Takes a prompt up again: its words, files and models, to be changed and sent. */
export function editAgain({ batch }: Turn): void {
  const { user_prompt, files, results, mode: asked } = batch.value
  draft.value = user_prompt
  draftProblem.value = null
  attachStored(files)
  const ids = [...new Set(results.map(({ model }) => model))]
  chooseOnly(ids, { twice: results.some(({ slot }) => slot > 0), mode: asked })
  focusPrompt()
}
