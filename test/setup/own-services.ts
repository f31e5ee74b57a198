import { randomInt } from 'node:crypto'
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../dev/free-port.ts'
import { startPostgres } from '../../dev/start-postgres.ts'
import { startRedis } from '../../dev/start-redis.ts'
import { migrate } from '../../drizzle/migrate.ts'
import { descendants } from './descendants.ts'

/** A server of one scenario's own, to be stopped and started under it. */
export type OwnServer = {
  url: string
  /** Ends it as an operator does: what it has taken is kept. */
  stop(): Promise<void>
  /** Ends it without letting it put anything in order. */
  kill(): Promise<void>
  /** Starts it again with its data, on the port that it had. */
  start(): Promise<void>
  /** Stops it where it runs, and drops its data. */
  end(): Promise<void>
}

/** A Redis, which keeps what it takes in an append-only file. */
export type OwnRedis = OwnServer & {
  /** Drops the file of one that is stopped: it starts empty, with the same password. */
  loseFile(): Promise<void>
}

/** A server of the local stack that runs. */
type Running = { url: string; pid: number; exited: Promise<string>; stop(): Promise<void> }

/** Starts a Redis of the caller's own. */
export async function startOwnRedis(): Promise<OwnRedis> {
  const {
    folder,
    pid: _,
    ...server
  } = await own((dataDir, port) => startRedis({ dataDir, port }), 'SIGKILL')
  return {
    ...server,
    async loseFile() {
      const files = await readdir(folder)
      const kept = files.filter((name) => name.startsWith('appendonly'))
      if (kept.length === 0) throw new Error(`there is no file to lose: ${files}`)
      for (const name of kept) await rm(join(folder, name), { recursive: true })
    },
  }
}

export type OwnPostgres = OwnServer & {
  /** Lets all its processes stand still, and go on again. */
  freeze(): void
  thaw(): void
}

/** Starts a Postgres of the caller's own; `url` leads to a migrated database that stacks clone. */
export async function startOwnPostgres(): Promise<OwnPostgres> {
  const {
    folder: _,
    pid,
    ...server
  } = await own(
    // A commit that was answered is in the file, though not yet on the disk: here only the server
    // dies, and not the machine.
    (dataDir, port) => startPostgres({ dataDir, port, settings: { fsync: 'off' } }),
    // Each of its processes ends at once, and the next start recovers as after a crash.
    'SIGQUIT',
  )
  await migrate(server.url)
  const signal = (name: NodeJS.Signals) => {
    // The first takes no more connections, whose processes would be missed.
    for (const one of [pid(), ...descendants(pid())]) process.kill(one, name)
  }
  return { ...server, freeze: () => signal('SIGSTOP'), thaw: () => signal('SIGCONT') }
}

async function own(
  launch: (dataDir: string, port: number) => Promise<Running>,
  killSignal: NodeJS.Signals,
): Promise<OwnServer & { folder: string; pid(): number }> {
  const folder = await mkdtemp(join(tmpdir(), 'async-chat-own-'))
  // Postgres does not run as root; its own user must be able to reach the folder.
  await chmod(folder, 0o755)
  const port = await freePort(belowEphemeral(), belowEphemeral(), belowEphemeral())
  const server = await launch(folder, port)
  let running: Running | undefined = server

  async function stop(): Promise<void> {
    const stopped = running
    running = undefined
    await stopped?.stop()
  }
  return {
    folder,
    pid: () => running!.pid,
    url: server.url,
    stop,
    async kill() {
      if (!running) return
      process.kill(running.pid, killSignal)
      await running.exited
      await stop()
    },
    async start() {
      running ??= await launch(folder, port)
    },
    async end() {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/**
 * A port that no outgoing connection gets by chance: while the server is stopped, one of the many
 * that try to reach it would take the port, and might even reach itself.
 */
function belowEphemeral(): number {
  return randomInt(15_000, 32_000)
}
