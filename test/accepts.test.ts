import { expect, test } from 'vitest'
import { whyRefused, whyRefusedTogether } from '../drizzle/contract/accepts.ts'
import { MODEL_FAMILIES } from '../drizzle/contract/models.ts'
import { providerOf } from '../workers-node/providers/provider-of.ts'

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

const MB = 1024 * 1024

test.each<[model: string, pictures: number[], texts: number[], says: string | undefined]>([
  ['qwen2.5-vl:7b', [10 * MB, 10 * MB], [100_000], undefined],
  [
    'qwen2.5-vl:7b',
    [8 * MB, 8 * MB, 8 * MB],
    [],
    'their 25165824 bytes are more than the 20971520 bytes that it takes with one prompt',
  ],
  ['gemini-2.5-flash', [20 * MB, 20 * MB, 20 * MB], [], undefined],
  ['gpt-9', [], [], undefined],
])('%s and pictures of %j bytes, texts of %j bytes', (model, pictures, texts, says) => {
  const files = [
    ...pictures.map((bytes) => ({ type: 'image/png', bytes })),
    ...texts.map((bytes) => ({ type: 'text/plain', bytes })),
  ]
  expect(whyRefusedTogether(model, files)).toBe(says)
})

test.each(
  MODEL_FAMILIES,
)('what $family takes with one prompt is what its provider carries', (row) => {
  const endpoint = { url: 'http://service.test', fetch }
  for (const key of [undefined, 'key']) {
    const { inlineBytes, uploads } = providerOf(row)({ ...endpoint, key })
    const takesFiles = [row, ...row.variants.map(({ is }) => is)].some(({ accepts = {} }) =>
      Object.keys(accepts).some((kind) => kind !== 'text'),
    )
    expect(row.mostFileBytes).toBe(takesFiles && !uploads ? inlineBytes : undefined)
  }
})
