import type { Batch, ErrorAnswer, SubmitAnswer } from '../../drizzle/contract/http-api.ts'

export type Fields = Record<string, string | number | Blob>

/** Sends a multipart submit as a browser does. */
export function post(gatewayUrl: string, fields: Fields, headers?: HeadersInit): Promise<Response> {
  const body = new FormData()
  for (const [name, value] of Object.entries(fields)) {
    body.append(name, value instanceof Blob ? value : String(value))
  }
  return fetch(`${gatewayUrl}/v1/chat/completions`, { method: 'POST', body, headers })
}

/** Submits, and fails unless it is accepted. */
export async function submit(gatewayUrl: string, fields: Fields): Promise<SubmitAnswer> {
  const response = await post(gatewayUrl, fields)
  const text = await response.text()
  if (response.status !== 202) throw new Error(`${response.status} ${text}`)
  return JSON.parse(text)
}

export async function get<Body>(gatewayUrl: string, path: string): Promise<Body> {
  const response = await fetch(`${gatewayUrl}${path}`)
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  return (await response.json()) as Body
}

/** Polls a batch until it fits, by default until it has ended. */
export async function batchUntil(
  gatewayUrl: string,
  batchId: string,
  fits: (batch: Batch) => boolean = ({ status }) => status !== 'PROCESSING',
  withinMs = 20_000,
): Promise<Batch> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const batch = await get<Batch>(gatewayUrl, `/v1/batches/${batchId}`)
    if (fits(batch)) return batch
    if (performance.now() > deadline) throw new Error(`never came: ${JSON.stringify(batch)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Submits and waits for the end. */
export async function ask(gatewayUrl: string, fields: Fields): Promise<Batch> {
  const { batch_id } = await submit(gatewayUrl, fields)
  return batchUntil(gatewayUrl, batch_id)
}

/** Repeats a look until it is true. */
export async function until(look: () => Promise<boolean> | boolean, withinMs = 20_000) {
  const deadline = performance.now() + withinMs
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error(`never came: ${look}`)
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}

export async function errorOf(response: Response): Promise<ErrorAnswer['error']> {
  return ((await response.json()) as ErrorAnswer).error
}
