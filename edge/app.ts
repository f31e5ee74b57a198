import { OpenAPIHono } from '@hono/zod-openapi'
import { requestId } from 'hono/request-id'
import { afterAnswer } from './after-answer.ts'
import { ApiError, errorResponse } from './api-error.ts'
import { DbLog } from './db-log.ts'
import { demandSomebody } from './guard.ts'
import { answerHeaders, shareWith } from './headers.ts'
import { keepPrivate } from './keep-private.ts'
import { Leftovers } from './leftovers.ts'
import { log } from './log.ts'
import { DatabaseError } from './neon.ts'
import { ObjectStoreError } from './object-store.ts'
import type { AppEnv } from './operation.ts'
import { cancelBatch } from './routes/cancel-batch.ts'
import { cancelTask } from './routes/cancel-task.ts'
import { chooseAnswer } from './routes/choose-answer.ts'
import { deleteConversation } from './routes/delete-conversation.ts'
import { exportConversation } from './routes/export-conversation.ts'
import { getBatch } from './routes/get-batch.ts'
import { getDeadLetter } from './routes/get-dead-letter.ts'
import { getFile } from './routes/get-file.ts'
import { getHealth } from './routes/get-health.ts'
import { getHistory } from './routes/get-history.ts'
import { getTask } from './routes/get-task.ts'
import { listConversations } from './routes/list-conversations.ts'
import { listDeadLetters } from './routes/list-dead-letters.ts'
import { listModels } from './routes/list-models.ts'
import { listNodes } from './routes/list-nodes.ts'
import { listStreams } from './routes/list-streams.ts'
import { openSession } from './routes/open-session.ts'
import { purgeDeadLetter } from './routes/purge-dead-letter.ts'
import { purgeDeadLetters } from './routes/purge-dead-letters.ts'
import { putFile } from './routes/put-file.ts'
import { recordHeartbeat } from './routes/record-heartbeat.ts'
import { renameConversation } from './routes/rename-conversation.ts'
import { replayDeadLetter } from './routes/replay-dead-letter.ts'
import { replayDeadLetters } from './routes/replay-dead-letters.ts'
import { retryTask } from './routes/retry-task.ts'
import { submitBatch } from './routes/submit-batch.ts'
import { uploadFiles } from './routes/upload-files.ts'
import { serve, serveDocument } from './serve.ts'
import type { Services } from './services.ts'
import { Watches } from './watches.ts'

/** Seconds after which a caller should try again while the database is away. */
const RETRY_AFTER_S = 5

/**
 * The gateway: every route it has, the same on every runtime. The page at `/` and the docs at
 * `/docs` are static files, which each entry serves in its runtime's own way.
 */
export function createApp(services: Services) {
  const app = new OpenAPIHono<AppEnv>()
  const dbLog = services.settings.ENABLE_DB_LOG ? new DbLog(services) : undefined
  const leftovers = new Leftovers()

  app.use(requestId())
  app.use(answerHeaders())
  app.use(async (c, next) => {
    c.set('settings', services.settings)
    c.set('postgres', services.postgres)
    c.set('redis', services.redis)
    c.set('files', services.files)
    c.set('identities', services.identities)
    c.set('limiter', services.limiter)
    c.set('addressOf', services.addressOf)
    c.set('leftovers', leftovers)
    c.set('watches', services.watches ?? new Watches({ alone: true }))
    await next()
  })
  if (services.settings.CORS_ORIGINS.length > 0) {
    app.use('/v1/*', shareWith(services.settings.CORS_ORIGINS))
  }
  app.use('/v1/*', keepPrivate)

  serve(app, openSession) //        POST   /v1/session
  serve(app, submitBatch) //        POST   /v1/chat/completions
  serve(app, getBatch) //           GET    /v1/batches/{batch_id}
  serve(app, cancelBatch) //        POST   /v1/batches/{batch_id}/cancel
  serve(app, chooseAnswer) //       POST   /v1/batches/{batch_id}/choose
  serve(app, getTask) //            GET    /v1/tasks/{task_id}
  serve(app, cancelTask) //         POST   /v1/tasks/{task_id}/cancel
  serve(app, retryTask) //          POST   /v1/tasks/{task_id}/retry
  serve(app, listConversations) //  GET    /v1/conversations
  serve(app, renameConversation) // PATCH  /v1/conversations/{conversation_id}
  serve(app, deleteConversation) // DELETE /v1/conversations/{conversation_id}
  serve(app, getHistory) //         GET    /v1/conversations/{conversation_id}/history
  serve(app, exportConversation) // GET    /v1/conversations/{conversation_id}/export
  serve(app, uploadFiles) //        POST   /v1/files
  serve(app, getFile) //            GET    /v1/files/{file_id}
  serve(app, putFile) //            PUT    /v1/files/{file_id}
  serve(app, listModels) //         GET    /v1/models
  serve(app, recordHeartbeat) //    POST   /v1/nodes/heartbeat
  serve(app, getHealth) //          GET    /health

  // For operators.
  serve(app, listDeadLetters) //    GET    /v1/dead-letters
  serve(app, purgeDeadLetters) //   DELETE /v1/dead-letters
  serve(app, replayDeadLetters) //  POST   /v1/dead-letters/replay
  serve(app, getDeadLetter) //      GET    /v1/dead-letters/{dead_letter_id}
  serve(app, purgeDeadLetter) //    DELETE /v1/dead-letters/{dead_letter_id}
  serve(app, replayDeadLetter) //   POST   /v1/dead-letters/{dead_letter_id}/replay
  serve(app, listNodes) //          GET    /v1/nodes
  serve(app, listStreams) //        GET    /v1/streams
  serveDocument(app, '/openapi.json')

  app.notFound(async (c) => {
    if (c.req.path.startsWith('/v1/')) await demandSomebody(c)
    throw new ApiError('not_found', 'There is no such address.')
  })
  app.onError((error, c) => {
    const { requestId } = c.var
    const answer = asApiError(error, requestId)
    if (answer.code === 'internal' && dbLog) afterAnswer(c, dbLog.save(error, requestId))
    return errorResponse(answer, requestId)
  })
  return app
}

/** Says nothing of the inside of an unknown error; the log has its name and the request's id. */
function asApiError(error: Error, requestId: string): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof ObjectStoreError) {
    log('error', 'file store failed', { code: error.code, request_id: requestId })
    const message = 'The file store is away at the moment. Try again in a few seconds.'
    return new ApiError('unavailable', message, null, RETRY_AFTER_S)
  }
  if (error instanceof DatabaseError) {
    log('error', 'database failed', { code: error.code, request_id: requestId })
    if (error.unavailable) {
      const message = 'The database is away at the moment. Try again in a few seconds.'
      return new ApiError('unavailable', message, null, RETRY_AFTER_S)
    }
    if (error.crossed) {
      const message = 'Others change the same at this moment. Try again in a few seconds.'
      return new ApiError('unavailable', message, null, RETRY_AFTER_S)
    }
  } else {
    log('error', 'unknown error', { name: error.name, request_id: requestId })
  }
  return new ApiError('internal', `Something went wrong here. Quote ${requestId} when asking.`)
}
