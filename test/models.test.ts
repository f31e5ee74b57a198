import { expect, test } from 'vitest'
import { whyNotTaken } from '../drizzle/contract/input-kind.ts'
import { familyNamed, familyOfModel, MODEL_FAMILIES } from '../drizzle/contract/models.ts'
import type { ClaimedTask } from '../drizzle/statements/claim-tasks-if-pending.ts'
import { openModels } from '../workers-node/models.ts'
import { baseUrlOf } from '../workers-node/providers/openai-compatible.ts'
import { readWorkerSettings } from '../workers-node/settings.ts'
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

test.each([
  ['gemini-2.5-flash', ['text'], ['text', 'image', 'pdf', 'audio', 'video'], true],
  ['gemini-2.5-flash-image', ['text', 'image'], ['text', 'image'], false],
  ['gemini-2.0-flash', ['text'], ['text', 'image', 'pdf', 'audio', 'video'], false],
  ['qwen2.5-vl:7b', ['text'], ['text', 'image'], true],
  ['qwen3', ['text'], ['text'], true],
])('%s makes %j, takes %j', (model, makes, takes, reasoning) => {
  const row = familyOfModel(model)!
  expect([row.makes, Object.keys(row.accepts), row.reasoning]).toEqual([makes, takes, reasoning])
})

test('a time-out is that of the settings, else of the very model, else of its family', () => {
  const worker = { DATABASE_URL: 'postgres://x', REDIS_URL: 'redis://x', GEMINI_API_KEY: 'a' }
  const timeoutsOf = (model: string, settings: Record<string, string> = {}) => {
    const environment = { ...worker, WORKER_STREAMS: 'gemini', ...settings }
    const task = { family: 'gemini', model, node_url: null } as ClaimedTask
    return openModels(readWorkerSettings(environment)).modelFor(task).timeouts
  }
  const family = familyNamed('gemini').timeouts
  expect(timeoutsOf('gemini-2.5-pro')).toEqual(family)
  expect(timeoutsOf('gemini-2.5-flash-image')).toEqual({
    ...family,
    firstTokenMs: 120_000,
    idleMs: 120_000,
  })
  const set = { IDLE_TIMEOUT_MS: '7000', TOTAL_TIMEOUT_MS: '9000' }
  expect(timeoutsOf('gemini-2.5-flash-image', set)).toEqual({
    ...family,
    firstTokenMs: 120_000,
    idleMs: 7000,
    totalMs: 9000,
  })
})

test.each([
  ['image/png', 1000, undefined],
  ['IMAGE/PNG; x=y', 1001, 'size'],
  ['application/json', 10, undefined],
  ['image/svg+xml', 11, 'size'],
  ['application/pdf', 1, 'type'],
  ['image/gif', 1, 'type'],
  ['application/zip', 1, 'type'],
  ['constructor', 1, 'type'],
])('a file of type %s with %i bytes is not taken for its %s', (type, bytes, why) => {
  expect(whyNotTaken({ image: 1000, text: 10 }, { type, bytes })).toBe(why)
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
