import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startPostgres } from '../../dev/start-postgres.ts'
import { startRedis } from '../../dev/start-redis.ts'
import { migrate } from '../../drizzle/migrate.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A migrated database that nobody connects to: tests clone it. */
    templateUrl: string
    redisUrl: string
  }
}

/** Starts the real services of a test run on free ports, with nothing kept. */
export default async function startServices(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'async-chat-test-'))
  // Postgres does not run as root; its own user must be able to reach the folder.
  await chmod(dataDir, 0o755)
  const postgres = await startPostgres({
    dataDir: join(dataDir, 'postgres'),
    settings: {
      fsync: 'off',
      full_page_writes: 'off',
      synchronous_commit: 'off',
      max_connections: 300,
    },
  })
  const redis = await startRedis({
    dataDir: join(dataDir, 'redis'),
    appendOnly: false,
    databases: 256,
  })
  await migrate(postgres.url)
  project.provide('templateUrl', postgres.url)
  project.provide('redisUrl', redis.url)
  return async () => {
    await Promise.all([postgres.stop(), redis.stop()])
    await rm(dataDir, { recursive: true, force: true })
  }
}
