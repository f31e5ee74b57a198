/**
 * Where the bytes of files lie, under keys of ours. What a file is stands in its row: its type is
 * known only once all of it has gone by. Every verb throws ObjectStoreError where the store fails;
 * what reading `bytes` throws comes through as it is.
 */
export type ObjectStore = {
  /** Stores an object. One that is not complete is not kept. */
  put(key: string, bytes: AsyncIterable<Uint8Array>): Promise<void>
  /** Null where there is no such object. */
  get(key: string): Promise<ReadableStream<Uint8Array> | null>
  /** Does nothing where there is no such object. */
  delete(key: string): Promise<void>
}

/** A store that failed. Carries a code only: its words may quote a key or an address. */
export class ObjectStoreError extends Error {
  override name = 'ObjectStoreError'
  readonly code: string

  constructor(code: string) {
    super(`the file store failed (${code})`)
    this.code = code
  }
}
