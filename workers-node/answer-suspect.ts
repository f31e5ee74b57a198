import type { ClaimedTask } from '../drizzle/statements/claim-tasks-if-pending.ts'
import { callModel } from './call-model.ts'
import { NO_FILE_HANDLES } from './file-handles.ts'
import { openFiles } from './files-door.ts'
import { about, codeOf, log, placeOf } from './log.ts'
import { ModelError } from './model-error.ts'
import { openModels } from './models.ts'
import { readWorkerSettings } from './settings.ts'
import type { SuspectMessage } from './suspect-message.ts'

// The AI SDK prints warnings of its own accord; what we log we choose ourselves.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false })

/** Calls the model of a task by the settings of the environment, and tells what comes of it. */
export async function* answer(task: ClaimedTask): AsyncGenerator<SuspectMessage> {
  try {
    const settings = readWorkerSettings(process.env)
    log.level = settings.LOG_LEVEL
    const composing = {
      files: openFiles(settings),
      handles: NO_FILE_HANDLES,
      // The parent ends this process where the call is no longer wanted.
      signal: new AbortController().signal,
    }
    for await (const part of callModel(openModels(settings).modelFor(task), task, composing)) {
      yield { type: 'part', part }
    }
    yield { type: 'end' }
  } catch (error) {
    if (error instanceof ModelError) {
      const { code, retryable, retryAfterMs, node } = error
      yield { type: 'model-error', fault: { code, retryable, retryAfterMs, node } }
      return
    }
    const code = codeOf(error)
    log.error({ ...about(task), code, at: placeOf(error) }, 'call of a suspect failed')
    yield { type: 'failed', code }
  }
}
