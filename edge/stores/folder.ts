import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ReadableStream } from 'node:stream/web'
import { type ObjectStore, ObjectStoreError } from '../object-store.ts'

/** A folder of this machine, for the Node gateway. A key is a path below it. */
export function openFolder(folder: string): ObjectStore {
  return {
    async put(key, bytes) {
      const path = join(folder, key)
      // Renamed into place: nobody ever finds half an object.
      const draft = `${path}.part`
      await ask(mkdir(dirname(path), { recursive: true }))
      const file = await ask(open(draft, 'wx', 0o600))
      try {
        for await (const chunk of bytes) await ask(file.writeFile(chunk))
        await ask(file.close())
        await ask(rename(draft, path))
      } catch (error) {
        await file.close().catch(() => {})
        await rm(draft, { force: true })
        throw error
      }
    },
    async get(key) {
      const path = join(folder, key)
      const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null
        throw new ObjectStoreError(error.code ?? 'folder')
      })
      if (!found) return null
      // Node's own type for the same class.
      return ReadableStream.from(
        contentOf(path),
      ) as unknown as globalThis.ReadableStream<Uint8Array>
    },
    async delete(key) {
      await ask(rm(join(folder, key), { force: true }))
    },
  }
}

/** Opens the file only once somebody reads. */
async function* contentOf(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path)
}

async function ask<Answer>(answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer
  } catch (error) {
    throw new ObjectStoreError((error as NodeJS.ErrnoException).code ?? 'folder')
  }
}
