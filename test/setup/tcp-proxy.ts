import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'

/** Traffic that is kept back. */
export type Hold = {
  /** Resolves when there is something to keep back. */
  reached: Promise<void>
  /** Passes on what was kept back, and keeps nothing back any more. */
  release(): void
}

export type TcpProxy = {
  /** The given address, led through this proxy. */
  url: string
  /** Closes what is open and refuses what comes, until `open`. */
  cut(): void
  /** Keeps connections open and passes nothing on, until `open`. */
  hush(): void
  open(): void
  /**
   * Keeps back what a client sends from the text on, on each connection that sends it: the service
   * never gets to see the whole of the message that holds it.
   */
  holdBefore(text: string): Hold
  /** Passes the text on, and keeps back all that the service answers on that connection. */
  holdAfter(text: string): Hold
  close(): Promise<void>
}

/** One direction of a connection. */
type Pipe = { into: Socket; kept: Buffer[]; held: boolean }
type Connection = { asking: Pipe; answering: Pipe; tail: Buffer }
type Watch = { text: Buffer; side: 'asking' | 'answering'; reached: () => void; held: Set<Pipe> }

/** Stands between a program and a service as a network that can fail. */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const to = new URL(target)
  const sockets = new Set<Socket>()
  const watches = new Set<Watch>()
  let mode: 'open' | 'cut' | 'silent' = 'open'

  const server = createServer((client) => {
    if (mode === 'cut') return void client.destroy()
    const service = connect(Number(to.port), to.hostname)
    const connection: Connection = {
      asking: { into: service, kept: [], held: false },
      answering: { into: client, kept: [], held: false },
      tail: Buffer.alloc(0),
    }
    const pass = (from: Socket, into: Socket, take: (chunk: Buffer) => void) => {
      sockets.add(from)
      from.on('data', (chunk) => {
        if (mode === 'open') take(chunk as Buffer)
      })
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        into.destroy()
      })
    }
    pass(client, service, (chunk) => {
      watchFor(connection, chunk)
      give(connection.asking, chunk)
    })
    pass(service, client, (chunk) => give(connection.answering, chunk))
  })

  /** Holds a side of the connection when this chunk completes a text that is watched for. */
  function watchFor(connection: Connection, chunk: Buffer): void {
    const seen = Buffer.concat([connection.tail, chunk])
    for (const watch of watches) {
      const at = seen.lastIndexOf(watch.text)
      // What was sent before the watch began is not meant.
      if (at === -1 || at + watch.text.length <= connection.tail.length) continue
      const pipe = connection[watch.side]
      pipe.held = true
      watch.held.add(pipe)
    }
    connection.tail = seen.subarray(Math.max(0, seen.length - LONGEST_TEXT + 1))
  }

  function give(pipe: Pipe, chunk: Buffer): void {
    if (!pipe.held) return void pipe.into.write(chunk)
    pipe.kept.push(chunk)
    for (const watch of watches) if (watch.held.has(pipe)) watch.reached()
  }

  function hold(text: string, side: Watch['side']): Hold {
    const { promise, resolve } = Promise.withResolvers<void>()
    if (text.length > LONGEST_TEXT) throw new Error(`longer than ${LONGEST_TEXT} bytes: ${text}`)
    const watch: Watch = { text: Buffer.from(text), side, reached: resolve, held: new Set() }
    watches.add(watch)
    return {
      reached: promise,
      release() {
        watches.delete(watch)
        for (const pipe of watch.held) {
          pipe.held = false
          for (const chunk of pipe.kept.splice(0)) pipe.into.write(chunk)
        }
      },
    }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(target)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  const drop = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: url.href,
    cut() {
      mode = 'cut'
      drop()
    },
    hush() {
      mode = 'silent'
    },
    open() {
      // What fell silent has lost bytes, and must be made anew.
      if (mode === 'silent') drop()
      mode = 'open'
    },
    holdBefore: (text) => hold(text, 'asking'),
    holdAfter: (text) => hold(text, 'answering'),
    close() {
      drop()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** In bytes; how much of what went by is remembered, as a text may arrive in two pieces. */
const LONGEST_TEXT = 100
