import type { Context } from 'hono'
import { signFileUrl } from '../drizzle/contract/file-url.ts'
import type { File } from '../drizzle/contract/http-api.ts'
import type { StoredFile } from '../drizzle/statements/as-json.ts'
import type { AppEnv } from './operation.ts'

const HOUR_S = 3600

/**
 * Until when the addresses that are given now are good, in seconds since 1970: one to two hours from
 * now. It stays the same for an hour: a page that polls does not load its pictures anew.
 */
export function urlsUntil(): number {
  return (Math.floor(Date.now() / 1000 / HOUR_S) + 2) * HOUR_S
}

/** Adds to files of the caller where to fetch them. */
export function withUrls(c: Context<AppEnv>, files: StoredFile[]): Promise<File[]> {
  const { files: store, owner } = c.var
  const expiresAt = urlsUntil()
  return Promise.all(
    files.map(async (file) => {
      const { file_id: fileId, name } = file
      const grant = { method: 'GET', fileId, owner, expiresAt, name } as const
      const url = store ? await signFileUrl(store.urlSecret, grant) : null
      return { ...file, url }
    }),
  )
}
