import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FileRef } from '../../drizzle/contract/file-ref.ts'
import { type FileMethod, verifyFileUrl } from '../../drizzle/contract/file-url.ts'
import { fileRef } from '../prompt/files.ts'

const FILE_URL_SECRET = 'the-secret-of-the-files-of-the-tests'

/** What a gateway does with files, and nothing else of it. */
export type FilesServer = {
  /** The settings of a worker that uses it. */
  settings: { GATEWAY_URL: string; FILE_URL_SECRET: string }
  /** Keeps a file for `local`. */
  keep(content: string | Buffer, given?: Partial<FileRef>): FileRef
  /** By id, what it has. */
  kept: Map<string, { owner: string; type: string; bytes: Buffer }>
  /** The methods of the requests so far. */
  asked: string[]
  /** Answers the next requests instead, one each. */
  instead: ((response: ServerResponse, incoming: IncomingMessage) => void)[]
  close(): Promise<void>
}

/**
 * Starts a real HTTP server that checks its callers' URLs as the gateway does. `note` hears of each file
 * that is stored, before the one who stores it does.
 */
export async function startFilesServer(
  note: (file: FileRef) => Promise<unknown> = async () => {},
): Promise<FilesServer> {
  const kept: FilesServer['kept'] = new Map()
  const asked: string[] = []
  const instead: FilesServer['instead'] = []
  const server = createServer(async (incoming, response) => {
    const method = incoming.method as FileMethod
    asked.push(method)
    const next = instead.shift()
    if (next) return next(response, incoming)
    const url = new URL(incoming.url!, 'http://gateway')
    const grant = await verifyFileUrl(FILE_URL_SECRET, method, url)
    if (typeof grant === 'string') return void response.writeHead(403).end()
    if (method === 'GET') {
      const file = kept.get(grant.fileId)
      if (file?.owner !== grant.owner) return void response.writeHead(404).end()
      response.writeHead(200, { 'content-type': file.type, 'content-length': file.bytes.length })
      return void response.end(file.bytes)
    }
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const bytes = Buffer.concat(chunks)
    const type = String(incoming.headers['content-type'])
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    kept.set(grant.fileId, { owner: grant.owner, type, bytes })
    await note(fileRef({ file_id: grant.fileId, type, content: bytes }))
    response.writeHead(201, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ file_id: grant.fileId, type, bytes: bytes.length, sha256 }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const GATEWAY_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    settings: { GATEWAY_URL, FILE_URL_SECRET },
    kept,
    asked,
    instead,
    keep(content, given) {
      const ref = fileRef({ content, ...given })
      kept.set(ref.file_id, { owner: 'local', type: ref.type, bytes: Buffer.from(content) })
      return ref
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
