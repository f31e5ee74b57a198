import { workerData as parent } from 'node:worker_threads'

/**
 * Runs in a thread of its own, and ends the process once its parent is gone: the main thread, which
 * is told so too, may stand still.
 */
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL')
}, 1000)
