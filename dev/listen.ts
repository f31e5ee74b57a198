import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A server of the local stack that answers. */
export type Listening = {
  /** Without a slash at its end. */
  url: string
  /** Takes no more requests, lets those in flight end (2 s at most), and frees the port. */
  close(): Promise<void>
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/**
 * Serves HTTP. `port` 0 takes a free one. A handler that throws answers 500 and says nothing of its
 * inside. Rejects when the port is taken.
 */
export async function listen(handler: Handler, host: string, port: number): Promise<Listening> {
  const server = createServer((request, response) => {
    handler(request, response).catch(() => {
      if (response.headersSent) response.destroy()
      else sendJson(response, 500, { error: 'internal error', message: 'internal error' })
    })
  })
  // Longer than any client keeps an idle connection: else a request meets a socket just closed.
  server.keepAliveTimeout = 120_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const { port: bound } = server.address() as AddressInfo
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return {
    url: `http://${name}:${bound}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeIdleConnections()
      const grace = new AbortController()
      await Promise.race([closed, sleep(2000, undefined, { signal: grace.signal, ref: true })])
      grace.abort()
      server.closeAllConnections()
      await closed
    },
  }
}

/** Answers with a JSON value. */
export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value))
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': body.length,
    // What was not read of a refused body would be taken for the next request.
    ...(status === 413 && { connection: 'close' }),
  })
  response.end(body)
}
