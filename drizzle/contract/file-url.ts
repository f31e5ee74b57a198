export type FileMethod = 'GET' | 'PUT'

/**
 * A right to one file for one use. `expiresAt`: in seconds since 1970. `name`: under which the file is given
 * out, where it has one.
 */
export type FileGrant = {
  method: FileMethod
  fileId: string
  owner: string
  expiresAt: number
  name?: string | undefined
}

const PATH = /^\/v1\/files\/([0-9a-f-]{36})$/
const EXPIRES = /^\d{1,12}$/

/**
 * The path and query under which a worker may fetch (GET) or store (PUT) a file at the gateway until
 * a time: `/v1/files/{fileId}?owner=…&expires=…&name=…&signature=…`. The signature is HMAC-SHA-256 (RFC 2104)
 * in base64url (RFC 4648, section 5).
 */
export async function signFileUrl(secret: string, grant: FileGrant): Promise<string> {
  const signature = await crypto.subtle.sign('HMAC', await keyOf(secret), signedText(grant))
  const query = new URLSearchParams({
    owner: grant.owner,
    expires: String(grant.expiresAt),
    ...(grant.name !== undefined && { name: grant.name }),
    signature: base64Url(new Uint8Array(signature)),
  })
  return `/v1/files/${grant.fileId}?${query}`
}

/**
 * What a signed URL lets its bearer do with this method: which file, of which owner. `forged` where
 * nobody with the secret signed it so; `expired` where somebody did and its time is over.
 */
export async function verifyFileUrl(
  secret: string,
  method: FileMethod,
  url: URL,
): Promise<Omit<FileGrant, 'method' | 'expiresAt'> | 'expired' | 'forged'> {
  const fileId = PATH.exec(url.pathname)?.[1]
  const owner = url.searchParams.get('owner')
  const expires = url.searchParams.get('expires') ?? ''
  const name = url.searchParams.get('name') ?? undefined
  const signature = bytesOfBase64Url(url.searchParams.get('signature') ?? '')
  if (fileId === undefined || owner === null || !EXPIRES.test(expires) || !signature) {
    return 'forged'
  }
  const expiresAt = Number(expires)
  const text = signedText({ method, fileId, owner, expiresAt, name })
  // `verify` compares in a time that tells nothing of where two signatures differ.
  if (!(await crypto.subtle.verify('HMAC', await keyOf(secret), signature, text))) return 'forged'
  return expiresAt * 1000 > Date.now() ? { fileId, owner, name } : 'expired'
}

/**
 * No two grants are signed as the same text: only an owner can hold a line break, and the last line is a
 * number where there is no name.
 */
function signedText(grant: FileGrant): Uint8Array<ArrayBuffer> {
  const { method, fileId, owner, expiresAt, name } = grant
  const lines = [method, fileId, owner, expiresAt]
  if (name !== undefined) lines.push(`name=${encodeURIComponent(name)}`)
  return new TextEncoder().encode(lines.join('\n'))
}

function keyOf(secret: string): Promise<CryptoKey> {
  const bytes = new TextEncoder().encode(secret)
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  return crypto.subtle.importKey('raw', bytes, algorithm, false, ['sign', 'verify'])
}

function base64Url(bytes: Uint8Array): string {
  const base64 = btoa(String.fromCharCode(...bytes))
  return base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

function bytesOfBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[\w-]{43}$/.test(text)) return undefined
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(binary, (character) => character.charCodeAt(0))
}
