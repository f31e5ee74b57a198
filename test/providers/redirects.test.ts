import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openFiles } from '../../workers-node/files-door.ts'
import { openModelFetch } from '../../workers-node/model-fetch.ts'
import { probeNode } from '../../workers-node/probe-node.ts'
import { type FilesServer, startFilesServer } from '../setup/files-server.ts'
import { call, expectFault, google, PROVIDERS, useModelServer } from '../setup/provider-calls.ts'

const server = useModelServer()
const REDIRECTED = { code: 'model_redirected', node: 'fault' } as const

/** Where redirects lead, and all that came there. */
let elsewhere: Server
let arrived: IncomingHttpHeaders[]
let elsewhereUrl: string
let gateway: FilesServer

beforeAll(async () => {
  elsewhere = createServer((incoming, response) => {
    arrived.push(incoming.headers)
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices":[]}')
  })
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
  elsewhereUrl = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`
  gateway = await startFilesServer()
})
beforeEach(() => {
  arrived = []
})
afterAll(async () => {
  elsewhere.closeAllConnections()
  await new Promise((resolve) => elsewhere.close(resolve))
  await gateway.close()
})

const TARGETS: [string, (port: string) => string][] = [
  ['another port', () => `${elsewhereUrl}/v1/chat/completions`],
  ['another host', (port) => `http://localhost:${port}/v1/chat/completions`],
  ['another scheme', (port) => `https://127.0.0.1:${port}/v1/chat/completions`],
  ['itself', () => '/somewhere/else'],
]

describe.each(PROVIDERS)('%s', (_, at) => {
  test.each(TARGETS)('that redirects to %s is not followed', async (_, target) => {
    const location = target(new URL(server().url).port)
    for (const status of [301, 302, 303, 307, 308]) {
      server().requests.length = 0
      server().answer(() => ({ status, body: {}, headers: { location } }))
      expectFault((await call(at(server().url))).error, REDIRECTED)
      expect(server().requests).toHaveLength(1)
    }
    expect(arrived).toEqual([])
  })
})

test('an upload goes on at the service alone, wherever it says that it should', async () => {
  const file = gateway.keep(Buffer.alloc(13 * 1024 * 1024, 'x'), { type: 'application/pdf' })
  const files = openFiles(gateway.settings)
  server().gives.set(
    '/upload/v1beta/files',
    (response) =>
      void response.writeHead(200, { 'x-goog-upload-url': `${elsewhereUrl}/take-it` }).end('{}'),
  )
  const { error } = await call(google(server().url), {
    task: { files: [file] },
    composing: { files },
  })
  expectFault(error, REDIRECTED)
  expect(arrived).toEqual([])
  await files.close()
})

test('a node that redirects has answered, and nobody is asked for it', async () => {
  const { fetch, close } = openModelFetch({ connectMs: 5_000 })
  const node = createServer((_, response) =>
    response.writeHead(302, { location: elsewhereUrl }).end(),
  )
  await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(node.address() as AddressInfo).port}`
  expect(await probeNode(url, fetch)).toBe(true)
  expect(arrived).toEqual([])
  await close()
  node.closeAllConnections()
  await new Promise((resolve) => node.close(resolve))
})
