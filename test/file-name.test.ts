import fc from 'fast-check'
import { expect, test } from 'vitest'
import { contentDisposition } from '../edge/content-disposition.ts'
import { fileNameOf } from '../edge/file-name.ts'
import { FILE_NAMES } from './setup/file-names.ts'

test.each(FILE_NAMES)('%s', (_, sent, kept) => {
  expect(fileNameOf(sent)).toBe(kept)
})

test('a name of 1 KB is refused', () => {
  expect(() => fileNameOf('a'.repeat(256))).toThrow(/at most 255 characters/)
  expect(() => fileNameOf('\u4e2d'.repeat(1024))).toThrow(/at most 255 characters/)
  expect(fileNameOf(`${'a/'.repeat(1000)}b\u200B`)).toBe('b')
})

test('half a character is made a whole one', () => {
  expect(fileNameOf('a\ud800.txt')).toBe('a\ufffd.txt')
})

test('whatever is sent, a name is never a way, never empty, and stays as it is the second time', () => {
  const unit = fc.constantFrom(...'./\\ a\0\u202e\u200b\uff0f\uff0e\u2025\ud800\udc00'.split(''))
  const names = fc.oneof(fc.string({ unit }), fc.string({ unit: 'binary', maxLength: 255 }))
  fc.assert(
    fc.property(names, (sent) => {
      const name = fileNameOf(sent)
      expect(name).not.toMatch(/[/\\\0]|^\.*$|^\s|\s$/)
      expect(name.normalize('NFKC')).not.toMatch(/[/\\\0]|^\.*$/)
      expect(fileNameOf(name)).toBe(name)
    }),
  )
})

test.each([
  ['a.png', `filename="a.png"; filename*=UTF-8''a.png`],
  [
    'a "b" \\ 100%.txt',
    `filename="a _b_ _ 100_.txt"; filename*=UTF-8''a%20%22b%22%20%5C%20100%25.txt`,
  ],
  ['ü€😀.txt', `filename="___.txt"; filename*=UTF-8''%C3%BC%E2%82%AC%F0%9F%98%80.txt`],
  ["it's (1)*.txt", `filename="it's (1)*.txt"; filename*=UTF-8''it%27s%20%281%29%2A.txt`],
  ['a; filename=b', `filename="a; filename=b"; filename*=UTF-8''a%3B%20filename%3Db`],
  ['a\r\nX: y', `filename="a__X: y"; filename*=UTF-8''a%0D%0AX%3A%20y`],
  ['\ud800', `filename="_"; filename*=UTF-8''%EF%BF%BD`],
])('the header of %j', (name, parameters) => {
  expect(contentDisposition('attachment', name)).toBe(`attachment; ${parameters}`)
})

test('a header of any name is ASCII, one line, and gives the name back', () => {
  const special = fc.constantFrom(...'"\\%\'()*;\n\0ü')
  const names = fc.oneof(fc.string({ unit: special }), fc.string({ unit: 'binary' }))
  fc.assert(
    fc.property(names, (name) => {
      const header = contentDisposition('inline', name)
      expect(header).toMatch(
        /^inline; filename="[ !#-[\]-~]*"; filename\*=UTF-8''[\w!#$&+.^`|~%-]*$/,
      )
      expect(decodeURIComponent(header.split("UTF-8''").at(-1)!)).toBe(name.toWellFormed())
    }),
  )
})
