import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'

export type TcpProxy = {
  /** The given address, led through this proxy. */
  url: string
  /** Closes what is open and refuses what comes, until `open`. */
  cut(): void
  /** Keeps connections open and passes nothing on, until `open`. */
  hush(): void
  open(): void
  close(): Promise<void>
}

/** Stands between a program and a service as a network that can fail. */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const to = new URL(target)
  const sockets = new Set<Socket>()
  let mode: 'open' | 'cut' | 'silent' = 'open'

  const server = createServer((client) => {
    if (mode === 'cut') return void client.destroy()
    const service = connect(Number(to.port), to.hostname)
    const pass = (from: Socket, into: Socket) => {
      sockets.add(from)
      from.on('data', (chunk) => {
        if (mode === 'open') into.write(chunk)
      })
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        into.destroy()
      })
    }
    pass(client, service)
    pass(service, client)
  })
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
    close() {
      drop()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
