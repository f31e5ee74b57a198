import { join } from 'node:path'
import { z } from 'zod'
import { address, readSettings } from '../drizzle/contract/settings.ts'
import { migrate } from '../drizzle/migrate.ts'
import { envText } from './env-text.ts'
import { fileUrlSecret } from './file-url-secret.ts'
import { freePort } from './free-port.ts'
import { lockFolder } from './lock-folder.ts'
import { startNeonBridge } from './neon-bridge.ts'
import { secretInFile, writePrivateFile } from './private-file.ts'
import { addressesFile, type GivenEnvironment, readEnvironment } from './read-environment.ts'
import { rememberedPort, rememberPort } from './remembered-port.ts'
import { type AddPart, runParts } from './run-parts.ts'
import { startPostgres } from './start-postgres.ts'
import { startRedis } from './start-redis.ts'
import { noteNpm, stopOrphan } from './stop-orphan.ts'
import { startUpstashBridge } from './upstash-bridge.ts'

const settings = z.object({
  DATABASE_URL: address(['postgres', 'postgresql']).optional(),
  REDIS_URL: address(['redis', 'rediss']).optional(),
})

type Say = (line: string) => void

/**
 * Starts Postgres, Redis and the two HTTP bridges in front of them, applies the migrations, and
 * writes the addresses to `env` in the data folder. A server that `DATABASE_URL` or `REDIS_URL` of
 * the user's environment names is used in place of our own. Each part is added as it comes up.
 * Resolves with the settings that lead a gateway and a worker there. Throws SettingsError where the
 * data folder is in use or a setting is wrong.
 */
export async function startServices(
  { environment, dataDir }: GivenEnvironment,
  add: AddPart,
  say: Say = () => {},
): Promise<Record<string, string>> {
  const { DATABASE_URL, REDIS_URL } = readSettings(settings, environment)
  await stopOrphan(dataDir)
  const unlock = lockFolder(dataDir)
  add({ stop: unlock })
  noteNpm(dataDir)
  const own = async (name: string, start: typeof startPostgres | typeof startRedis) => {
    const server = await start({ dataDir: join(dataDir, name), say })
    add(server)
    say(`${name.padEnd(8)} 127.0.0.1:${server.port}`)
    return server.url
  }
  const [databaseUrl, redisUrl] = await Promise.all([
    DATABASE_URL ?? own('postgres', startPostgres),
    REDIS_URL ?? own('redis', startRedis),
  ])
  await migrate(databaseUrl)
  const token = secretInFile(join(dataDir, 'upstash-token'))
  const neonUrl = await onItsPort(join(dataDir, 'neon-bridge.port'), async (port) => {
    const bridge = await startNeonBridge({ databaseUrl, port })
    add({ stop: bridge.close })
    return bridge.url
  })
  const upstashUrl = await onItsPort(join(dataDir, 'upstash-bridge.port'), async (port) => {
    const bridge = await startUpstashBridge({ redisUrl, token, port })
    add({ stop: bridge.close })
    return bridge.url
  })
  say(`bridges  ${neonUrl} ${upstashUrl}`)
  const addresses = {
    DATABASE_URL: databaseUrl,
    // Of a server that was named nobody here knows whether a pooler stands before it.
    ...(!DATABASE_URL && { DATABASE_DIRECT_URL: databaseUrl }),
    REDIS_URL: redisUrl,
    UPSTASH_REDIS_REST_URL: upstashUrl,
    UPSTASH_REDIS_REST_TOKEN: token,
    NEON_FETCH_ENDPOINT: neonUrl,
    FILE_URL_SECRET: fileUrlSecret({ environment, dataDir }),
  }
  writePrivateFile(addressesFile(dataDir), envText(addresses))
  return addresses
}

/** Starts a server on the port it had the last time, where that is free. */
async function onItsPort(file: string, start: (port: number) => Promise<string>): Promise<string> {
  const url = await start(await freePort(rememberedPort(file)))
  rememberPort(file, Number(new URL(url).port))
  return url
}

if (import.meta.main) {
  runParts(async (add) => {
    const given = readEnvironment()
    await startServices(given, add, console.log)
    console.log(`services ready; their addresses are in ${addressesFile(given.dataDir)}`)
  })
}
