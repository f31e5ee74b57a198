import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { History } from '../drizzle/contract/http-api.ts'
import { batchUntil, get } from './setup/client.ts'
import { type ModelServer, startModelServer } from './setup/model-server.ts'
import { PNG } from './setup/pictures.ts'
import { png } from './setup/sample-files.ts'
import { RUNTIMES } from './setup/start-gateway.ts'
import { type Stack, startStack } from './stack.ts'

const PAINTER = 'gemini-2.5-flash-image'

/** Gateway, store, worker and model, all real, with nothing shared but the addresses. */
describe.each(RUNTIMES)('on %s', (runtime) => {
  let stack: Stack
  let models: ModelServer
  beforeAll(async () => {
    models = await startModelServer()
    stack = await startStack({ runtime, models })
  })
  afterAll(async () => {
    await stack?.stop()
    await models?.close()
  })

  async function ask(fields: Record<string, string>, files: File[] = []) {
    const body = new FormData()
    for (const [name, value] of Object.entries({ model: PAINTER, ...fields })) {
      body.append(name, value)
    }
    for (const file of files) body.append('files', file)
    const address = `${stack.gatewayUrl}/v1/chat/completions`
    const response = await fetch(address, { method: 'POST', body })
    expect(response.status, await response.clone().text()).toBe(202)
    const { batch_id } = (await response.json()) as { batch_id: string }
    return batchUntil(stack.gatewayUrl, batch_id)
  }

  test('files reach the model, the picture that it makes comes back, and goes on with the next prompt', async () => {
    const drawing = png([7, 8, 9], 20, 20)
    models.answer(() => [{ picture: drawing }])
    const files = [new File([PNG], 'cat.png'), new File(['Grüße'], 'a.txt')]
    const batch = await ask({ prompt: 'Draw it bluer', mode: 'image' }, files)
    expect(batch.status).toBe('COMPLETED')
    const contents = models.requests[0]!.body.contents as { parts: object[] }[]
    expect(contents[0]!.parts).toEqual([
      { inlineData: { mimeType: 'image/png', data: PNG.toString('base64') } },
      { text: expect.stringContaining('Grüße') },
      { text: 'Draw it bluer' },
    ])
    const made = batch.results[0]!.files[0]!
    expect(made).toMatchObject({ type: 'image/png', bytes: drawing.length })
    const shown = await fetch(stack.gatewayUrl + made.url)
    expect(Buffer.from(await shown.arrayBuffer()).equals(drawing)).toBe(true)

    const { conversation_id } = batch
    await ask({ prompt: 'Redder now', mode: 'image', conversation_id })
    const next = models.requests[1]!.body.contents as { parts: object[] }[]
    expect(next.flatMap(({ parts }) => parts)).toContainEqual({
      inlineData: { mimeType: 'image/png', data: drawing.toString('base64') },
    })
    const path = `/v1/conversations/${conversation_id}/history`
    const { batches } = await get<History>(stack.gatewayUrl, path)
    expect(batches.map(({ results }) => results[0]!.files[0]!.file_id)).toEqual([
      made.file_id,
      // The same picture again is the same file.
      made.file_id,
    ])
  })
})
