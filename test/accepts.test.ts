import { expect, test } from 'vitest'
import { whyRefused } from '../drizzle/contract/accepts.ts'

type Case = [model: string, type: string, bytes: number, says: string | undefined]

test.each<Case>([
  ['gemini-2.5-flash', 'application/pdf', 20_000_000, undefined],
  ['gemini-2.5-flash', 'image/webp', 2_000_000, undefined],
  ['deepseek-chat', 'text/plain', 1000, undefined],
  ['qwen2.5-vl:7b', 'image/png', 1000, undefined],
  ['qwen3', 'image/png', 1000, 'it is image/png, and the model takes only text in UTF-8'],
  [
    'gemini-2.5-pro',
    'application/zip',
    1,
    'it is application/zip, and the model takes only text in UTF-8, pictures (PNG, JPEG, WebP), PDF, sound, and video',
  ],
  ['qwen3', 'text/plain', 500_000, 'its 500000 bytes are more than the model takes of text/plain'],
])('%s and a file of type %s and %i bytes', (model, type, bytes, says) => {
  expect(whyRefused(model, { type, bytes })).toBe(says)
})
