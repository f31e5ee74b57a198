import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Conversations } from '../drizzle/contract/http-api.ts'
import { errorOf, post } from './setup/client.ts'
import { as, LOCAL_KEY, OPERATOR_KEY, OTHER_KEY } from './setup/send-key.ts'
import { spawnProgram } from './setup/spawn-program.ts'
import { RUNTIMES, type RunningGateway, startGateway } from './setup/start-gateway.ts'
import { type Stack, startStack } from './stack.ts'

const NOBODY = as('')
/** Of owners that one test alone counts. */
const FILES_KEY = 'key-of-one-who-sends-files'
const ELSEWHERE = 'https://elsewhere.example'

let stack: Stack
beforeAll(async () => {
  stack = await startStack({ workers: 0 })
}, 60_000)
afterAll(() => stack?.stop())

async function gatewayWith(settings: Record<string, string>): Promise<RunningGateway> {
  const gateway = await startGateway('node', { ...stack.gatewaySettings, ...settings })
  onTestFinished(() => gateway.stop())
  return gateway
}

/** The cookie of a new visitor, as the header that brings it. */
async function newVisitor(url: string, given: Record<string, string> = {}): Promise<string> {
  const headers = { ...NOBODY, ...given, 'sec-fetch-site': 'same-origin' }
  const answer = await fetch(`${url}/v1/session`, { method: 'POST', headers })
  expect(answer.status).toBe(204)
  return answer.headers.getSetCookie()[0]!
}
const nameAndValue = (cookie: string) => cookie.split(';')[0]!

const listed = async (url: string, headers: Record<string, string>) => {
  const answer = await fetch(`${url}/v1/conversations`, { headers })
  expect(answer.status).toBe(200)
  const { conversations } = (await answer.json()) as Conversations
  return conversations.map(({ title }) => title)
}

describe.each(RUNTIMES)('on %s', (runtime) => {
  let gateway: RunningGateway
  beforeAll(async () => {
    const { FILES_DIR: _, ...settings } = stack.gatewaySettings
    gateway = await startGateway(runtime, settings)
  }, 60_000)
  afterAll(() => gateway?.stop())

  test('nobody gets in, but to what is public', async () => {
    const statusOf = async (path: string) =>
      (await fetch(gateway.url + path, { headers: NOBODY })).status
    for (const path of ['/v1/models', '/v1/conversations', '/v1/nothing', '/v1/batches/x']) {
      expect(`${path} ${await statusOf(path)}`).toBe(`${path} 401`)
    }
    for (const path of ['/health', '/openapi.json']) {
      expect(`${path} ${await statusOf(path)}`).toBe(`${path} 200`)
    }
    const refused = await fetch(`${gateway.url}/v1/models`, { headers: NOBODY })
    expect(refused.headers.get('www-authenticate')).toBe('Bearer')
    expect(await errorOf(refused)).toMatchObject({ code: 'unauthorized' })
  })

  test('a key must be the right one, whole, and is taken before any cookie', async () => {
    const cookie = nameAndValue(await newVisitor(gateway.url))
    for (const authorization of [
      `Bearer ${LOCAL_KEY.slice(0, -1)}`,
      `Bearer ${LOCAL_KEY}x`,
      'Bearer local',
      'Bearer',
      `Bearer ${LOCAL_KEY} ${LOCAL_KEY}`,
    ]) {
      const headers = { authorization, cookie }
      expect((await fetch(`${gateway.url}/v1/models`, { headers })).status).toBe(401)
    }
    for (const authorization of [`Basic ${LOCAL_KEY}`, LOCAL_KEY]) {
      const statusWith = async (headers: Record<string, string>) =>
        (await fetch(`${gateway.url}/v1/models`, { headers })).status
      expect(await statusWith({ authorization })).toBe(401)
      // It is for a proxy in front of us.
      expect(await statusWith({ authorization, cookie })).toBe(200)
    }
    const headers = { authorization: `bearer ${LOCAL_KEY}` }
    expect((await fetch(`${gateway.url}/v1/models`, { headers })).status).toBe(200)
  })

  test('a visitor has what it sends, and nobody else has it', async () => {
    const set = await newVisitor(gateway.url)
    expect(set).toMatch(/; HttpOnly/)
    expect(set).toMatch(/; SameSite=Strict/)
    const mine = { ...NOBODY, cookie: nameAndValue(set), 'sec-fetch-site': 'same-origin' }
    const theirs = { ...mine, cookie: nameAndValue(await newVisitor(gateway.url)) }
    expect((await post(gateway.url, { prompt: `of ${runtime}` }, mine)).status).toBe(202)
    expect(await listed(gateway.url, mine)).toEqual([`of ${runtime}`])
    expect(await listed(gateway.url, theirs)).toEqual([])
    expect(await listed(gateway.url, as(OPERATOR_KEY))).toEqual([])
    // The cookie that is there already is given again.
    const again = await newVisitor(gateway.url, { cookie: nameAndValue(set) })
    expect(nameAndValue(again)).toBe(nameAndValue(set))
  })

  test('a cookie that was changed, or signed by another, is nobody', async () => {
    const cookie = nameAndValue(await newVisitor(gateway.url))
    const [value, signature] = cookie.split('.') as [string, string]
    const other = nameAndValue(await newVisitor(gateway.url)).split('.')[1]!
    for (const forged of [`${value.slice(0, -1)}x.${signature}`, `${value}.${other}`, value]) {
      const headers = { ...NOBODY, cookie: forged }
      expect((await fetch(`${gateway.url}/v1/models`, { headers })).status).toBe(401)
    }
  })

  test('with a cookie, changes come from our own page only', async () => {
    const cookie = nameAndValue(await newVisitor(gateway.url))
    const statusFrom = async (headers: Record<string, string>) =>
      (await post(gateway.url, { prompt: 'a' }, { ...NOBODY, cookie, ...headers })).status
    expect(await statusFrom({})).toBe(403)
    expect(await statusFrom({ origin: ELSEWHERE })).toBe(403)
    expect(await statusFrom({ origin: 'null' })).toBe(403)
    expect(await statusFrom({ 'sec-fetch-site': 'cross-site', origin: gateway.url })).toBe(403)
    expect(await statusFrom({ 'sec-fetch-site': 'same-site' })).toBe(403)
    expect(await statusFrom({ origin: gateway.url })).toBe(202)
    expect(await statusFrom({ 'sec-fetch-site': 'same-origin' })).toBe(202)
    const headers = { ...NOBODY, origin: ELSEWHERE }
    const session = await fetch(`${gateway.url}/v1/session`, { method: 'POST', headers })
    expect(session.status).toBe(403)
  })

  test('every answer is data for nobody to show as a page', async () => {
    for (const path of ['/health', '/v1/models', '/v1/nothing', '/openapi.json']) {
      const { headers } = await fetch(gateway.url + path)
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('content-security-policy')).toMatch(/default-src 'none'/)
      expect(headers.get('referrer-policy')).toBe('no-referrer')
      expect(headers.get('x-frame-options')).toBe('DENY')
    }
  })
})

test('a page of another origin is let in where its origin is listed, with a key and no cookie', async () => {
  const { url } = await gatewayWith({ CORS_ORIGINS: `${ELSEWHERE}, https://other.example` })
  const preflight = (origin: string) =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'OPTIONS',
      headers: {
        ...NOBODY,
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization, idempotency-key',
      },
    })
  const listed = await preflight(ELSEWHERE)
  expect(listed.status).toBe(204)
  expect(listed.headers.get('access-control-allow-origin')).toBe(ELSEWHERE)
  expect(listed.headers.get('access-control-allow-headers')).toMatch(/authorization/i)
  expect(listed.headers.get('access-control-allow-credentials')).toBeNull()
  const stranger = await preflight('https://stranger.example')
  expect(stranger.headers.get('access-control-allow-origin')).toBeNull()
  for (const headers of [as(LOCAL_KEY), NOBODY]) {
    const answer = await fetch(`${url}/v1/models`, { headers: { ...headers, origin: ELSEWHERE } })
    expect(answer.headers.get('access-control-allow-origin')).toBe(ELSEWHERE)
    for (const name of ['X-Request-Id', 'Content-Disposition']) {
      expect(answer.headers.get('access-control-expose-headers')).toContain(name)
    }
  }
})

test('behind a proxy that speaks TLS the cookie is for TLS only', async () => {
  const { url } = await gatewayWith({ TRUST_PROXY: 'true' })
  const tls = { 'x-forwarded-proto': 'http, https' }
  const set = await newVisitor(url, tls)
  expect(set).toMatch(/^__Host-visitor=.*; Secure/)
  const cookie = nameAndValue(set)
  const statusWith = async (headers: Record<string, string>) =>
    (await fetch(`${url}/v1/models`, { headers: { ...NOBODY, ...headers } })).status
  expect(await statusWith({ ...tls, cookie })).toBe(200)
  // A name without the prefix could have been set by another host of the domain.
  expect(await statusWith({ ...tls, cookie: cookie.replace('__Host-', '') })).toBe(401)
  expect(await newVisitor(url)).not.toMatch(/; Secure/)
  expect(await newVisitor(stack.gatewayUrl, { 'x-forwarded-proto': 'https' })).not.toMatch(/Secure/)
})

test('without a list no other origin is let in; without visitors no cookie is given', async () => {
  const { url } = await gatewayWith({ VISITORS: 'off' })
  const headers = { ...as(LOCAL_KEY), origin: ELSEWHERE }
  const answer = await fetch(`${url}/v1/models`, { headers })
  expect(answer.headers.get('access-control-allow-origin')).toBeNull()
  const session = await fetch(`${url}/v1/session`, {
    method: 'POST',
    headers: { ...NOBODY, 'sec-fetch-site': 'same-origin' },
  })
  expect(session.status).toBe(403)
  expect(session.headers.getSetCookie()).toEqual([])
  expect(await errorOf(session)).toMatchObject({ message: expect.stringMatching(/API key/) })
})

test('each minute an owner and an address have so many requests, in one call to Redis', async () => {
  const { url } = await gatewayWith({
    REQUESTS_PER_MINUTE: '5',
    REQUESTS_PER_MINUTE_PER_ADDRESS: '8',
    // Nobody has counted these before.
    TRUST_PROXY: 'true',
  })
  await untilMinuteBegins()
  const from = { 'x-forwarded-for': '203.0.113.9, 2001:db8:1:2::7' }
  const ask = (key: string, path = '/v1/models') =>
    fetch(url + path, { headers: { ...as(key), ...from } })
  // The script is known to Redis from the first call on.
  const first = await ask(LOCAL_KEY, '/v1/tasks/x')
  expect(first.headers.get('ratelimit')).toMatch(/^"owner";r=4;t=\d+, "address";r=7;t=\d+$/)
  expect(first.headers.get('ratelimit-policy')).toBe('"owner";q=5;w=60, "address";q=8;w=60')
  stack.rest.take()
  await ask(LOCAL_KEY, '/v1/tasks/x')
  expect(stack.rest.take().length).toBe(1)
  for (let i = 0; i < 3; i++) await ask(LOCAL_KEY, '/v1/tasks/x')
  const over = await ask(LOCAL_KEY)
  expect(over.status).toBe(429)
  const error = await errorOf(over)
  expect(error).toMatchObject({ code: 'rate_limited', message: /more than 5 requests/ })
  expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(Number(over.headers.get('retry-after'))).toBeLessThanOrEqual(60)
  // The address has two left, of whichever owner, and of nobody.
  expect((await ask(OTHER_KEY)).status).toBe(200)
  expect((await ask('')).status).toBe(401)
  expect((await ask(OTHER_KEY)).status).toBe(429)
  // Another network is not over.
  from['x-forwarded-for'] = '2001:db8:1:3::7'
  expect((await ask(OTHER_KEY)).status).toBe(200)
})

test('an address may bring so many new visitors a minute, and those it has as often as they like', async () => {
  const { url } = await gatewayWith({ NEW_VISITORS_PER_MINUTE: '2', TRUST_PROXY: 'true' })
  await untilMinuteBegins()
  const from = {
    ...NOBODY,
    'x-forwarded-for': '198.51.100.7:4711',
    'sec-fetch-site': 'same-origin',
  }
  const visit = (headers = {}) =>
    fetch(`${url}/v1/session`, { method: 'POST', headers: { ...from, ...headers } })
  const cookie = nameAndValue((await visit()).headers.getSetCookie()[0]!)
  expect((await visit({ 'x-forwarded-for': '198.51.100.7:4712' })).status).toBe(204)
  expect((await visit()).status).toBe(429)
  expect((await visit({ cookie })).status).toBe(204)
  expect((await visit({ 'x-forwarded-for': '198.51.100.8:4711' })).status).toBe(204)
})

test('who guesses keys, tokens or signatures is counted', async () => {
  const { url } = await gatewayWith({
    REQUESTS_PER_MINUTE_PER_ADDRESS: '4',
    TRUST_PROXY: 'true',
    NODE_TOKEN: 'token-of-sixteen-letters',
    NODE_HOSTS: 'node.example',
  })
  await untilMinuteBegins()
  const from = { ...NOBODY, 'x-forwarded-for': '198.51.100.9' }
  const beat = { method: 'POST', headers: { ...from, authorization: 'Bearer guess' } }
  const file = '/v1/files/01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f?owner=local&expires=1&signature=a'
  expect((await fetch(`${url}/v1/nodes/heartbeat`, beat)).status).toBe(401)
  expect((await fetch(url + file, { headers: from })).status).toBe(403)
  expect((await fetch(`${url}/v1/nothing`, { headers: from })).status).toBe(401)
  expect((await fetch(`${url}/v1/models`, { headers: from })).status).toBe(401)
  expect((await fetch(`${url}/v1/models`, { headers: from })).status).toBe(429)
  expect((await fetch(`${url}/v1/nodes/heartbeat`, beat)).status).toBe(429)
  expect((await fetch(url + file, { headers: from })).status).toBe(429)
})

test('an upload that is one too many stores no object', async () => {
  const { url } = await gatewayWith({ REQUESTS_PER_MINUTE: '1', API_KEYS: `files:${FILES_KEY}` })
  await untilMinuteBegins()
  const send = (text: string) =>
    post(url, { prompt: 'a', files: new File([text], 'a.txt') }, as(FILES_KEY))
  expect((await send('first')).status).toBe(202)
  const before = await stack.objectKeys()
  expect((await send('second')).status).toBe(429)
  expect(await stack.objectKeys()).toEqual(before)
})

test('a submit that is one too many stores nothing', async () => {
  const { url } = await gatewayWith({ REQUESTS_PER_MINUTE: '2' })
  await untilMinuteBegins()
  const send = (prompt: string) => post(url, { prompt }, as(OPERATOR_KEY))
  expect((await send('first of two')).status).toBe(202)
  expect((await send('second of two')).status).toBe(202)
  stack.sql.take()
  expect((await send('one too many')).status).toBe(429)
  expect(stack.sql.take()).toEqual([])
  expect(await listed(stack.gatewayUrl, as(OPERATOR_KEY))).toEqual([
    'second of two',
    'first of two',
  ])
})

test('while the Redis of the limits is away, nobody is refused', async () => {
  const { url } = await gatewayWith({
    REQUESTS_PER_MINUTE: '1',
    UPSTASH_REDIS_REST_URL: 'http://127.0.0.1:1',
  })
  for (let i = 0; i < 3; i++) {
    expect((await fetch(`${url}/v1/conversations`)).status).toBe(200)
  }
})

test.each([
  ['VISITORS', { VISITORS: 'on', VISITOR_SECRET: '' }, /^VISITOR_SECRET is missing/m],
  ['a short secret', { VISITORS: 'on', VISITOR_SECRET: 'short' }, /^VISITOR_SECRET is not usable/m],
  ['a key without a name', { API_KEYS: 'sixteen-letters-and-more' }, /^API_KEYS is not usable/m],
  ['a short key', { API_KEYS: 'me:short' }, /^API_KEYS is not usable/m],
  ['an unknown role', { API_KEYS: `me:${LOCAL_KEY}:admin` }, /^API_KEYS is not usable/m],
  ['a key twice', { API_KEYS: `me:${LOCAL_KEY},you:${LOCAL_KEY}` }, /^API_KEYS is not usable/m],
  ['a path', { CORS_ORIGINS: 'https://a.example/b' }, /^CORS_ORIGINS is not usable/m],
])('%s: the gateway does not start, and names the setting', async (_, settings, sentence) => {
  const program = spawnProgram('node', ['edge/node.ts'], {
    ...stack.gatewaySettings,
    ...settings,
    PORT: '0',
  })
  await program.printed(sentence)
  expect(await program.exited).toBe(1)
  for (const secret of Object.values(settings)) {
    if (secret.includes('sixteen') || secret.includes(LOCAL_KEY)) {
      expect(program.output()).not.toContain(secret)
    }
  }
})

/** Windows are whole minutes: what must fall into one must not begin at the end of one. */
async function untilMinuteBegins(): Promise<void> {
  const leftMs = 60_000 - (Date.now() % 60_000)
  if (leftMs < 15_000) await pause(leftMs + 100)
}
