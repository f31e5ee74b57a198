import { connect } from 'node:net'
import { createInterface } from 'node:readline'

/** What one Redis database is sent: a line a command, as MONITOR prints it. */
export type RedisMonitor = { heard(): string; close(): void }

/**
 * Listens from now on. By a plain socket: ioredis's own monitor fails where the first command comes in one
 * packet with its OK, as it does beside busy tests on the same server.
 */
export async function monitorRedis(redisUrl: string): Promise<RedisMonitor> {
  const { hostname, port, password, pathname } = new URL(redisUrl)
  const lines: string[] = []
  const socket = connect(Number(port), hostname)
  const listening = Promise.withResolvers<void>()
  socket.on('error', listening.reject)
  let replies = 0
  createInterface({ input: socket }).on('line', (line) => {
    if (line.startsWith('-')) listening.reject(new Error(line))
    if (line === '+OK' && ++replies === 2) listening.resolve()
    if (/^\+[\d.]+ \[(\d+) /.exec(line)?.[1] === pathname.slice(1)) lines.push(line)
  })
  socket.write(`AUTH ${password}\r\nMONITOR\r\n`)
  await listening.promise
  return { heard: () => lines.join('\n'), close: () => socket.destroy() }
}
