import { expect, test } from 'vitest'
import { familyOfModel, MODEL_FAMILIES } from '../drizzle/contract/models.ts'
import { baseUrlOf } from '../workers-node/providers/openai-compatible.ts'
import { cutToBytes, storableText } from '../workers-node/storable-text.ts'

test.each([
  ['gemini-2.5-flash', 'gemini'],
  ['Gemini-3-Pro', 'gemini'],
  ['deepseek-r1:1.5b', 'deepseek'],
  ['qwen3:1.7b', 'qwen'],
  ['千问-max', 'qwen'],
  ['gpt-9', undefined],
  ['my-gemini', undefined],
])('%s belongs to %s', (model, family) => {
  expect(familyOfModel(model)?.family).toBe(family)
})

test('every family has a stream and a group of its own, and lists models that fit it', () => {
  for (const { family, stream, group, models } of MODEL_FAMILIES) {
    expect([stream, group]).toEqual([`${family}_stream`, `${family}_group`])
    for (const model of models) expect(familyOfModel(model)?.family).toBe(family)
  }
})

test.each([
  ['http://host:11434', 'http://host:11434/v1'],
  ['http://host:11434/', 'http://host:11434/v1'],
  ['http://host/v1', 'http://host/v1'],
  ['http://host/v1/', 'http://host/v1'],
  ['http://host/v1/chat/completions', 'http://host/v1'],
  ['https://host/api/v3/chat/completions', 'https://host/api/v3'],
])('the service URL %s has the base %s', (url, base) => {
  expect(baseUrlOf(url)).toBe(base)
})

test.each([
  ['abc', 3, 'abc'],
  ['abc', 2, 'ab'],
  ['aé', 2, 'a'],
  ['語語', 5, '語'],
  ['🎉🎉', 7, '🎉'],
])('%s cut to %i bytes is %s', (text, bytes, cut) => {
  expect(cutToBytes(text, bytes)).toBe(cut)
})

test('a storable text has neither NUL nor lone surrogates', () => {
  expect(storableText('a\0b\ud83dc🎉')).toBe('ab\ufffdc🎉')
})
