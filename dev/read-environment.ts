import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseEnv } from 'node:util'

/** The folder that the project lies in. */
export const PROJECT = resolve(import.meta.dirname, '..')

/** Where the local stack notes its addresses. */
export function addressesFile(dataDir: string): string {
  return join(dataDir, 'env')
}

export type GivenEnvironment = {
  environment: Record<string, string | undefined>
  /** An absolute path. */
  dataDir: string
}

/**
 * What the user has set: the environment over `.env`. With `addresses`, also what a running stack has
 * noted in the data folder, under both; what starts a stack leaves it out, as the notes of an earlier
 * run are no wish of the user's.
 */
export function readEnvironment({ addresses = false } = {}): GivenEnvironment {
  const given = overlay(readEnvFile(join(PROJECT, '.env')), process.env)
  const dataDir = resolve(PROJECT, given.DATA_DIR ?? '.dev')
  if (!addresses) return { environment: given, dataDir }
  return { environment: overlay(readEnvFile(addressesFile(dataDir)), given), dataDir }
}

/** An empty variable counts as unset, everywhere. */
function overlay(...layers: Record<string, string | undefined>[]) {
  const set = layers.map((layer) => Object.entries(layer).filter(([, value]) => value))
  return Object.fromEntries(set.flat())
}

function readEnvFile(path: string): Record<string, string | undefined> {
  return existsSync(path) ? parseEnv(readFileSync(path, 'utf8')) : {}
}
