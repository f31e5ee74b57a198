import { join } from 'node:path'
import { secretInFile } from './private-file.ts'
import type { GivenEnvironment } from './read-environment.ts'

/** The secret by which gateway and worker sign the addresses of files: the user's, or one of the stack's. */
export function fileUrlSecret({ environment, dataDir }: GivenEnvironment): string {
  return environment.FILE_URL_SECRET ?? secretInFile(join(dataDir, 'file-url-secret'))
}
