import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startPostgres } from '../../dev/start-postgres.ts'
import { startRedis } from '../../dev/start-redis.ts'
import { migrate } from '../../drizzle/migrate.ts'
import type { Services } from './use-services.ts'

declare module 'vitest' {
  interface ProvidedContext extends Services {}
}

/** Starts the services of a run of vitest; what it returns stops them. */
export default async function provideServices(project: TestProject): Promise<() => Promise<void>> {
  const { services, stop } = await startServices()
  project.provide('templateUrl', services.templateUrl)
  project.provide('redisUrl', services.redisUrl)
  return stop
}

/** Starts real services on free ports, with nothing kept. */
export async function startServices(): Promise<{ services: Services; stop(): Promise<void> }> {
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
    databases: 8192,
  })
  await migrate(postgres.url)
  return {
    services: { templateUrl: postgres.url, redisUrl: redis.url },
    async stop() {
      await Promise.all([postgres.stop(), redis.stop()])
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
