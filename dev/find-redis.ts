import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { SettingsError } from '../drizzle/contract/settings.ts'
import { installPackage } from './install-package.ts'
import { works } from './works.ts'

const run = promisify(execFile)

/** What `redis-server` can be run with. */
export type RedisSource = 'binary' | 'docker'

const ADVICE =
  'Redis 7 or newer is needed: install redis-server (Debian and Ubuntu: apt-get install redis-server; macOS: brew install redis), start Docker, or name a server in REDIS_URL.'

/**
 * Finds a Redis of at least version 7: `redis-server` on PATH, else a Docker engine that answers,
 * else `redis-server` installed now by apt-get (as root or with passwordless sudo) or brew. Throws
 * SettingsError, saying what to install, where none of them leads to one.
 */
export async function findRedis(say: (line: string) => void = () => {}): Promise<RedisSource> {
  if (await hasRedisServer()) return 'binary'
  if (await works('docker', ['info'])) return 'docker'
  const names = { apt: 'redis-server', brew: 'redis' }
  if (await installPackage(names, hasRedisServer, say)) return 'binary'
  throw new SettingsError(ADVICE)
}

async function hasRedisServer(): Promise<boolean> {
  try {
    const { stdout } = await run('redis-server', ['--version'])
    return Number(/v=(\d+)/.exec(stdout)?.[1]) >= 7
  } catch {
    return false
  }
}
