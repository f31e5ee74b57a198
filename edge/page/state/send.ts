import type { SubmitAnswer } from '../../../drizzle/contract/http-api.ts'
import type { Mode } from '../../../drizzle/contract/models.ts'
import { type Question, submit } from '../client/api.ts'
import { ApiError } from '../client/api-error.ts'
import { sayProblem } from '../words/problem.ts'
import type { Say } from '../words/words.ts'
import { type Attachment, attachments, drop, markGone, untilUploaded } from './attachments.ts'
import { refreshList } from './conversations.ts'
import { draft, draftProblem, sending } from './draft.ts'
import { freshBatch, freshResults } from './fresh-batch.ts'
import { forgetKey, keyOf } from './idempotency.ts'
import { chosen, doubled, type Model, mode, models, modelsProblem } from './models.ts'
import { replaceAddress } from './route.ts'
import { addTurn, openId } from './thread.ts'

/** Sends the draft to the chosen models. What goes wrong is said, and the draft is kept. */
export async function send(): Promise<void> {
  if (sending.value !== 'no' || draft.value.trim() === '') return
  draftProblem.value = whyNot()
  if (draftProblem.value) return
  // What is changed while files are uploaded belongs to the next prompt.
  const asked: Asked = {
    prompt: draft.value,
    models: chosen.value,
    twice: doubled.value,
    mode: mode.value,
    files: attachments.value,
    conversationId: openId.value,
  }
  sending.value = 'uploading'
  try {
    await untilUploaded()
    await sendNow(asked)
  } catch (error) {
    draftProblem.value = whyNotSent(error)
  } finally {
    sending.value = 'no'
  }
}

type Asked = {
  prompt: string
  models: readonly Model[]
  twice: boolean
  mode: Mode
  files: readonly Attachment[]
  conversationId: string | null
}

/** Why nothing can be sent as it is; null where it can. */
function whyNot(): Say | null {
  if (modelsProblem.value) return modelsProblem.value
  if (models.value.length === 0) return (words) => words.modelsNotLoaded
  if (chosen.value.length === 0) return (words) => words.chooseModel
  const unable = chosen.value.filter(({ makes }) => !makes.includes(mode.value))
  if (unable.length === 0) return null
  const names = unable.map(({ id }) => id).join(', ')
  return (words) => words.makesNoPicture(names)
}

function whyNotSent(error: unknown): Say {
  if (markGone(error)) return (words) => words.filesFailed
  return sayProblem(error, ({ problems }) => problems.notSent)
}

async function sendNow({ prompt, models, twice, mode, files, conversationId }: Asked) {
  const kept = files.filter((one) => attachments.value.includes(one))
  const stored = kept.flatMap(({ state }) =>
    state.value.kind === 'stored' ? [state.value.file] : [],
  )
  if (stored.length < kept.length) {
    draftProblem.value = (words) => words.filesFailed
    return
  }
  sending.value = 'sending'
  const accepted = await submitOnce({
    prompt,
    model: models.map(({ id }) => id).join(','),
    conversation_id: conversationId ?? undefined,
    gemini_concurrency: twice ? 2 : 1,
    mode,
    file_ids: stored.map(({ file_id }) => file_id),
  })
  drop(kept)
  // What has been typed since belongs to the next prompt.
  draft.value = draft.value.startsWith(prompt) ? draft.value.slice(prompt.length) : draft.value
  if (openId.value === conversationId) {
    replaceAddress(accepted.conversation_id)
    const results = freshResults(accepted.task_ids, models, twice)
    const batch = freshBatch({ prompt, mode, files: stored, results })
    addTurn(accepted.conversation_id, accepted.batch_id, batch)
  }
  void refreshList()
}

async function submitOnce(question: Question): Promise<SubmitAnswer> {
  const key = await keyOf(question)
  try {
    const accepted = await submit(question, key)
    forgetKey(key)
    return accepted
  } catch (error) {
    // An answer that will not pass says that nothing was begun.
    if (error instanceof ApiError && !error.passing) forgetKey(key)
    throw error
  }
}
