import { isDeepStrictEqual } from 'node:util'
import type { ModelMessage } from 'ai'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FileRef } from '../../drizzle/contract/file-ref.ts'
import type { Accepts } from '../../drizzle/contract/input-kind.ts'
import { messagesOf } from '../../workers-node/prompt/messages-of.ts'
import { placeFiles } from '../../workers-node/prompt/place-files.ts'
import { fileRef } from './files.ts'

const SEES: Accepts = { text: 100, image: 1000, pdf: 2000 }
const READS: Accepts = { text: 100 }
const own = (type: string, bytes = 10) => ({ file: fileRef({ type, bytes }), earlier: false })
const earlier = (type: string, bytes = 10) => ({ file: fileRef({ type, bytes }), earlier: true })
const inline = { inlineBytes: 1500, uploads: false }
const uploading = { inlineBytes: 1500, uploads: true }

describe('a file of this turn', () => {
  test.each([
    ['text/plain; charset=utf-8', 'text'],
    ['application/json', 'text'],
    ['image/png', 'inline'],
    ['application/pdf', 'inline'],
  ])('of type %s has its place: %s, where it could be uploaded too', (type, place) => {
    expect(placeFiles([own(type)], SEES, inline)).toEqual([place])
    expect(placeFiles([own(type)], SEES, uploading)).toEqual([place])
  })

  test.each([
    ['a type that the model does not take', own('image/png'), READS],
    ['a type that no model takes', own('application/zip'), SEES],
    ['more bytes than the model takes of its kind', own('image/png', 1001), SEES],
    ['more bytes than a request carries', own('application/pdf', 1501), SEES],
  ])('is rejected for %s', (_, asked, accepts) => {
    expect(() => placeFiles([asked], accepts, inline)).toThrow(
      expect.objectContaining({ code: 'file_rejected', retryable: false, node: 'unasked' }),
    )
  })

  test('is uploaded where a request cannot carry it', () => {
    expect(placeFiles([own('application/pdf', 1501)], SEES, uploading)).toEqual(['upload'])
  })
})

describe('files of earlier turns', () => {
  test('that the model does not take are only named', () => {
    const asked = [earlier('image/png'), earlier('text/plain', 101), own('text/plain')]
    expect(placeFiles(asked, READS, inline)).toEqual(['named', 'named', 'text'])
  })

  test('are left out, oldest first, until the rest fits into a request', () => {
    const asked = [
      earlier('image/png', 600),
      earlier('text/plain'),
      earlier('image/png', 600),
      own('image/png', 600),
    ]
    expect(placeFiles(asked, SEES, inline)).toEqual(['named', 'text', 'inline', 'inline'])
    const before = [earlier('image/png', 900), earlier('image/png', 600), own('image/png', 900)]
    expect(placeFiles(before, SEES, inline)).toEqual(['named', 'inline', 'inline'])
    const full = [earlier('image/png', 100), own('application/pdf', 1500)]
    expect(placeFiles(full, SEES, inline)).toEqual(['named', 'inline'])
  })

  test('are left out, oldest first, where they are too much to carry, however large those of this turn', () => {
    const large = { text: 100, video: 50 * 1024 * 1024 }
    const halves = Array.from({ length: 3 }, () => earlier('video/mp4', 25 * 1024 * 1024))
    const asked = [...halves, earlier('text/plain'), own('video/mp4', 50 * 1024 * 1024)]
    const places = ['named', 'named', 'upload', 'text', 'upload']
    expect(placeFiles(asked, large, uploading)).toEqual(places)
    const [, ...rest] = asked
    const few = ['named', 'upload', 'text', 'upload']
    expect(placeFiles(rest, large, uploading)).toEqual(few)
    const fits = [...halves.slice(1), own('text/plain')]
    expect(placeFiles(fits, large, uploading)).toEqual(['upload', 'upload', 'text'])
  })

  test('are all uploaded where they are too much for a request, small ones too', () => {
    const asked = [earlier('image/png', 900), own('image/png', 900), own('text/plain')]
    expect(placeFiles(asked, SEES, uploading)).toEqual(['upload', 'upload', 'text'])
  })
})

test('no request carries too much, and what is uploaded is not text', () => {
  const asked = fc.record({
    type: fc.constantFrom('text/plain', 'image/png', 'application/pdf', 'application/zip'),
    bytes: fc.integer({ min: 1, max: 2500 }),
  })
  const property = fc.property(fc.array(asked), fc.boolean(), (files, uploads) => {
    const all = files.map(({ type, bytes }) => earlier(type, bytes))
    const places = placeFiles(all, SEES, { inlineBytes: 1500, uploads })
    const bytesAt = (place: string) =>
      all.reduce((sum, { file }, i) => sum + (places[i] === place ? file.bytes : 0), 0)
    expect(bytesAt('inline')).toBeLessThanOrEqual(1500)
    for (const [i, place] of places.entries()) {
      expect(place === 'text').toBe(files[i]!.type === 'text/plain' && files[i]!.bytes <= 100)
      if (place === 'upload') expect(uploads).toBe(true)
    }
  })
  fc.assert(property)
})

test('a conversation with a picture each turn keeps the beginning of its prompts, but for a few steps', () => {
  const turn = fc.record({ bytes: fc.integer({ min: 80, max: 160 }), made: fc.boolean() })
  const forty = fc.array(turn, { minLength: 40, maxLength: 40 })
  const property = fc.property(forty, (turns) => {
    const pictures = turns.map(({ bytes }) => fileRef({ type: 'image/png', bytes }))
    let before: ModelMessage[] = []
    let steps = 0
    for (let now = 0; now < turns.length; now++) {
      const asked = pictures.slice(0, now + 1)
      const places = placeFiles(
        asked.map((file, i) => ({ file, earlier: i < now })),
        SEES,
        inline,
      )
      const history = turns.slice(0, now).map(({ made }, i) => ({
        prompt: `Question ${i}`,
        files: made ? [] : [pictures[i]!],
        answer: `Answer ${i}`,
        made: made ? [pictures[i]!] : [],
      }))
      const task = { history, prompt: `Question ${now}`, files: [pictures[now]!] }
      const messages = messagesOf(task, (file) => {
        const place = places[asked.indexOf(file)]!
        return { type: 'file', mediaType: place, data: file.file_id }
      })
      const last = before.slice(0, -1)
      if (!isDeepStrictEqual(messages.slice(0, last.length), last)) steps++
      before = messages

      const kept = asked.filter((_, i) => places[i] === 'inline')
      const fits = asked.filter((_, i) => sizeOf(asked.slice(i)) <= inline.inlineBytes)
      expect(kept).toEqual(asked.slice(asked.length - kept.length))
      expect(sizeOf(kept)).toBeGreaterThanOrEqual(sizeOf(fits) / 2)
      expect(kept.length).toBeGreaterThan(fits.length / 2)
      if (fits.length === asked.length) expect(kept).toEqual(asked)
    }
    expect(steps).toBeLessThanOrEqual(40 / 3)
  })
  fc.assert(property)
})

const sizeOf = (files: FileRef[]) => files.reduce((sum, { bytes }) => sum + bytes, 0)
