import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate as applyMigrations } from 'drizzle-orm/node-postgres/migrator'
import { Client } from 'pg'
import { z } from 'zod'
import { address, readSettings, SettingsError } from './contract/settings.ts'

const MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url))

/** Any fixed number: two migrations at once take turns on it. */
const MIGRATION_LOCK = 7_251_943_001

/**
 * Applies the migrations that the database has not seen. Safe while workers run, and when several
 * start at once: they wait for each other on an advisory lock. Throws what the database says.
 */
export async function migrate(databaseUrl: string): Promise<void> {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query("SET client_min_messages = 'warning'")
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])
    await applyMigrations(drizzle(client), { migrationsFolder: MIGRATIONS })
  } finally {
    await client.end()
  }
}

if (import.meta.main) {
  try {
    const { DATABASE_URL } = readSettings(
      z.object({ DATABASE_URL: address(['postgres', 'postgresql']).describe('the database') }),
      process.env,
    )
    await migrate(DATABASE_URL)
    console.log('migrations applied')
  } catch (error) {
    console.error(error instanceof SettingsError ? error.message : `migration failed: ${error}`)
    process.exitCode = 1
  }
}
