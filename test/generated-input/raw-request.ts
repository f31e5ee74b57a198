import { connect, type Socket } from 'node:net'

/** What came back; undefined where the connection was closed without an answer. */
export type RawAnswer = { status: number; headers: Headers; body: string } | undefined

/** After so long the client says that nothing more will come, in ms… */
const HALF_CLOSE_AFTER_MS = 3_000
/** …and after so long it has waited for longer than any request may take. */
const HANG_AFTER_MS = 20_000

/**
 * Sends these bytes, and what `more` gives, over a connection of their own. Fails where there is neither
 * an answer nor an end.
 */
export function sendRaw(
  url: string,
  bytes: Uint8Array,
  more?: () => AsyncIterable<Uint8Array>,
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url)
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>()
  let received = ''
  const socket = connect({ host: hostname, port: Number(port) })
  const quiet = setTimeout(() => socket.end(), HALF_CLOSE_AFTER_MS)
  const hang = setTimeout(() => {
    reject(new Error(`no answer and no end within ${HANG_AFTER_MS} ms`))
    socket.destroy()
  }, HANG_AFTER_MS)
  socket.setEncoding('latin1')
  socket.on('data', (text: string) => {
    received += text
    if (isWhole(received)) socket.destroy()
  })
  // What is closed while it still sends gets a reset: the answer may have come before it.
  socket.on('error', () => {})
  socket.on('close', () => {
    clearTimeout(quiet)
    clearTimeout(hang)
    resolve(answerIn(received))
  })
  socket.write(bytes)
  if (more) void writeAll(socket, more())
  return promise
}

async function writeAll(socket: Socket, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of chunks) socket.write(chunk)
}

/** Whether there is an answer whose length is known and has come; others end with the connection. */
function isWhole(received: string): boolean {
  const answer = answerIn(received)
  if (!answer) return false
  const { status, headers, body } = answer
  if (status === 204 || status === 304) return true
  const length = headers.get('content-length')
  return length === null ? body.endsWith('0\r\n\r\n') : body.length >= Number(length)
}

function answerIn(received: string): RawAnswer {
  // An interim answer says only that one is still to come.
  const text = received.replace(/^(HTTP\/1\.1 1\d\d [\s\S]*?\r\n\r\n)+/, '')
  const end = text.indexOf('\r\n\r\n')
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1])
  if (end < 0 || !status) return undefined
  const lines = text.slice(0, end).split('\r\n').slice(1)
  const headers = new Headers(lines.map((line) => line.split(/:\s*(.*)/s, 2) as [string, string]))
  return { status, headers, body: text.slice(end + 4) }
}
