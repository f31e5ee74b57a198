import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { signFileUrl } from '../drizzle/contract/file-url.ts'
import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import { createApp } from '../edge/app.ts'
import { Identities } from '../edge/identity.ts'
import { Limiter } from '../edge/limiter.ts'
import { DatabaseError } from '../edge/neon.ts'
import { readEdgeSettings } from '../edge/settings.ts'
import type { RedisDoor } from '../edge/upstash.ts'
import { PNG } from './setup/pictures.ts'
import { as, LOCAL_KEY } from './setup/send-key.ts'

const URL_SECRET = 'a secret of the tests, thirty-two long'
const NEW_ID = '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f'

/** A gateway whose statements fail by these codes, one after the other, and the objects in its store. */
function gatewayWith(codes: string[]) {
  const keys = new Set<string>()
  const left = [...codes]
  const postgres: PostgresDoor = {
    async run() {
      const code = left.shift()!
      throw new DatabaseError(code, code === 'unreachable')
    },
  }
  const objects = {
    async put(key: string, bytes: AsyncIterable<Uint8Array>) {
      for await (const _ of bytes);
      keys.add(key)
    },
    get: async () => null,
    async delete(key: string) {
      keys.delete(key)
    },
  }
  const settings = readEdgeSettings({
    DATABASE_URL: 'postgres://nowhere',
    UPSTASH_REDIS_REST_URL: 'http://nowhere',
    UPSTASH_REDIS_REST_TOKEN: 'none',
  })
  const app = createApp({
    settings,
    postgres,
    redis: {} as RedisDoor,
    files: { objects, urlSecret: URL_SECRET },
    identities: new Identities({
      keys: [{ name: 'local', key: LOCAL_KEY, operator: false }],
      visitorSecret: undefined,
      isHttps: () => false,
    }),
    limiter: new Limiter(settings),
    addressOf: () => undefined,
  })
  return { app, keys }
}

/** As often as a statement is tried. */
const DEADLOCKS = Array<string>(4).fill('40P01')

const SENT: Record<string, (app: ReturnType<typeof createApp>) => Promise<Response>> = {
  async 'a submit'(app) {
    const body = new FormData()
    body.append('prompt', 'Look')
    body.append('files', new File([PNG], 'a.png'))
    return app.request('/v1/chat/completions', { method: 'POST', body, headers: as(LOCAL_KEY) })
  },
  async 'a picture'(app) {
    const expiresAt = Math.floor(Date.now() / 1000) + 60
    const grant = { method: 'PUT', fileId: NEW_ID, owner: 'local', expiresAt } as const
    const address = await signFileUrl(URL_SECRET, grant)
    return app.request(address, { method: 'PUT', body: PNG as BodyInit })
  },
}

test.each([
  ['a submit', ['unreachable', ...DEADLOCKS], 503],
  ['a submit', ['unreachable', 'unreachable', '53300'], 503],
  ['a submit', ['57P03'], 503],
  ['a picture', ['unreachable', ...DEADLOCKS], 503],
  ['a picture', ['unreachable', '23505'], 503],
  ['a picture', ['53300'], 503],
])('%s keeps its object after %j, as a row may name it', async (what, codes, status) => {
  const { app, keys } = gatewayWith(codes)
  expect((await SENT[what]!(app)).status).toBe(status)
  await sleep(20)
  expect(keys.size).toBe(1)
})

test.each([
  ['a submit', DEADLOCKS, 503],
  ['a submit', ['22001'], 500],
  ['a picture', DEADLOCKS, 503],
  ['a picture', ['23505'], 400],
])('%s keeps nothing after %j, as no row can name it', async (what, codes, status) => {
  const { app, keys } = gatewayWith(codes)
  expect((await SENT[what]!(app)).status).toBe(status)
  await sleep(20)
  expect(keys.size).toBe(0)
})
