import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { Inspection } from '../edge/inspect-file.ts'
import { JPEG, PNG } from './setup/pictures.ts'
import { PDF, WEBP } from './setup/sample-files.ts'

async function inspect(bytes: Uint8Array, chunkSize = bytes.length || 1) {
  const inspection = new Inspection()
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += chunkSize) yield bytes.subarray(at, at + chunkSize)
  }
  const passed: number[] = []
  for await (const chunk of inspection.watch(chunks())) passed.push(...chunk)
  expect(Buffer.from(passed).equals(bytes)).toBe(true)
  return inspection.result()
}

const CASES: [what: string, bytes: Uint8Array, type: string][] = [
  ['a PNG', PNG, 'image/png'],
  ['a JPEG', JPEG, 'image/jpeg'],
  ['a WebP', WEBP, 'image/webp'],
  ['a PDF, though it is text throughout', PDF, 'application/pdf'],
  ['a PDF of bytes', Buffer.concat([PDF, Buffer.from([0, 255, 7])]), 'application/pdf'],
  ['text', Buffer.from('héllo\n中文\n'), 'text/plain'],
  ['text that begins like a picture', Buffer.from('BMW and GIFs are nice'), 'text/plain'],
  ['markup', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'text/plain'],
  ['text with a NUL', Buffer.from('a\0b'), 'application/octet-stream'],
  ['text cut within a character', Buffer.from('中文').subarray(0, 4), 'application/octet-stream'],
  ['Latin 1', Buffer.from('caf\xe9', 'latin1'), 'application/octet-stream'],
  ['nothing', new Uint8Array(), 'text/plain'],
  ['a GIF', Buffer.from('GIF89a\x01\0\x01\0\0\0\0;', 'latin1'), 'image/gif'],
]

test.each(CASES)('%s is told by its content, in chunks of any size', async (_, bytes, type) => {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  for (const size of [1, 2, 3, 600, bytes.length || 1]) {
    expect(await inspect(bytes, size)).toEqual({ type, bytes: bytes.length, sha256 })
  }
})
