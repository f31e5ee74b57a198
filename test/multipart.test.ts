import fc from 'fast-check'
import { expect, test } from 'vitest'
import { boundaryOf, MultipartError, readMultipart } from '../edge/multipart.ts'

const BOUNDARY = '----WebKitFormBoundaryABC123'
const FORM = [
  'preamble that nobody reads',
  `--${BOUNDARY}`,
  'Content-Disposition: form-data; name="files"; filename="中文 1.png"',
  'Content-Type: image/png',
  '',
  `a\r\n--${BOUNDARY.slice(0, 9)}\r\r\n\n\r\n-`,
  `--${BOUNDARY}`,
  'content-type: text/plain',
  'content-disposition: form-data; name=prompt',
  '',
  'Why?\r\n',
  `--${BOUNDARY}`,
  'Content-Disposition: form-data; name="empty"',
  '',
  '',
  `--${BOUNDARY}--`,
  'epilogue',
].join('\r\n')

type Read = { name: string; filename: string | undefined; text: string }

async function* chunks(...parts: Uint8Array[]): AsyncGenerator<Uint8Array, undefined> {
  yield* parts
}

async function read(parts: Uint8Array[], boundary = BOUNDARY): Promise<Read[]> {
  const seen: Read[] = []
  for await (const { name, filename, body } of readMultipart(chunks(...parts), boundary)) {
    const bytes: number[] = []
    for await (const chunk of body) bytes.push(...chunk)
    seen.push({ name, filename, text: Buffer.from(bytes).toString() })
  }
  return seen
}

const readText = (text: string) => read([Buffer.from(text)])
const partWith = (disposition: string) =>
  `--${BOUNDARY}\r\nContent-Disposition: ${disposition}\r\n\r\nx\r\n--${BOUNDARY}--`

const EXPECTED: Read[] = [
  {
    name: 'files',
    filename: '中文 1.png',
    text: `a\r\n--${BOUNDARY.slice(0, 9)}\r\r\n\n\r\n-`,
  },
  { name: 'prompt', filename: undefined, text: 'Why?\r\n' },
  { name: 'empty', filename: undefined, text: '' },
]

test('a form is read the same wherever its chunks end', async () => {
  const bytes = Buffer.from(FORM)
  expect(await read([bytes])).toEqual(EXPECTED)
  for (let cut = 1; cut < bytes.length; cut++) {
    expect(await read([bytes.subarray(0, cut), bytes.subarray(cut)]), `cut at ${cut}`).toEqual(
      EXPECTED,
    )
  }
  expect(await read(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(EXPECTED)
})

test('any bytes come through, in any chunks, as the platform writes them', async () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(bodies, fc.integer({ min: 1, max: 50 }), async (contents, size) => {
      const form = new FormData()
      for (const [i, content] of contents.entries()) {
        form.append(`file ${i}"\r\n`, new Blob([content as BlobPart]), `a"\\b\r\n${i}.bin`)
      }
      const response = new Response(form)
      const bytes = new Uint8Array(await response.arrayBuffer())
      const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      )
      const seen: unknown[] = []
      const boundary = boundaryOf(response.headers.get('content-type')!)
      for await (const { name, filename, body } of readMultipart(chunks(...parts), boundary)) {
        const got: number[] = []
        for await (const chunk of body) got.push(...chunk)
        seen.push([name, filename, Buffer.from(got).toString('hex')])
      }
      expect(seen).toEqual(
        contents.map((content, i) => [
          `file ${i}"\r\n`,
          `a"\\b\r\n${i}.bin`,
          Buffer.from(content).toString('hex'),
        ]),
      )
    }),
    { numRuns: 200 },
  )
})

test.each([
  ['form-data; name="a"; filename="b.txt"', 'a', 'b.txt'],
  ['form-data; filename="b.txt"; name="a"', 'a', 'b.txt'],
  ['FORM-DATA;NAME=a;FILENAME=b.txt', 'a', 'b.txt'],
  ['form-data; name="a"; filename="say \\"hi\\".txt"', 'a', 'say "hi".txt'],
  ['form-data; name="a"; filename="say %22hi%22 100%.txt"', 'a', 'say "hi" 100%.txt'],
  ['form-data; name="a"; filename="C:\\x\\y.txt"', 'a', 'C:\\x\\y.txt'],
  ['form-data; filename="b; name=c"; name="a"', 'a', 'b; name=c'],
  ['form-data; filename="b; name=\\"c\\""; name="a"', 'a', 'b; name="c"'],
  ['form-data; name="a; filename=c"; filename="b;.txt"', 'a; filename=c', 'b;.txt'],
  ['form-data; name="a; filename=c"', 'a; filename=c', undefined],
  ['form-data; filename="%22; name=%22c%22; %0D%0a.txt"; name="a"', 'a', '"; name="c"; \r\n.txt'],
  ['form-data; filename="b.txt"; filename*=UTF-8\'\'b.txt; name = "a" ; x=y', 'a', 'b.txt'],
  ['form-data; filename=say hi.txt ; name=a', 'a', 'say hi.txt'],
  ['form-data; filename=; name=a', 'a', ''],
  ['form-data; name=a; name=b; filename=c; filename=d', 'a', 'c'],
  ['form-data; name="a"; filename=""', 'a', ''],
  ['form-data; name=""', '', undefined],
])('%s names %s and %s', async (disposition, name, filename) => {
  expect(await readText(partWith(disposition))).toEqual([{ name, filename, text: 'x' }])
})

test.each([
  ['nothing at all', ''],
  ['no boundary', 'hello'],
  ['no end', FORM.slice(0, FORM.lastIndexOf('--'))],
  ['no part', `--${BOUNDARY}`],
  ['a part without headers', `--${BOUNDARY}\r\n\r\nx\r\n--${BOUNDARY}--`],
  ['a part without a name', partWith('form-data; filename="a"')],
  ['a part that is no form data', partWith('attachment; name="a"')],
  ['endless headers', partWith(`form-data; name="${'a'.repeat(9000)}"`)],
  ['an open quote', partWith(`form-data; name="${'\\\\'.repeat(3000)}`)],
])('%s is no form', async (_, text) => {
  await expect(readText(text)).rejects.toThrow(MultipartError)
})

test('a boundary is taken from the type, bare or in quotes', () => {
  expect(boundaryOf('multipart/form-data; boundary=abc; charset=utf-8')).toBe('abc')
  expect(boundaryOf('multipart/form-data; charset=utf-8; Boundary="a b"')).toBe('a b')
  for (const bad of ['multipart/form-data', `multipart/form-data; boundary=${'a'.repeat(71)}`]) {
    expect(() => boundaryOf(bad)).toThrow(MultipartError)
  }
})

test('who stops half-way lets go of the source', async () => {
  let released = false
  async function* source(): AsyncGenerator<Uint8Array, undefined> {
    try {
      yield Buffer.from(FORM)
    } finally {
      released = true
    }
  }
  for await (const _ of readMultipart(source(), BOUNDARY)) break
  expect(released).toBe(true)
})
