import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keysInFolder, keysInS3, type ObjectKeys } from './object-keys.ts'
import { startS3Server } from './s3-server.ts'
import type { Runtime } from './start-gateway.ts'

/** Where a gateway keeps files, in the way of its runtime, and the settings that lead there. */
export type FilePlace = {
  settings: Record<string, string>
  /** Undefined on workerd, whose bucket lies in the gateway's own process. */
  keys?: ObjectKeys
  close(): Promise<void>
}

const FILE_URL_SECRET = 'the secret of the test stack, 32 or more'

export async function openFilePlace(runtime: Runtime): Promise<FilePlace> {
  if (runtime === 'workerd') return { settings: { FILE_URL_SECRET }, close: async () => {} }
  if (runtime === 'deno') {
    const server = await startS3Server()
    return {
      settings: { FILE_URL_SECRET, ...server.settings },
      keys: keysInS3(server),
      close: server.close,
    }
  }
  const folder = await mkdtemp(join(tmpdir(), 'async-chat-files-'))
  return {
    settings: { FILE_URL_SECRET, FILES_DIR: folder },
    keys: keysInFolder(folder),
    close: () => rm(folder, { recursive: true, force: true }),
  }
}
