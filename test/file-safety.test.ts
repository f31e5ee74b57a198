import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Batch, File as FileOfBatch } from '../drizzle/contract/http-api.ts'
import { batchUntil, errorOf } from './setup/client.ts'
import { FILE_NAMES } from './setup/file-names.ts'
import { PNG } from './setup/pictures.ts'
import { RUNTIMES } from './setup/start-gateway.ts'
import { type Stack, startStack } from './stack.ts'

const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le')
const SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
const HTML = '<!doctype html><script>alert(1)</script>'

describe.each(RUNTIMES)('on %s', (runtime) => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack({ runtime, workers: 0 })
  })
  afterAll(() => stack?.stop())

  async function send(files: File[]): Promise<Response> {
    const body = new FormData()
    body.append('prompt', 'Look')
    body.append('model', 'gemini-2.5-flash')
    for (const file of files) body.append('files', file)
    return fetch(`${stack.gatewayUrl}/v1/chat/completions`, { method: 'POST', body })
  }
  async function uploaded(files: File[]): Promise<FileOfBatch[]> {
    const response = await send(files)
    expect(response.status, await response.clone().text()).toBe(202)
    const { batch_id } = (await response.json()) as Batch
    return (await batchUntil(stack.gatewayUrl, batch_id, () => true)).files
  }
  async function headersAt({ url }: FileOfBatch, method = 'GET'): Promise<Headers> {
    const response = await fetch(stack.gatewayUrl + url, { method })
    expect(response.status).toBe(200)
    await response.body?.cancel()
    return response.headers
  }

  test('whatever a file is called, its name leads nowhere', async () => {
    for (let i = 0; i < FILE_NAMES.length; i += 10) {
      const rows = FILE_NAMES.slice(i, i + 10)
      const files = await uploaded(rows.map(([what, sent]) => new File([what], sent)))
      expect(files.map(({ name }) => name)).toEqual(rows.map(([, , kept]) => kept))
      for (const [j, file] of files.entries()) {
        const [what, , kept] = rows[j]!
        const headers = await headersAt(file, 'HEAD')
        const [, name] = headers.get('content-disposition')!.split("filename*=UTF-8''")
        expect(decodeURIComponent(name!), what).toBe(kept)
        expect(headers.has('set-cookie'), what).toBe(false)
      }
    }
    const refused = await send([new File(['a'], `${'a'.repeat(1024)}.txt`)])
    expect(await errorOf(refused)).toMatchObject({ code: 'invalid_request', param: 'files' })
  })

  test('what is called a picture and is none is text that is saved', async () => {
    const files = await uploaded(
      [SVG, HTML, `GIF89a/*${HTML}*/`, `<?xml version="1.0"?>${SVG}`, `%!PS ${HTML}`].map(
        (text, i) => new File([text], `${i}.png`, { type: 'image/png' }),
      ),
    )
    for (const file of files) {
      expect(file.type).toBe('text/plain')
      const headers = await headersAt(file)
      expect(headers.get('content-type')).toBe('text/plain; charset=utf-8')
      expect(headers.get('content-disposition')).toMatch(/^attachment;/)
    }
  })

  test('what a browser may run is never given out as what it is, nor shown', async () => {
    for (const bytes of [
      utf16(SVG),
      utf16(HTML),
      Buffer.from(`${SVG}\0`),
      Buffer.from(`\0${HTML}`),
    ]) {
      const response = await send([new File([bytes], 'a.svg', { type: 'image/svg+xml' })])
      if (response.status === 400) continue
      const { batch_id } = (await response.json()) as Batch
      const [file] = (await batchUntil(stack.gatewayUrl, batch_id, () => true)).files
      expect((await headersAt(file!)).get('content-type')).not.toMatch(/html|svg|xml/)
    }
    const [file] = await uploaded([new File([PNG], 'a.png')])
    for (const [type, disposition, givenAs = type] of [
      ['image/png', 'inline'],
      ['image/jpeg', 'inline'],
      ['image/webp', 'inline'],
      ['image/gif', 'inline'],
      ['image/svg+xml', 'attachment', 'application/octet-stream'],
      ['text/html', 'attachment', 'application/octet-stream'],
      ['application/xhtml+xml', 'attachment', 'application/octet-stream'],
      ['text/javascript', 'attachment', 'application/octet-stream'],
      ['text/plain', 'attachment', 'text/plain; charset=utf-8'],
      ['application/pdf', 'attachment'],
      ['video/mp4', 'attachment'],
      ['image/bmp', 'attachment'],
    ]) {
      await stack.database.query('UPDATE files SET type = $1 WHERE id = $2', [type, file!.file_id])
      const headers = await headersAt(file!)
      expect(headers.get('content-type')).toBe(givenAs)
      expect(headers.get('content-disposition')).toBe(
        `${disposition}; filename="a.png"; filename*=UTF-8''a.png`,
      )
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('cross-origin-resource-policy')).toBe('cross-origin')
      expect(headers.get('content-security-policy')).toBe("default-src 'none'; sandbox")
    }
  })

  test('an address is good for its own name only', async () => {
    const [file] = await uploaded([new File([PNG], 'cat.png')])
    const url = file!.url!
    for (const changed of [
      url.replace('name=cat.png', 'name=cat.exe'),
      url.replace('&name=cat.png', ''),
      url.replace('&name=cat.png', '&name='),
      `${url.replace('name=cat.png', '')}&name=%0Aa`,
    ]) {
      expect((await fetch(stack.gatewayUrl + changed)).status, changed).toBe(403)
    }
  })
})
