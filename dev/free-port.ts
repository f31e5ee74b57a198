import { createServer } from 'node:net'

/** The first of these ports on 127.0.0.1 that nothing listens on, else any free one. */
export async function freePort(...preferred: (number | undefined)[]): Promise<number> {
  for (const port of preferred) {
    if (port && (await isPortFree(port))) return port
  }
  return (await tryPort(0))!
}

/** Whether a server can be bound to 127.0.0.1 at this port now. */
export async function isPortFree(port: number): Promise<boolean> {
  return (await tryPort(port)) !== undefined
}

function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      const bound = typeof address === 'object' ? address?.port : undefined
      server.close(() => resolve(bound))
    })
  })
}
