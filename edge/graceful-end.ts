import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** A client that comes again as soon as it is answered is met between two requests. */
const LOOK_MS = 50

/**
 * Returns what ends the server: all that has been asked is answered, and no more is waited for. By itself
 * `close` waits for connections on which nothing was asked yet, which browsers open ahead of need,
 * and for those on which somebody asks again and again.
 */
export function gracefulEnd(server: Server): (done: () => void) => void {
  const unused = new Set<Socket>()
  server.on('connection', (socket) => {
    unused.add(socket)
    socket.once('close', () => unused.delete(socket))
  })
  server.on('request', ({ socket }) => unused.delete(socket))
  return (done) => {
    server.close(done)
    for (const socket of unused) socket.destroy()
    setInterval(() => server.closeIdleConnections(), LOOK_MS)
  }
}
