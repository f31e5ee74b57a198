import type { AllowedHost } from '../drizzle/contract/host-list.ts'
import type { Usage } from '../drizzle/contract/http-api.ts'
import type { ModelFamily } from '../drizzle/contract/models.ts'
import type { ClaimedTask } from '../drizzle/statements/claim-tasks-if-pending.ts'
import type { MadeFile } from '../drizzle/statements/finish-tasks-if-held.ts'
import { type CallTimeouts, CallTimers } from './call-timers.ts'
import { brokeOff, type ModelError, modelErrorOf } from './model-error.ts'
import { type Composing, composePrompt, type Prompt } from './prompt/compose-prompt.ts'
import type { Service } from './providers/provider.ts'
import { type Picture, type StreamEnd, streamAnswer } from './stream-answer.ts'
import { verdictOn } from './verdict.ts'

export type { CallTimeouts }

/** The model that a task asks for. `pictureHosts`: where else than at the service its pictures may be. */
export type CalledModel = {
  service: Service
  row: ModelFamily
  timeouts: CallTimeouts
  pictureHosts: readonly AllowedHost[]
}

export type AnswerPart =
  | { type: 'text' | 'reasoning'; text: string }
  /** A picture, stored. */
  | { type: 'file'; file: MadeFile }
  | { type: 'end'; finishReason: string; usage: Usage; answeredBy: string }

/**
 * Streams one answer: no part is empty, `end` comes last. Throws ModelError for what the service did
 * wrong, after the parts that came all the same: also where the answer is complete and no good, as
 * empty, cut off or withheld. Throws the signal's own reason when it was aborted.
 */
export async function* callModel(
  called: CalledModel,
  task: ClaimedTask,
  composing: Composing,
): AsyncGenerator<AnswerPart> {
  const { service, row, timeouts } = called
  const timers = new CallTimers(timeouts)
  const signal = AbortSignal.any([composing.signal, timers.signal])
  try {
    for (let afresh = false; ; afresh = true) {
      const within = { ...composing, signal, timers }
      const prompt = await composePrompt(task, service, row.accepts, within, afresh)
      try {
        yield* answerTo(prompt, called, task, composing, timers)
        return
      } catch (error) {
        const forgotten = prompt.remembers && service.uploads?.isGone(error)
        if (!forgotten) throw error
      } finally {
        prompt.letGo()
      }
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : modelErrorOf(error)
  } finally {
    timers.clear()
  }
}

async function* answerTo(
  { messages }: Prompt,
  { service, row, pictureHosts }: CalledModel,
  task: ClaimedTask,
  { files, signal }: Composing,
  timers: CallTimers,
): AsyncGenerator<AnswerPart> {
  const { mode } = task
  const model = service.model(task.model, { mode, reasoning: row.reasoning })
  const { home } = service
  const pictures: Picture[] = []
  let text = ''
  let end: StreamEnd | undefined
  for await (const part of streamAnswer({
    model,
    messages,
    task,
    home,
    pictureHosts,
    signal,
    timers,
  })) {
    if (part.type === 'picture') pictures.push(part.picture)
    else if (part.type === 'end') end = part
    else {
      if (part.type === 'text') text += part.text
      yield part
    }
  }
  // What is kept of it takes its own time.
  timers.clear()
  const said = { text, mode, hasPicture: pictures.length > 0, limited: task.max_tokens !== null }
  const verdict: ModelError | undefined = end ? verdictOn(end, said, row) : brokeOff()
  for (const [i, picture] of verdict ? [] : pictures.entries()) {
    const fileId = await files.store(picture, task.owner, signal)
    const name = `picture-${i + 1}.${picture.type.replace('image/', '')}`
    yield { type: 'file', file: { fileId, name } }
  }
  if (end) {
    const { finishReason, usage, answeredBy } = end
    yield { type: 'end', finishReason, usage, answeredBy }
  }
  if (verdict) throw verdict
}
