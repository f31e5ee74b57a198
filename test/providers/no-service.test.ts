import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { openModelFetch } from '../../workers-node/model-fetch.ts'
import {
  BROKE_OFF,
  call,
  compatible,
  expectFault,
  INVALID,
  SECRET,
  UNREACHABLE,
} from '../setup/provider-calls.ts'

describe('without a service:', () => {
  let tcp: Server
  const sockets: Socket[] = []
  let onConnection: (socket: Socket) => void = () => {}

  beforeAll(async () => {
    tcp = createServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => {})
      onConnection(socket)
    })
    tcp.listen(0, '127.0.0.1')
    await once(tcp, 'listening')
  })
  afterAll(() => {
    for (const socket of sockets) socket.destroy()
    tcp.close()
  })

  const at = (scheme: string) => `${scheme}://127.0.0.1:${(tcp.address() as AddressInfo).port}`

  test('nothing listens', async () => {
    const { error } = await call(compatible('http://127.0.0.1:1'))
    expectFault(error, UNREACHABLE)
  })

  test('the name is unknown', async () => {
    const { error } = await call(compatible('http://no-such-host.invalid'))
    expectFault(error, UNREACHABLE)
  })

  test('the connection is never made: its TLS handshake gets no answer', async () => {
    onConnection = () => {}
    const soon = openModelFetch({ connectMs: 200 })
    const { error } = await call(compatible(at('https'), soon.fetch))
    await soon.close()
    expectFault(error, UNREACHABLE)
    // Sooner than undici would give up by itself.
  }, 9000)

  test('what listens does not speak TLS', async () => {
    onConnection = (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    const { error } = await call(compatible(at('https')))
    expectFault(error, UNREACHABLE)
  })

  test('what listens does not speak HTTP', async () => {
    onConnection = (socket) => void socket.end(`220 ${SECRET} ESMTP\r\n`)
    const { error } = await call(compatible(at('http')))
    expectFault(error, INVALID)
  })

  test('a body shorter than was said', async () => {
    onConnection = (socket) => {
      const head =
        'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 999\r\n\r\n'
      socket.once('data', () => socket.end(`${head}: keep-alive\n\n`))
    }
    const { error } = await call(compatible(at('http')))
    expectFault(error, BROKE_OFF)
  })
})
