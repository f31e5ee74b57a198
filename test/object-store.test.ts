import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ObjectStore, ObjectStoreError } from '../edge/object-store.ts'
import { openFolder } from '../edge/stores/folder.ts'
import { openR2 } from '../edge/stores/r2.ts'
import { openS3 } from '../edge/stores/s3.ts'
import { bucketOf, keysInFolder, keysInR2, keysInS3, type ObjectKeys } from './setup/object-keys.ts'
import { startS3Server } from './setup/s3-server.ts'

const MiB = 1024 * 1024
/** Where nothing listens. */
const NOBODY = {
  endpoint: 'http://127.0.0.1:1',
  bucket: 'files',
  accessKeyId: 'key',
  secretAccessKey: 'secret',
  region: 'us-east-1',
}

type Opened = {
  store: ObjectStore
  keys: ObjectKeys
  close(): Promise<void>
}

const STORES: Record<string, () => Promise<Opened>> = {
  async 'an R2 binding'() {
    const miniflare = new Miniflare(
      convertV4MiniflareOptions({ modules: true, script: '', r2Buckets: ['FILES'] }),
    )
    return {
      store: openR2(await bucketOf(miniflare)),
      keys: keysInR2(miniflare),
      close: () => miniflare.dispose(),
    }
  },
  async S3() {
    const server = await startS3Server()
    return {
      store: openS3(server),
      keys: keysInS3(server),
      close: () => server.close(),
    }
  },
  async 'a folder'() {
    const folder = await mkdtemp(join(tmpdir(), 'async-chat-folder-'))
    return {
      store: openFolder(folder),
      keys: keysInFolder(folder),
      close: () => rm(folder, { recursive: true, force: true }),
    }
  },
}

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size)
}

async function hashOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of stream) hash.update(chunk)
  return hash.digest('hex')
}

describe.each(Object.keys(STORES))('%s', (name) => {
  let opened: Opened
  beforeAll(async () => {
    opened = await STORES[name]!()
  })
  afterAll(() => opened?.close())

  test.each([
    ['nothing', 0, 1],
    ['a byte', 1, 1],
    ['less than a part', MiB, 65_536],
    ['one byte less than a part', 5 * MiB - 1, 4096],
    ['just one part', 5 * MiB, 70_000],
    ['one byte more than a part', 5 * MiB + 1, 1_000_000],
    ['a chunk of several parts', 17 * MiB, 17 * MiB],
    ['20 MB in small chunks', 20_000_000, 4096],
  ])('gives back %s as it was put', async (what, size, chunkSize) => {
    const bytes = randomBytes(size)
    const key = `uploads/${what.replaceAll(' ', '-')}`
    await opened.store.put(key, inChunks(bytes, chunkSize))
    const object = await opened.store.get(key)
    expect(await hashOf(object!)).toBe(createHash('sha256').update(bytes).digest('hex'))
    await opened.store.delete(key)
    expect(await opened.store.get(key)).toBeNull()
  })

  test('knows nothing of what was never put, and deletes it without a word', async () => {
    expect(await opened.store.get('uploads/never')).toBeNull()
    await opened.store.delete('uploads/never')
  })

  test('lets go of an object whose reader has gone', async () => {
    await opened.store.put('uploads/left', inChunks(randomBytes(2 * MiB), 65_536))
    const object = await opened.store.get('uploads/left')
    const reader = object!.getReader()
    await reader.read()
    await reader.cancel()
    await opened.store.delete('uploads/left')
    expect(await opened.store.get('uploads/left')).toBeNull()
  })

  test.each([MiB, 12 * MiB])('keeps nothing where the bytes break off after %i', async (size) => {
    const broken = new Error('the client hung up')
    async function* breakingOff() {
      yield* inChunks(randomBytes(size), 65_536)
      throw broken
    }
    await expect(opened.store.put('uploads/broken', breakingOff())).rejects.toBe(broken)
    expect(await opened.store.get('uploads/broken')).toBeNull()
    expect(await opened.keys()).toEqual([])
  })
})

describe('a store that fails', () => {
  test('S3 with a wrong secret is refused, which tells nothing of the request', async () => {
    const server = await startS3Server()
    const store = openS3({ ...server, secretAccessKey: 'wrong' })
    const put = store.put('uploads/a', inChunks(randomBytes(9), 9))
    await expect(put).rejects.toEqual(new ObjectStoreError('403'))
    await expect(store.get('uploads/a')).rejects.toEqual(new ObjectStoreError('403'))
    await server.close()
  })

  test('S3 without its bucket says 404 on a put', async () => {
    const server = await startS3Server()
    const store = openS3({ ...server, bucket: 'elsewhere' })
    const put = store.put('uploads/a', inChunks(randomBytes(9), 9))
    await expect(put).rejects.toEqual(new ObjectStoreError('404'))
    await server.close()
  })

  test('S3 that cannot just now is asked again, and given up in the end', async () => {
    let failures = 2
    const flaky = createServer((request, response) => {
      request.resume().on('end', () => response.writeHead(failures-- > 0 ? 503 : 404).end())
    })
    await new Promise<void>((resolve) => flaky.listen(0, '127.0.0.1', resolve))
    const { port } = flaky.address() as AddressInfo
    const store = openS3({ ...NOBODY, endpoint: `http://127.0.0.1:${port}` })
    expect(await store.get('uploads/a')).toBeNull()
    failures = 3
    const put = store.put('uploads/a', inChunks(randomBytes(9), 9))
    await expect(put).rejects.toEqual(new ObjectStoreError('503'))
    flaky.close()
  })

  test('S3 that nobody answers for is unreachable', async () => {
    const get = openS3(NOBODY).get('uploads/a')
    await expect(get).rejects.toEqual(new ObjectStoreError('unreachable'))
  })

  test('a folder that is a file', async () => {
    const store = openFolder(import.meta.filename)
    await expect(store.put('a', inChunks(randomBytes(9), 9))).rejects.toThrow(ObjectStoreError)
    await expect(store.get('a')).rejects.toThrow(ObjectStoreError)
  })
})
