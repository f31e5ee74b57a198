import { findDoomedObjects } from '../drizzle/statements/find-doomed-objects.ts'
import { forgetDoomedObjects } from '../drizzle/statements/forget-doomed-objects.ts'
import { log } from './log.ts'
import { DatabaseError } from './neon.ts'
import { ObjectStoreError } from './object-store.ts'
import type { Services } from './services.ts'

/** How many objects one request deletes at most. */
const STEP = 20

/**
 * Deletes objects that no row names any more, the oldest first, and then their rows: what is not done this time
 * is done the next. Does not fail.
 */
export async function letGoOfObjects(
  { postgres, files }: Pick<Services, 'postgres' | 'files'>,
  requestId: string,
): Promise<void> {
  if (!files) return
  try {
    const doomed = await postgres.run(findDoomedObjects(STEP))
    const keys = doomed.map(({ object_key }) => object_key)
    if (keys.length === 0) return
    for (const key of keys) await files.objects.delete(key)
    await postgres.run(forgetDoomedObjects(keys))
  } catch (error) {
    const known = error instanceof ObjectStoreError || error instanceof DatabaseError
    log('warn', 'objects not let go', {
      code: known ? error.code : 'internal',
      request_id: requestId,
    })
  }
}
