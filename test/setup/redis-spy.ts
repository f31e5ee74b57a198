import { Redis } from 'ioredis'
import { monitorRedis } from './redis-monitor.ts'

/** All that one Redis database is sent and has. */
export type RedisSpy = {
  /** Each command that was sent to it since. */
  sent(): string
  /** Every key with its value, as JSON. */
  content(): Promise<string>
  close(): void
}

export async function spyOnRedis(redisUrl: string): Promise<RedisSpy> {
  const redis = new Redis(redisUrl, { protocol: 2 })
  const monitor = await monitorRedis(redisUrl)

  const readers: Record<string, (key: string) => Promise<unknown>> = {
    string: (key) => redis.get(key),
    hash: (key) => redis.hgetall(key),
    list: (key) => redis.lrange(key, 0, -1),
    set: (key) => redis.smembers(key),
    zset: (key) => redis.zrange(key, '0', '-1', 'WITHSCORES'),
    stream: (key) => redis.xrange(key, '-', '+'),
  }
  return {
    sent: monitor.heard,
    async content() {
      const entries = (await redis.keys('*')).map(async (key) => {
        const read = readers[await redis.type(key)]
        if (!read) throw new Error(`what kind of value does ${key} have?`)
        return [key, await read(key)]
      })
      return JSON.stringify(await Promise.all(entries))
    },
    close() {
      monitor.close()
      redis.disconnect()
    },
  }
}
