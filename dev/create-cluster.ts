import { execFile } from 'node:child_process'
import { chownSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { PostgresPlace } from './postgres-place.ts'

/** The locale is Postgres' own, so that text sorts alike on every machine; no variable of ours leaks in. */
export const POSTGRES_ENVIRONMENT = { PATH: process.env.PATH, LC_ALL: 'C' }

/**
 * Makes an empty cluster in the folder `data` of the place, with one superuser of this name and
 * password.
 */
export async function createCluster(
  { binaries, folder, account }: PostgresPlace,
  user: string,
  password: string,
): Promise<void> {
  // Made beside and renamed: an initdb that was cut short must not be taken for a cluster.
  const draft = join(folder, 'data.new')
  const passwordFile = join(folder, 'initdb-password')
  for (const path of [draft, passwordFile]) rmSync(path, { recursive: true, force: true })
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' })
  if (account) chownSync(passwordFile, account.uid, account.gid)
  const args = [
    `--pgdata=${draft}`,
    `--username=${user}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
  ]
  try {
    await promisify(execFile)(join(binaries, 'initdb'), args, {
      ...account,
      cwd: '/',
      env: POSTGRES_ENVIRONMENT,
    })
  } finally {
    rmSync(passwordFile, { force: true })
  }
  renameSync(draft, join(folder, 'data'))
}
