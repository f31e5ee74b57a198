/**
 * Where workers say that they listen: a sorted set whose member is `{worker id}|{family},{family}…`
 * and whose score is Redis's own time in seconds, so that no process's clock matters.
 */
export const WORKER_PRESENCE_KEY = 'worker_presence'

/** How often a worker says it, in seconds. */
export const WORKER_PRESENCE_EVERY_S = 60

/** After how many seconds of silence a worker no longer counts. */
export const WORKER_PRESENCE_STALE_S = 150

export type WorkerPresence = { workerId: string; families: string[] }

export function presenceMember({ workerId, families }: WorkerPresence): string {
  return `${workerId}|${families.join(',')}`
}

/** Reads `ZRANGE … WITHSCORES` as flat [member, score, …] with Redis's `TIME`; keeps the living. */
export function livingWorkers(flat: readonly unknown[], redisSeconds: number): WorkerPresence[] {
  const living: WorkerPresence[] = []
  for (let i = 0; i + 1 < flat.length; i += 2) {
    if (redisSeconds - Number(flat[i + 1]) > WORKER_PRESENCE_STALE_S) continue
    const member = String(flat[i])
    const bar = member.lastIndexOf('|')
    living.push({ workerId: member.slice(0, bar), families: member.slice(bar + 1).split(',') })
  }
  return living
}
