/**
 * The name by which a worker reads: its id, and the key of its process in hexadecimal. `w` stands before
 * the key where that is held as a session lock, so that a reader whose lock is gone is known to be dead.
 */
export function consumerName(workerId: string, key: bigint, watched: boolean): string {
  return `${workerId}-${watched ? 'w' : ''}${key.toString(16)}`
}

/** The key that the reader of this name holds as a session lock; undefined where it holds none. */
export function keyOfWatched(consumer: string): string | undefined {
  const hex = /-w([0-9a-f]{1,16})$/.exec(consumer)?.[1]
  return hex && String(BigInt(`0x${hex}`))
}
