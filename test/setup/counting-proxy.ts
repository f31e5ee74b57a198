import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export type CountingProxy = {
  url: string
  /** The bodies of the requests since the last `take`, parsed. */
  take(): unknown[]
  /** How many of the next requests are carried out, but their answers lost. */
  loseAnswers: number
  /** While set, what comes after those is refused with this SQLSTATE, as a database does that is full. */
  refuseWith: string | undefined
  /** Until then, what has come is not carried out. */
  gate: Promise<void>
  /** While true, every connection is closed at once. */
  down: boolean
  close(): Promise<void>
}

/**
 * Passes HTTP requests on to another server and remembers them, but for statements that no request is
 * for: those are passed on as they are.
 */
export async function startCountingProxy(
  target: string,
  uncounted: readonly string[] = [],
): Promise<CountingProxy> {
  let seen: unknown[] = []
  const server = createServer(async (incoming, response) => {
    if (proxy.down) return void response.destroy()
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const said = JSON.parse(body.toString() || 'null')
    const counted = !uncounted.includes(said?.query)
    if (counted) seen.push(said)
    await proxy.gate
    const {
      host: _host,
      connection: _connection,
      'content-length': _length,
      ...headers
    } = incoming.headers
    const base = new URL(target)
    const path = base.pathname === '/' ? incoming.url : base.pathname
    if (counted && proxy.refuseWith && proxy.loseAnswers <= 0) {
      response.writeHead(400, { 'content-type': 'application/json' })
      return void response.end(JSON.stringify({ message: 'refused', code: proxy.refuseWith }))
    }
    const answer = await fetch(new URL(path ?? '/', base), {
      method: incoming.method,
      headers: headers as Record<string, string>,
      body,
    }).catch(() => null)
    if (!answer || (counted && proxy.loseAnswers-- > 0)) return void response.destroy()
    if (counted) proxy.loseAnswers = 0
    response.writeHead(answer.status, { 'content-type': 'application/json' })
    response.end(await answer.text())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy: CountingProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    loseAnswers: 0,
    refuseWith: undefined,
    gate: Promise.resolve(),
    down: false,
    take() {
      const taken = seen
      seen = []
      return taken
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  return proxy
}
