import { v7 as uuidv7 } from 'uuid'
import type { NewFile } from '../drizzle/statements/submit-batch.ts'
import { codeOf } from './code-of.ts'
import { Inspection } from './inspect-file.ts'
import { log } from './log.ts'
import { DatabaseError } from './neon.ts'
import type { ObjectStore } from './object-store.ts'

/** The objects that one request has stored, until it is known whether a row names them. */
export class Uploads {
  readonly files: NewFile[] = []
  private readonly store: ObjectStore
  private readonly keys: string[] = []

  constructor(store: ObjectStore) {
    this.store = store
  }

  /** Stores a file while finding out what it is. What `chunks` throws comes through. */
  async add(name: string, chunks: AsyncIterable<Uint8Array>, id = uuidv7()): Promise<NewFile> {
    const objectKey = `uploads/${uuidv7()}`
    const inspection = new Inspection()
    // Noted first: a store may have what it did not acknowledge.
    this.keys.push(objectKey)
    await this.store.put(objectKey, inspection.watch(chunks))
    const file = { id, name, objectKey, ...inspection.result() }
    this.files.push(file)
    return file
  }

  /**
   * Deletes what was stored for a request that has failed. Where nobody knows whether its rows were
   * stored, they may need the objects. Nor does a database know it that is away for this try: a runtime
   * may have sent the statement twice by itself.
   */
  async discardAfter(error: unknown, requestId: string): Promise<void> {
    if (!(error instanceof DatabaseError && error.unavailable)) await this.discard(requestId)
  }

  /** Deletes what no row names; by default all. Does not fail: what is left over costs room only. */
  async discard(requestId: string, keys = this.keys): Promise<void> {
    for (const key of keys) {
      try {
        await this.store.delete(key)
      } catch (error) {
        const code = codeOf(error)
        log('warn', 'object not deleted', { code, key, request_id: requestId })
      }
    }
  }
}
