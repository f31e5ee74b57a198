import type { Context } from 'hono'
import { type FileGrant, type FileMethod, verifyFileUrl } from '../drizzle/contract/file-url.ts'
import { ApiError } from './api-error.ts'
import type { ObjectStore } from './object-store.ts'
import { type AppEnv, notFound } from './operation.ts'

/** What a signed URL lets its bearer do, and where. Throws ApiError 403 or 404. */
export async function grantOf(
  c: Context<AppEnv>,
  method: FileMethod,
): Promise<Pick<FileGrant, 'fileId' | 'owner' | 'name'> & { objects: ObjectStore }> {
  const { files } = c.var
  if (!files) throw notFound('file')
  const grant = await verifyFileUrl(files.urlSecret, method, new URL(c.req.url))
  if (typeof grant === 'object') return { ...grant, objects: files.objects }
  throw new ApiError(
    'forbidden',
    grant === 'expired'
      ? 'The time of this address is over: ask for the batch again, which gives a new one.'
      : 'This address was not given by this gateway, or has been changed since.',
  )
}
