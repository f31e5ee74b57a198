import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sendRaw } from './generated-input/raw-request.ts'
import { LOCAL_KEY } from './setup/send-key.ts'
import { RUNTIMES } from './setup/start-gateway.ts'
import { type Stack, startStack } from './stack.ts'

const head = (length: number) =>
  Buffer.from(
    [
      'POST /v1/chat/completions HTTP/1.1',
      'Host: gateway.test',
      `Authorization: Bearer ${LOCAL_KEY}`,
      'Content-Type: application/json',
      `Content-Length: ${length}`,
      'Connection: close\r\n\r\n',
    ].join('\r\n'),
  )

describe.each(RUNTIMES)('on %s', (runtime) => {
  let stack: Stack
  beforeAll(async () => {
    const gatewaySettings = { MAX_BODY_PAUSE_MS: '1000' }
    stack = await startStack({ runtime, workers: 0, gatewaySettings })
  })
  afterAll(() => stack?.stop())

  test('a body that stands still is answered after a while', async () => {
    const begun = Buffer.concat([head(1000), Buffer.from('{"prompt":')])
    const answer = await sendRaw(stack.gatewayUrl, begun)
    expect(answer?.status).toBe(400)
    expect(answer?.body).toMatch(/Nothing came of the body for 1 s/)
  })

  test('a body that trickles for longer than that is taken', async () => {
    const body = Buffer.from('{"prompt":"slow","model":"qwen3"}')
    const answer = await sendRaw(stack.gatewayUrl, head(body.length), async function* () {
      for (const byte of body) {
        yield Buffer.from([byte])
        await new Promise((resolve) => setTimeout(resolve, 40))
      }
    })
    expect(answer?.status).toBe(202)
  })
})
