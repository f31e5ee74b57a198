import { Redis } from 'ioredis'
import { type Services, useServices } from './use-services.ts'

/** The address of an empty Redis database of one test file's own; without servers, of this run's. */
export async function takeRedisDatabase(services?: Pick<Services, 'redisUrl'>): Promise<string> {
  const { redisUrl } = services ?? (await useServices())
  const redis = new Redis(redisUrl, { protocol: 2 })
  const number = await redis.incr('databases_taken')
  redis.disconnect()
  const url = new URL(redisUrl)
  url.pathname = `/${number}`
  return url.href
}
