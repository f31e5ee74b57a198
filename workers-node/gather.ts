import { PostgresError } from './postgres.ts'

type Waiting<Item, Result> = {
  item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

/** The most that goes out in one statement. */
export type GatherLimits<Item> = { items: number; weight: number; weigh(item: Item): number }

const COUNT_ONLY = { items: 200, weight: Number.POSITIVE_INFINITY, weigh: () => 0 }

/**
 * Makes one statement of what many callers want at once: sent at once when nothing is under way,
 * gathered while a statement runs. `run` gives one result an item, in the same order.
 *
 * One bad row fails a whole statement: when its data is at fault it is halved, down to the culprit,
 * which alone is rejected. Any other error rejects all of that statement.
 */
export function gather<Item, Result>(
  run: (items: Item[]) => Promise<Result[]>,
  limits: GatherLimits<Item> = COUNT_ONLY,
): (item: Item) => Promise<Result> {
  const queue: Waiting<Item, Result>[] = []
  let flushing = false

  async function flush(): Promise<void> {
    // One turn of the microtasks, so that callers of the same moment go together.
    await Promise.resolve()
    while (queue.length > 0) await settle(queue.splice(0, portion()))
    flushing = false
  }

  function portion(): number {
    let weight = 0
    let count = 0
    for (const { item } of queue) {
      weight += limits.weigh(item)
      if (count > 0 && (count === limits.items || weight > limits.weight)) break
      count++
    }
    return count
  }

  async function settle(batch: Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await run(batch.map(({ item }) => item))
      for (const [i, { resolve }] of batch.entries()) resolve(results[i]!)
    } catch (error) {
      if (batch.length > 1 && error instanceof PostgresError && error.dataAtFault) {
        const middle = batch.length >> 1
        await settle(batch.slice(0, middle))
        await settle(batch.slice(middle))
      } else {
        for (const { reject } of batch) reject(error)
      }
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      queue.push({ item, resolve, reject })
      if (flushing) return
      flushing = true
      void flush()
    })
}
