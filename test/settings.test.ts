import { expect, test } from 'vitest'
import { spawnProgram } from './setup/spawn-program.ts'

const POSTGRES = 'postgres://u:hunter2@127.0.0.1:1/d'
const worker = {
  DATABASE_URL: POSTGRES,
  REDIS_URL: 'redis://127.0.0.1:1',
  LLM_SERVICE_URL: 'http://x',
}
const gateway = {
  DATABASE_URL: POSTGRES,
  UPSTASH_REDIS_REST_URL: 'http://127.0.0.1:1',
  UPSTASH_REDIS_REST_TOKEN: 'hunter2',
}
const WORKER = ['node', 'workers-node/main.ts']
const NODE = ['node', 'edge/node.ts']
const DENO = ['deno', 'run', '--allow-net', '--allow-env', '--allow-read', 'edge/deno.ts']
const MIGRATE = ['node', 'drizzle/migrate.ts']

type Case = [program: string[], settings: Record<string, string>, says: RegExp]

test.each<Case>([
  [WORKER, { ...worker, DATABASE_URL: '' }, /^DATABASE_URL is missing/],
  [
    WORKER,
    { ...worker, DATABASE_URL: 'mysql://hunter2' },
    /^DATABASE_URL is not usable: .*postgres:/,
  ],
  [WORKER, { ...worker, REDIS_URL: '' }, /^REDIS_URL is missing/],
  [WORKER, { ...worker, WORKER_STREAMS: 'qwen,gpt' }, /^WORKER_STREAMS is not usable: .*gemini/],
  [WORKER, { ...worker, WORKER_STREAMS: 'gemini' }, /^GEMINI_API_KEY is missing: .*GEMINI_NODES/],
  [WORKER, { ...worker, WORKER_STREAMS: 'deepseek' }, /^DEEPSEEK_SERVICE_URL is missing/],
  [
    WORKER,
    { ...worker, WORKER_STREAMS: 'qwen', LLM_SERVICE_URL: '' },
    /^LLM_SERVICE_URL is missing/,
  ],
  [WORKER, { ...worker, WORKER_STREAMS: 'qwen', LLM_SERVICE_URL: 'x' }, /^LLM_SERVICE_URL is not/],
  [WORKER, { ...worker, LEASE_MS: '10s' }, /^LEASE_MS is not usable: .*whole number/],
  [
    WORKER,
    { ...worker, WORKER_CONCURRENCY: '0' },
    /^WORKER_CONCURRENCY is not usable: .*1 to 1000/,
  ],
  [WORKER, { ...worker, WORKER_ID: 'a b' }, /^WORKER_ID is not usable/],
  [
    WORKER,
    { ...worker, DATABASE_DIRECT_URL: 'https://hunter2' },
    /^DATABASE_DIRECT_URL is not usable: .*postgres:/,
  ],
  [WORKER, { ...worker, MAX_ATTEMPTS: '0' }, /^MAX_ATTEMPTS is not usable: .*1 to 100/],
  [WORKER, { ...worker, MAX_DEATHS: '-1' }, /^MAX_DEATHS is not usable: .*whole number/],
  [WORKER, { ...worker, IDLE_TIMEOUT_MS: '1' }, /^IDLE_TIMEOUT_MS is not usable: .*from 100/],
  [WORKER, { ...worker, GATEWAY_URL: 'ftp://x' }, /^GATEWAY_URL is not usable: .*http:/],
  [
    WORKER,
    { ...worker, FILE_URL_SECRET: 'hunter2' },
    /^FILE_URL_SECRET is not usable: .*at least 32/,
  ],
  [WORKER, { ...worker, ENABLE_DB_LOG: 'yes' }, /^ENABLE_DB_LOG is not usable: .*true or false/],
  [NODE, { ...gateway, DATABASE_URL: '' }, /^DATABASE_URL is missing/],
  [NODE, { ...gateway, UPSTASH_REDIS_REST_TOKEN: '' }, /^UPSTASH_REDIS_REST_TOKEN is missing/],
  [NODE, { ...gateway, PORT: '99999' }, /^PORT is not usable/],
  [NODE, { ...gateway, MAX_BODY_BYTES: '1' }, /^MAX_BODY_BYTES is not usable/],
  [NODE, { ...gateway, MAX_OPEN_TASKS: '-1' }, /^MAX_OPEN_TASKS is not usable: .*whole number/],
  [NODE, { ...gateway, MAX_QUEUE_DEPTH: '1e4' }, /^MAX_QUEUE_DEPTH is not usable/],
  [NODE, { ...gateway, FILES_DIR: '/tmp' }, /^FILE_URL_SECRET is missing: .*32/],
  [
    NODE,
    { ...gateway, FILES_DIR: '/tmp', FILE_URL_SECRET: 'hunter2' },
    /^FILE_URL_SECRET is not usable: .*32 characters/,
  ],
  [
    NODE,
    { ...gateway, NODE_TOKEN: 'hunter2-hunter2-hunter2' },
    /^NODE_HOSTS is missing: .*NODE_TOKEN/,
  ],
  [
    DENO,
    { ...gateway, NODE_TOKEN: 'hunter2-hunter2-hunter2', NODE_HOSTS: 'http://hunter2' },
    /^NODE_HOSTS is not usable: .*comma list/,
  ],
  [WORKER, { ...worker, PICTURE_HOSTS: '*' }, /^PICTURE_HOSTS is not usable: .*comma list/],
  [NODE, { ...gateway, S3_ENDPOINT: 'http://x' }, /^S3_BUCKET is missing: .*S3_ENDPOINT/],
  [NODE, { ...gateway, S3_ENDPOINT: 's3://x' }, /^S3_ENDPOINT is not usable: .*http:/],
  [DENO, { ...gateway, FILES_DIR: '/tmp' }, /^FILES_DIR is not usable: .*only the gateway on Node/],
  [
    DENO,
    { ...gateway, UPSTASH_REDIS_REST_URL: 'redis://x' },
    /^UPSTASH_REDIS_REST_URL is not usable/,
  ],
  [MIGRATE, {}, /^DATABASE_URL is missing/],
])('%j with a bad setting ends with one line that names it', async ([
  command,
  ...args
], settings, says) => {
  const program = spawnProgram(command!, args, settings)
  expect(await program.exited).toBe(1)
  const lines = program.output().trim().split('\n')
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(says)
  expect(lines[0]).not.toContain('hunter2')
})
