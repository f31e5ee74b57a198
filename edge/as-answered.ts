import type { Context } from 'hono'
import type { Batch, File } from '../drizzle/contract/http-api.ts'
import type { StoredBatch, StoredFile } from '../drizzle/statements/as-json.ts'
import { withUrls } from './file-urls.ts'
import type { AppEnv } from './operation.ts'
import { pollAfterMs } from './poll-after-ms.ts'

/** A stored batch as the API answers it: with where its files are, and when to poll again. */
export async function batchAsAnswered(c: Context<AppEnv>, batch: StoredBatch): Promise<Batch> {
  const { results, ...head } = batch
  return {
    ...head,
    files: await withUrls(c, batch.files),
    poll_after_ms: pollAfterMs(results, Date.now()),
    results: await Promise.all(results.map((result) => resultAsAnswered(c, result))),
  }
}

/** A stored result, or task, as the API answers it. */
export async function resultAsAnswered<Stored extends { files: StoredFile[] }>(
  c: Context<AppEnv>,
  result: Stored,
): Promise<Omit<Stored, 'files'> & { files: File[] }> {
  return { ...result, files: await withUrls(c, result.files) }
}
