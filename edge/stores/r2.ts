import { type ObjectStore, ObjectStoreError } from '../object-store.ts'
import { putInParts } from './put-in-parts.ts'
import { withoutCopy } from './without-copy.ts'

/** What we use of the binding: https://developers.cloudflare.com/r2/api/workers/workers-api-reference/ */
export type R2Bucket = {
  put(key: string, body: Body): Promise<unknown>
  get(key: string): Promise<{ body: ReadableStream<Uint8Array> } | null>
  delete(key: string): Promise<void>
  createMultipartUpload(key: string): Promise<{
    uploadPart(number: number, body: Body): Promise<unknown>
    complete(parts: unknown[]): Promise<unknown>
    abort(): Promise<unknown>
  }>
}

type Body = ReadableStream<Uint8Array> | Uint8Array

/** A bucket of Cloudflare R2 that is bound to the gateway. */
export function openR2(bucket: R2Bucket): ObjectStore {
  return {
    async put(key, bytes) {
      await putInParts(bytes, {
        whole: (all) => ask(bucket.put(key, withoutCopy(all))),
        async begin() {
          const upload = await ask(bucket.createMultipartUpload(key))
          return {
            uploadPart: (number, part) => ask(upload.uploadPart(number, withoutCopy(part))),
            complete: (parts) => ask(upload.complete(parts)),
            abort: () => ask(upload.abort()),
          }
        },
      })
    },
    async get(key) {
      const object = await ask(bucket.get(key))
      return object?.body ?? null
    },
    delete: (key) => ask(bucket.delete(key)),
  }
}

async function ask<Answer>(answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer
  } catch {
    throw new ObjectStoreError('r2')
  }
}
