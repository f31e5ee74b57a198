import type { Batch } from '../drizzle/contract/http-api.ts'
import { familyOfModel } from '../drizzle/contract/models.ts'
import { TaskStatus } from '../drizzle/contract/task-status.ts'
import type { StoredBatch } from '../drizzle/statements/as-json.ts'
import { withUrls } from './with-urls.ts'

/** Adds the URLs of files, and when to poll again: as soon as the quickest of the open models suggests; null at the end. */
export function withPollHint(batch: StoredBatch): Batch {
  const waits = batch.results
    .filter(({ status }) => status === TaskStatus.PENDING || status === TaskStatus.PROCESSING)
    .map(({ model }) => familyOfModel(model)?.pollAfterMs ?? 1000)
  const { results, ...head } = withUrls(batch)
  return {
    ...head,
    poll_after_ms: waits.length > 0 ? Math.min(...waits) : null,
    results: results.map(withUrls),
  }
}
