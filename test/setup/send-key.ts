export const LOCAL_KEY = 'key-of-the-local-owner'
export const OTHER_KEY = 'key-of-another-owner'
export const OPERATOR_KEY = 'key-of-an-operator'

/** What every gateway of the tests knows, and that nobody is counted where a test does not ask for it. */
export const IDENTITIES = {
  API_KEYS: `local:${LOCAL_KEY},other:${OTHER_KEY},operator:${OPERATOR_KEY}:operator`,
  VISITORS: 'on',
  VISITOR_SECRET: 'secret-by-which-the-tests-sign-cookies',
  REQUESTS_PER_MINUTE: '0',
  REQUESTS_PER_MINUTE_PER_ADDRESS: '0',
  NEW_VISITORS_PER_MINUTE: '0',
}

/** The headers of a request by the bearer of a key; with '' by nobody. */
export const as = (key: string) => ({ authorization: key && `Bearer ${key}` })

const keys = new Map<string, string>()
const plainFetch = globalThis.fetch

/** From now on, what is fetched there is sent with this key, unless it says who sends it. */
export function sendKeyTo(gatewayUrl: string, key = LOCAL_KEY): void {
  keys.set(new URL(gatewayUrl).origin, key)
  globalThis.fetch = fetchWithKey
}

const fetchWithKey: typeof fetch = (input, init) => {
  const request = input instanceof Request ? input : undefined
  const key = keys.get(new URL(request?.url ?? String(input)).origin)
  if (key === undefined) return plainFetch(input, init)
  const headers = new Headers(init?.headers ?? request?.headers)
  if (!headers.has('authorization')) headers.set('authorization', as(key).authorization)
  else if (headers.get('authorization') === '') headers.delete('authorization')
  return plainFetch(input, { ...init, headers })
}
