import { forgetDoomedObjects, listDoomedObjects } from '../drizzle/statements/doomed-objects.ts'
import { codeOf } from './code-of.ts'
import { log } from './log.ts'
import type { ObjectStore } from './object-store.ts'
import type { Services } from './services.ts'

const STEP = 20
/** What is more than so many steps is left to the next one who comes by. */
const STEPS = 20
const AT_ONCE = 5

/** What a request has to delete by. */
export type Doors = Pick<Services, 'postgres' | 'files'> & { requestId: string }

/**
 * Has the store let go of the objects that no row names any more, those included that were left over
 * before. Their rows go with each few of them: who is stopped halfway has come so far all the same. Does
 * not fail: what is left over is there the next time.
 */
export async function deleteDoomed({ postgres, files, requestId }: Doors): Promise<void> {
  if (!files) return
  try {
    for (let step = 0; step < STEPS; step++) {
      const rows = await postgres.run(listDoomedObjects(STEP))
      const keys = rows.map(({ object_key }) => object_key)
      for (let from = 0; from < keys.length; from += AT_ONCE) {
        const { gone, failure } = await deleteAll(files.objects, keys.slice(from, from + AT_ONCE))
        if (gone.length > 0) await postgres.run(forgetDoomedObjects(gone))
        if (failure) throw failure.reason
      }
      if (rows.length < STEP) return
    }
  } catch (error) {
    log('warn', 'doomed objects left', { code: codeOf(error), request_id: requestId })
  }
}

async function deleteAll(objects: ObjectStore, keys: string[]) {
  const ends = await Promise.allSettled(keys.map((key) => objects.delete(key)))
  const gone = keys.filter((_, i) => ends[i]!.status === 'fulfilled')
  return { gone, failure: ends.find((end) => end.status === 'rejected') }
}
