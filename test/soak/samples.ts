import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { MODEL_FAMILIES } from '../../drizzle/contract/models.ts'
import { DEAD_LETTER_STREAM } from '../../drizzle/contract/stream-message.ts'
import { descendants, nameOf } from '../setup/descendants.ts'
import type { Stack } from '../stack.ts'

/** What is there at one moment. Memory is resident memory in MB (2^20 bytes). */
export type Sample = {
  /** Since the load began, in ms. */
  atMs: number
  /** The worker that lives all along, with its children. */
  workerMb: number
  /** All processes of workerd. */
  gatewayMb: number
  /** This script: the bridges, the simulated models and the clients. */
  scriptMb: number
  /** Messages in the stream of each family, by its name. */
  messages: Record<string, number>
  deadLetters: number
  /** Of the group that has the most. */
  consumers: number
  /** Read and not acknowledged, in all groups. */
  pending: number
  /** Of anyone, to the database of the stack. */
  connections: number
}

export type Sampler = {
  /** `atMs` is when it is due. */
  take(atMs: number): Promise<Sample>
  close(): void
}

/** Looks at a stack from outside. */
export function openSampler(stack: Stack, workerPid: number): Sampler {
  const redis = new Redis(stack.redisUrl, { protocol: 2 })
  return {
    async take(atMs) {
      return { atMs, ...memory(workerPid), ...(await streams(redis)), ...(await database(stack)) }
    },
    close: () => redis.disconnect(),
  }
}

function memory(workerPid: number): Pick<Sample, 'workerMb' | 'gatewayMb' | 'scriptMb'> {
  return {
    workerMb: residentMb([workerPid, ...descendants(workerPid)]),
    gatewayMb: residentMb(descendants(process.pid).filter(isWorkerd)),
    scriptMb: residentMb([process.pid]),
  }
}

function isWorkerd(pid: number): boolean {
  try {
    return nameOf(pid) === 'workerd'
  } catch {
    // It has just ended.
    return false
  }
}

function residentMb(pids: number[]): number {
  return pids.reduce((sum, pid) => sum + residentKbOf(pid), 0) / 1024
}

/** 0 where there is no such process any more. */
function residentKbOf(pid: number): number {
  try {
    const [, kb] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kb ?? 0)
  } catch {
    return 0
  }
}

type OfRedis = Pick<Sample, 'messages' | 'deadLetters' | 'consumers' | 'pending'>

async function streams(redis: Redis): Promise<OfRedis> {
  const found: OfRedis = {
    messages: {},
    deadLetters: await redis.xlen(DEAD_LETTER_STREAM),
    consumers: 0,
    pending: 0,
  }
  for (const { family, stream, group } of MODEL_FAMILIES) {
    const consumers = (await redis.xinfo('CONSUMERS', stream, group)) as unknown[]
    const [pending] = (await redis.xpending(stream, group)) as [number]
    found.messages[family] = await redis.xlen(stream)
    found.consumers = Math.max(found.consumers, consumers.length)
    found.pending += pending
  }
  return found
}

async function database(stack: Stack): Promise<Pick<Sample, 'connections'>> {
  const [row] = await stack.database.query<{ connections: number }>(
    `SELECT count(*)::integer AS connections FROM pg_stat_activity
     WHERE datname = current_database()`,
  )
  return { connections: row!.connections }
}
