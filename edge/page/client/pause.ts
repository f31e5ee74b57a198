/** Waits `ms`, whatever happens. Rejects when the signal aborts. */
export function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  return until(signal, (done) => {
    const timer = setTimeout(done, ms)
    return () => clearTimeout(timer)
  })
}

/** Waits `ms`; less if the network or the tab comes back. Rejects when the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return until(signal, (done) => {
    const onShown = () => document.visibilityState === 'visible' && done()
    const timer = setTimeout(done, ms)
    window.addEventListener('online', done)
    document.addEventListener('visibilitychange', onShown)
    return () => {
      clearTimeout(timer)
      window.removeEventListener('online', done)
      document.removeEventListener('visibilitychange', onShown)
    }
  })
}

/** Waits until the tab is shown; at once if it is. Rejects when the signal aborts. */
export function untilShown(signal: AbortSignal): Promise<void> {
  return until(signal, (done) => {
    const check = () => document.visibilityState === 'visible' && done()
    document.addEventListener('visibilitychange', check)
    check()
    return () => document.removeEventListener('visibilitychange', check)
  })
}

/** A signal that aborts when the tab is hidden, or with `signal`; to be released when it has served. */
export function whileShown(signal: AbortSignal): { signal: AbortSignal; release(): void } {
  const hidden = new AbortController()
  const check = () => document.visibilityState === 'hidden' && hidden.abort()
  document.addEventListener('visibilitychange', check)
  return {
    signal: AbortSignal.any([signal, hidden.signal]),
    release: () => document.removeEventListener('visibilitychange', check),
  }
}

function until(signal: AbortSignal, listen: (done: () => void) => () => void): Promise<void> {
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort)
  const stop = listen(resolve)
  return promise.finally(() => {
    signal.removeEventListener('abort', onAbort)
    stop()
  })
}
