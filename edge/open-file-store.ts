import { SettingsError } from '../drizzle/contract/settings.ts'
import type { ObjectStore } from './object-store.ts'
import { readEdgeSettings, readFileUrlSecret, readS3Settings } from './settings.ts'
import { openR2, type R2Bucket } from './stores/r2.ts'
import { openS3 } from './stores/s3.ts'

/** Where files are kept, and the secret by which their addresses are signed. */
export type FileStore = { objects: ObjectStore; urlSecret: string }

/** Opens a folder as a store, where the runtime has folders. */
export type OpenFolder = (path: string) => ObjectStore

/**
 * The store that the environment names: the R2 bucket bound as `FILES`, else S3, else a folder.
 * Undefined where it names none. Throws SettingsError.
 */
export function openFileStore(
  environment: Record<string, unknown>,
  openFolder?: OpenFolder,
): FileStore | undefined {
  const objects = openObjects(environment, openFolder)
  return objects && { objects, urlSecret: readFileUrlSecret(environment) }
}

function openObjects(
  environment: Record<string, unknown>,
  openFolder?: OpenFolder,
): ObjectStore | undefined {
  const { S3_ENDPOINT, FILES_DIR } = readEdgeSettings(environment)
  if (environment.FILES) return openR2(environment.FILES as R2Bucket)
  if (S3_ENDPOINT) {
    const s3 = readS3Settings(environment)
    return openS3({
      endpoint: S3_ENDPOINT,
      bucket: s3.S3_BUCKET,
      accessKeyId: s3.S3_ACCESS_KEY_ID,
      secretAccessKey: s3.S3_SECRET_ACCESS_KEY,
      region: s3.S3_REGION,
    })
  }
  if (FILES_DIR === undefined) return undefined
  if (openFolder) return openFolder(FILES_DIR)
  throw new SettingsError(
    'FILES_DIR is not usable: only the gateway on Node keeps files in a folder. Set S3_ENDPOINT (see .env.example).',
  )
}
