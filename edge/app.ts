import { OpenAPIHono } from '@hono/zod-openapi'
import { requestId } from 'hono/request-id'
import { afterAnswer } from './after-answer.ts'
import { ApiError, errorResponse } from './api-error.ts'
import { DbLog } from './db-log.ts'
import { log } from './log.ts'
import { DatabaseError } from './neon.ts'
import { ObjectStoreError } from './object-store.ts'
import { type AppEnv, serve } from './operation.ts'
import { cancelBatch } from './routes/cancel-batch.ts'
import { cancelTask } from './routes/cancel-task.ts'
import { chooseAnswer } from './routes/choose-answer.ts'
import { deleteConversation } from './routes/delete-conversation.ts'
import { exportConversation } from './routes/export-conversation.ts'
import { getBatch } from './routes/get-batch.ts'
import { getFile } from './routes/get-file.ts'
import { getHealth } from './routes/get-health.ts'
import { getHistory } from './routes/get-history.ts'
import { getTask } from './routes/get-task.ts'
import { listConversations } from './routes/list-conversations.ts'
import { listModels } from './routes/list-models.ts'
import { putFile } from './routes/put-file.ts'
import { recordHeartbeat } from './routes/record-heartbeat.ts'
import { renameConversation } from './routes/rename-conversation.ts'
import { retryTask } from './routes/retry-task.ts'
import { submitBatch } from './routes/submit-batch.ts'
import type { Services } from './services.ts'

/** Seconds after which a caller should try again while the database is away. */
const RETRY_AFTER_S = 5

/**
 * The gateway: every route it has, the same on every runtime. The page at `/` and the docs at
 * `/docs` are static files, which each entry serves in its runtime's own way.
 */
export function createApp(services: Services) {
  const app = new OpenAPIHono<AppEnv>()
  const dbLog = services.settings.ENABLE_DB_LOG ? new DbLog(services) : undefined

  app.use(requestId())
  app.use(async (c, next) => {
    c.set('settings', services.settings)
    c.set('postgres', services.postgres)
    c.set('redis', services.redis)
    c.set('files', services.files)
    // Until there are identities, everything belongs to one owner.
    c.set('owner', 'local')
    await next()
  })

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
  serve(app, getFile) //            GET    /v1/files/{file_id}
  serve(app, putFile) //            PUT    /v1/files/{file_id}
  serve(app, listModels) //         GET    /v1/models
  serve(app, recordHeartbeat) //    POST   /v1/nodes/heartbeat
  serve(app, getHealth) //          GET    /health
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'Async-Chat',
      version: '0.1.0',
      description: 'One prompt, several models at once; answers are polled.',
    },
  })

  app.notFound((c) =>
    errorResponse(new ApiError('not_found', 'There is no such address.'), c.var.requestId),
  )
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
  } else {
    log('error', 'unknown error', { name: error.name, request_id: requestId })
  }
  return new ApiError('internal', `Something went wrong here. Quote ${requestId} when asking.`)
}
