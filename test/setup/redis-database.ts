import { Redis } from 'ioredis'
import { inject } from 'vitest'

/** The address of an empty Redis database of one test file's own. */
export async function takeRedisDatabase(): Promise<string> {
  const redis = new Redis(inject('redisUrl'), { protocol: 2 })
  const number = await redis.incr('databases_taken')
  redis.disconnect()
  const url = new URL(inject('redisUrl'))
  url.pathname = `/${number}`
  return url.href
}
