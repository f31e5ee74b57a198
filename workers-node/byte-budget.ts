/** How many bytes may be held at the same time. Who comes first is served first. */
export class ByteBudget {
  private readonly total: number
  private free: number
  private readonly waiting = new Set<{ bytes: number; go(): void }>()

  constructor(total: number) {
    this.total = total
    this.free = total
  }

  /**
   * Resolves to how to give the bytes back, once there is room for them; for more than there is in all,
   * once everything is free. For none nobody waits. Throws the signal's reason when it is aborted first.
   */
  async take(wanted: number, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    const bytes = Math.min(wanted, this.total)
    if (bytes === 0) return () => {}
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        this.waiting.delete(place)
        reject(signal.reason)
        // Those behind may want less.
        this.serve()
      }
      const go = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const place = { bytes, go }
      this.waiting.add(place)
      signal.addEventListener('abort', leave, { once: true })
      this.serve()
    })
    return () => {
      this.free += bytes
      this.serve()
    }
  }

  private serve(): void {
    for (const place of this.waiting) {
      if (place.bytes > this.free) return
      this.waiting.delete(place)
      this.free -= place.bytes
      place.go()
    }
  }
}
