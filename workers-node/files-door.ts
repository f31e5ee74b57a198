import { createHash } from 'node:crypto'
import { Agent, fetch, type Response } from 'undici'
import { v7 as uuidv7 } from 'uuid'
import { z } from 'zod'
import type { FileRef } from '../drizzle/contract/file-ref.ts'
import { type FileGrant, signFileUrl } from '../drizzle/contract/file-url.ts'
import { Backoff } from './backoff.ts'
import { ByteBudget } from './byte-budget.ts'
import { codeOf, log } from './log.ts'
import { ModelError } from './model-error.ts'

/** How long a signed URL serves, in seconds: long enough for a clock that is ten minutes off, and more. */
const URL_SERVES_S = 3_600
/** How long one file may take, in ms. */
const FILE_MS = 60_000
/** A picture that was made is not given up at the first fault: it would have to be made again. */
const STORE_TRIES = 4
const STORE_AGAIN_AFTER_MS = { first: 200, most: 2_000 }

const storedFile = z.object({ file_id: z.uuid() })

/** How many bytes of files all calls of a process hold at the same time. */
const HELD_BYTES = 256 * 1024 * 1024

/** The way to the gateway's files. */
export type FilesDoor = {
  /** The room for what is fetched, for as long as it is held. */
  room: ByteBudget
  /** The bytes of an owner's file. Throws ModelError `file_unavailable`, or the signal's reason. */
  fetch(file: FileRef, owner: string, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>>
  /** Stores a file for an owner; resolves to its id. Throws ModelError `picture_lost`, or as above. */
  store(
    file: { type: string; bytes: Uint8Array },
    owner: string,
    signal: AbortSignal,
  ): Promise<string>
  close(): Promise<void>
}

export type FilesSettings = {
  GATEWAY_URL?: string | undefined
  FILE_URL_SECRET?: string | undefined
}

/** Opens the way to the files; without both settings there is none, and every file is unavailable. */
export function openFiles({ GATEWAY_URL, FILE_URL_SECRET }: FilesSettings): FilesDoor {
  if (!GATEWAY_URL || !FILE_URL_SECRET) return NO_FILES
  const dispatcher = new Agent({ connections: 16, connect: { timeout: 10_000 } })
  const urlFor = async (grant: Omit<FileGrant, 'expiresAt'>) => {
    const expiresAt = Math.floor(Date.now() / 1000) + URL_SERVES_S
    return new URL(await signFileUrl(FILE_URL_SECRET, { ...grant, expiresAt }), GATEWAY_URL)
  }
  return {
    room: new ByteBudget(HELD_BYTES),
    async fetch(file, owner, signal) {
      const url = await urlFor({ method: 'GET', fileId: file.file_id, owner })
      return inTime('file_unavailable', signal, async (within) => {
        const response = await fetch(url, { dispatcher, signal: within, redirect: 'error' })
        if (!response.ok) throw await refused('file_unavailable', response)
        const bytes = await bytesOf(response.body, file.bytes)
        if (createHash('sha256').update(bytes).digest('hex') !== file.sha256) throw NOT_THE_FILE
        return bytes
      })
    },
    async store({ type, bytes }, owner, signal) {
      const url = await urlFor({ method: 'PUT', fileId: uuidv7(), owner })
      const put = () =>
        inTime('picture_lost', signal, async (within) => {
          const headers = { 'content-type': type }
          const init = { method: 'PUT', body: bytes, headers, dispatcher, signal: within }
          const response = await fetch(url, { ...init, redirect: 'error' })
          if (!response.ok) throw await refused('picture_lost', response)
          return storedFile.parse(await response.json()).file_id
        })
      const backoff = new Backoff(STORE_AGAIN_AFTER_MS)
      for (let tries = 1; ; tries++) {
        try {
          return await put()
        } catch (error) {
          const again = error instanceof ModelError && error.retryable && tries < STORE_TRIES
          if (!again) throw error
          await backoff.pause()
        }
      }
    },
    close: () => dispatcher.destroy(),
  }
}

const NO_FILES: FilesDoor = {
  room: new ByteBudget(HELD_BYTES),
  fetch: () => Promise.reject(unavailable('file_unavailable', false)),
  store: () => Promise.reject(unavailable('picture_lost', false)),
  close: () => Promise.resolve(),
}

type Code = 'file_unavailable' | 'picture_lost'

/** Neither says anything of the node, which was not asked or has done its part. */
function unavailable(code: Code, retryable: boolean): ModelError {
  return new ModelError({ code, retryable, node: 'unasked' })
}

async function refused(code: Code, { status, body }: Response): Promise<ModelError> {
  // An unread answer would keep its connection.
  await body?.cancel()
  return unavailable(code, status === 408 || status === 429 || status >= 500)
}

const NOT_THE_FILE = new Error('the bytes are not those of the file')

/** Does something with a file in time. What goes wrong on the way is worth another try. */
async function inTime<Result>(
  code: Code,
  signal: AbortSignal,
  work: (within: AbortSignal) => Promise<Result>,
): Promise<Result> {
  try {
    return await work(AbortSignal.any([signal, AbortSignal.timeout(FILE_MS)]))
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (error instanceof ModelError) throw error
    log.warn({ code, cause: codeOf(error) }, 'a file could not be moved')
    throw unavailable(code, true)
  }
}

/** A body of exactly this many bytes; no more of it is read. */
async function bytesOf(
  body: AsyncIterable<Uint8Array> | null,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length)
  let read = 0
  for await (const chunk of body ?? []) {
    if (read + chunk.length > length) throw NOT_THE_FILE
    bytes.set(chunk, read)
    read += chunk.length
  }
  if (read < length) throw NOT_THE_FILE
  return bytes
}
