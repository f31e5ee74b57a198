export type FileMethod = 'GET' | 'PUT'

/** A right to one file for one use. `expiresAt`: in seconds since 1970. */
export type FileGrant = { method: FileMethod; fileId: string; owner: string; expiresAt: number }

/** An id in the path cannot hold a line break, so no two grants are signed as the same text. */
const PATH = /^\/v1\/files\/([0-9a-f-]{36})$/
const EXPIRES = /^\d{1,12}$/

/**
 * The path and query under which a worker may fetch (GET) or store (PUT) a file at the gateway until
 * a time: `/v1/files/{fileId}?owner=…&expires=…&signature=…`. The signature is HMAC-SHA-256 (RFC 2104)
 * in base64url (RFC 4648, section 5).
 */
export async function signFileUrl(secret: string, grant: FileGrant): Promise<string> {
  const signature = await crypto.subtle.sign('HMAC', await keyOf(secret), signedText(grant))
  const query = new URLSearchParams({
    owner: grant.owner,
    expires: String(grant.expiresAt),
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
): Promise<{ fileId: string; owner: string } | 'expired' | 'forged'> {
  const fileId = PATH.exec(url.pathname)?.[1]
  const owner = url.searchParams.get('owner')
  const expires = url.searchParams.get('expires') ?? ''
  const signature = bytesOfBase64Url(url.searchParams.get('signature') ?? '')
  if (fileId === undefined || owner === null || !EXPIRES.test(expires) || !signature) {
    return 'forged'
  }
  const expiresAt = Number(expires)
  const text = signedText({ method, fileId, owner, expiresAt })
  // `verify` compares in a time that tells nothing of where two signatures differ.
  if (!(await crypto.subtle.verify('HMAC', await keyOf(secret), signature, text))) return 'forged'
  return expiresAt * 1000 > Date.now() ? { fileId, owner } : 'expired'
}

function signedText({ method, fileId, owner, expiresAt }: FileGrant): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode([method, fileId, owner, expiresAt].join('\n'))
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
