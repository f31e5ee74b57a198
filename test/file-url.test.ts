import { describe, expect, it } from 'vitest'
import { type FileGrant, signFileUrl, verifyFileUrl } from '../drizzle/contract/file-url.ts'

const SECRET = 'a-secret-of-the-tests-with-32-characters'
const FILE = '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f'
const OTHER_FILE = '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e70'

const soon = () => Math.floor(Date.now() / 1000) + 60
const grant = (given: Partial<FileGrant> = {}): FileGrant => ({
  method: 'GET',
  fileId: FILE,
  owner: 'örtlich & co/%0A',
  expiresAt: soon(),
  ...given,
})
const signed = async (given: Partial<FileGrant> = {}, secret = SECRET) =>
  new URL(await signFileUrl(secret, grant(given)), 'https://gateway.example')

describe('file URLs', () => {
  it('tell which file of which owner they are for', async () => {
    const url = await signed()
    expect(url.pathname).toBe(`/v1/files/${FILE}`)
    expect([...url.searchParams.keys()]).toEqual(['owner', 'expires', 'signature'])
    const { fileId, owner } = grant()
    expect(await verifyFileUrl(SECRET, 'GET', url)).toEqual({ fileId, owner })
  })

  it('serve for their time only', async () => {
    const expiresAt = Math.floor(Date.now() / 1000) - 1
    expect(await verifyFileUrl(SECRET, 'GET', await signed({ expiresAt }))).toBe('expired')
  })

  it('serve for one method, file, owner and time, by one secret', async () => {
    const url = await signed()
    expect(await verifyFileUrl(SECRET, 'PUT', url)).toBe('forged')
    expect(await verifyFileUrl(`${SECRET}!`, 'GET', url)).toBe('forged')
    const changed = [
      url.href.replace(FILE, OTHER_FILE),
      url.href.replace('owner=', 'owner=x'),
      url.href.replace('expires=', 'expires=9'),
      url.href.replace('&expires=', '%0A&expires='),
    ]
    for (const href of changed) {
      expect(await verifyFileUrl(SECRET, 'GET', new URL(href)), href).toBe('forged')
    }
  })

  it('carry the name under which the file is given out, and no other', async () => {
    const name = "a & b='ü'\n\ud83d\ude00%0A.png"
    const url = await signed({ name })
    const { fileId, owner } = grant()
    expect(await verifyFileUrl(SECRET, 'GET', url)).toEqual({ fileId, owner, name })
    for (const other of ['', 'b', null]) {
      const changed = new URL(url)
      if (other === null) changed.searchParams.delete('name')
      else changed.searchParams.set('name', other)
      expect(await verifyFileUrl(SECRET, 'GET', changed)).toBe('forged')
    }
    const nameless = await signed()
    nameless.searchParams.set('name', 'a')
    expect(await verifyFileUrl(SECRET, 'GET', nameless)).toBe('forged')
  })

  it('are forged where a part is missing or has no such form', async () => {
    const url = await signed()
    for (const name of ['owner', 'expires', 'signature']) {
      const without = new URL(url)
      without.searchParams.delete(name)
      expect(await verifyFileUrl(SECRET, 'GET', without), name).toBe('forged')
    }
    for (const signature of ['', 'abc', '!'.repeat(43), 'A'.repeat(43)]) {
      const other = new URL(url)
      other.searchParams.set('signature', signature)
      expect(await verifyFileUrl(SECRET, 'GET', other), signature).toBe('forged')
    }
    for (const path of ['/v1/files/', `/v1/files/${FILE}/x`, '/v1/files/a%0Ab']) {
      const other = new URL(url)
      other.pathname = path
      expect(await verifyFileUrl(SECRET, 'GET', other), path).toBe('forged')
    }
  })
})
