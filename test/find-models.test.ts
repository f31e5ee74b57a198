import { afterAll, beforeAll, expect, test } from 'vitest'
import { findModels } from '../dev/find-models.ts'
import { startSimulatedModels } from '../dev/simulated-models.ts'

const NOBODY = 'http://127.0.0.1:1'
/** It lists its models as Ollama does. */
let ollama: Awaited<ReturnType<typeof startSimulatedModels>>

beforeAll(async () => {
  ollama = await startSimulatedModels()
})
afterAll(() => ollama.close())

const neverSimulated = () => Promise.reject(new Error('no simulated models are needed here'))
const simulated = () => Promise.resolve('http://simulated')

test('a family that nothing is named for is simulated', async () => {
  const found = await findModels({ environment: {}, startSimulated: simulated, ollamaUrl: NOBODY })
  expect(found).toEqual({
    settings: {
      GEMINI_BASE_URL: 'http://simulated',
      GEMINI_API_KEY: 'simulated',
      DEEPSEEK_SERVICE_URL: 'http://simulated',
      LLM_SERVICE_URL: 'http://simulated',
    },
    models: ['gemini-2.5-flash', 'deepseek-r1:1.5b', 'qwen3:1.7b'],
    line: 'gemini: simulated · deepseek: simulated · qwen: simulated',
  })
})

test('an Ollama that answers is used for the families that it has models of', async () => {
  const { settings, line } = await findModels({
    environment: { GEMINI_API_KEY: 'key' },
    startSimulated: neverSimulated,
    ollamaUrl: ollama.url,
  })
  expect(settings).toEqual({ DEEPSEEK_SERVICE_URL: ollama.url, LLM_SERVICE_URL: ollama.url })
  expect(line).toMatch(
    /^gemini: Google · deepseek: Ollama \(deepseek\S+\) · qwen: Ollama \(qwen\S+\)$/,
  )
})

test('what the settings name comes first, and its address is shown without secrets', async () => {
  const { settings, line } = await findModels({
    environment: {
      GEMINI_NODES: 'http://user:hunter2@127.0.0.1:1/v1, http://other',
      DEEPSEEK_API_KEY: 'hunter2',
      LLM_SERVICE_URL: `${ollama.url}/v1/chat/completions`,
    },
    startSimulated: neverSimulated,
    ollamaUrl: ollama.url,
  })
  expect(settings).toEqual({ DEEPSEEK_SERVICE_URL: 'https://api.deepseek.com' })
  expect(line).toBe(
    `gemini: http://127.0.0.1:1/v1 · deepseek: https://api.deepseek.com · qwen: ${ollama.url}/v1/chat/completions`,
  )
})

test('half a setting is an error that names the other half', async () => {
  const environment = { GEMINI_BASE_URL: 'http://x' }
  await expect(
    findModels({ environment, startSimulated: simulated, ollamaUrl: NOBODY }),
  ).rejects.toThrow(/^GEMINI_API_KEY is missing/)
})
