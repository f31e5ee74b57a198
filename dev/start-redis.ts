import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { findRedis, type RedisSource } from './find-redis.ts'
import { freePort } from './free-port.ts'
import { lockFolder } from './lock-folder.ts'
import { secretInFile } from './private-file.ts'
import { rememberedPort, rememberPort } from './remembered-port.ts'
import { type Child, spawnChild, stopLeftover } from './spawn-child.ts'

const IMAGE = 'redis:7-alpine'

/** A Redis of our own. */
export type RunningRedis = Child & {
  /** Where it is reached, with its password. */
  url: string
  port: number
}

type Options = {
  /** The folder of everything that belongs to this server; made where it is missing. */
  dataDir: string
  /** Without it: the port of the last start, else any free one. */
  port?: number
  /** Whether every write goes to the append-only file; true by default. */
  appendOnly?: boolean
  /** How many numbered databases; 16 by default. */
  databases?: number
  say?: (line: string) => void
}

/**
 * Starts a real Redis (7 or newer) on 127.0.0.1, with the data and the password of the last start.
 * One that a killed parent has left behind in this folder is stopped first. Throws when the folder
 * is in use by another process, when there is no Redis to be had, or when it does not come up.
 */
export async function startRedis(options: Options): Promise<RunningRedis> {
  const dataDir = resolve(options.dataDir)
  const unlock = lockFolder(dataDir)
  try {
    const source = await findRedis(options.say)
    await stopLeftover(join(dataDir, 'process.json'))
    if (source === 'docker') removeContainer(dataDir)
    const password = secretInFile(join(dataDir, 'password'))
    const { child, port } = await startServer(options, dataDir, source, password)
    rememberPort(join(dataDir, 'port'), port)
    const stop = () => child.stop().finally(unlock)
    return { ...child, url: `redis://:${password}@127.0.0.1:${port}`, port, stop }
  } catch (error) {
    unlock()
    throw error
  }
}

async function startServer(
  { port: wanted, appendOnly = true, databases = 16 }: Options,
  dataDir: string,
  source: RedisSource,
  password: string,
): Promise<{ child: Child; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const remembered = attempt === 1 ? rememberedPort(join(dataDir, 'port')) : undefined
    const port = wanted ?? (await freePort(remembered))
    const inside = source === 'docker'
    const child = spawnChild({
      name: 'redis',
      command: inside ? 'docker' : 'redis-server',
      args: inside ? dockerArguments(dataDir, port) : ['-'],
      cwd: dataDir,
      env: process.env,
      // On stdin, as a command line can be read by every user of the machine.
      input: [
        `bind ${inside ? '0.0.0.0' : '127.0.0.1'}`,
        `port ${inside ? 6379 : port}`,
        `dir ${JSON.stringify(inside ? '/data' : dataDir)}`,
        `requirepass ${password}`,
        `databases ${databases}`,
        `appendonly ${appendOnly ? 'yes' : 'no'}`,
        // The append-only file holds all there is to keep.
        'save ""',
        '',
      ].join('\n'),
      logFile: join(dataDir, 'redis.log'),
      recordFile: join(dataDir, 'process.json'),
      killSignal: 'SIGTERM',
    })
    try {
      await untilReady(child, port, password, source)
      return { child, port }
    } catch (error) {
      await child.stop()
      // Between the look at a free port and the start, another program may have taken it.
      const taken = /already in use|already allocated/.test(readFileSync(child.logFile, 'utf8'))
      if (wanted !== undefined || !taken || attempt === 5) throw error
    }
  }
}

/** Resolves when the server that answers is proven to be this child. */
async function untilReady(child: Child, port: number, password: string, source: RedisSource) {
  let ended: string | undefined
  child.exited.then((how) => {
    ended = how
  })
  // An image may have to be fetched first.
  const deadline = performance.now() + (source === 'docker' ? 300_000 : 60_000)
  for (;;) {
    const redis = new Redis({ host: '127.0.0.1', port, password, protocol: 2, ...ONE_TRY })
    redis.on('error', () => {})
    try {
      await redis.connect()
      const info = await redis.info('server')
      const pid = /process_id:(\d+)/.exec(info)?.[1]
      // In a container pids are others; there the random password alone is the proof.
      if (source === 'docker' || Number(pid) === child.pid) return
    } catch {
      // Not there yet, or still loading its data.
    } finally {
      redis.disconnect()
    }
    if (ended) throw new Error(`redis ended (${ended}); its log: ${child.logFile}`)
    if (performance.now() > deadline) {
      throw new Error(`redis does not answer; its log: ${child.logFile}`)
    }
    await sleep(30)
  }
}

const ONE_TRY = {
  lazyConnect: true,
  retryStrategy: null,
  maxRetriesPerRequest: 0,
  enableReadyCheck: false,
  connectTimeout: 2000,
} as const

function containerName(dataDir: string): string {
  return `async-chat-redis-${createHash('sha256').update(dataDir).digest('hex').slice(0, 12)}`
}

function dockerArguments(dataDir: string, port: number): string[] {
  const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`
  return ['run', '--rm', '--interactive', '--name', containerName(dataDir), '--user', user].concat(
    ['--publish', `127.0.0.1:${port}:6379`, '--volume', `${dataDir}:/data`],
    [IMAGE, 'redis-server', '-'],
  )
}

function removeContainer(dataDir: string): void {
  try {
    execFileSync('docker', ['rm', '--force', containerName(dataDir)], { stdio: 'ignore' })
  } catch {
    // There was none.
  }
}
