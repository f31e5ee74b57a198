// For --import: ends the process, as a crash would, when an answer carries the header `x-poison`.
import { subscribe } from 'node:diagnostics_channel'

subscribe('undici:request:headers', ({ response }) => {
  const poisoned = response.headers.some((part) => String(part).toLowerCase() === 'x-poison')
  if (poisoned) process.kill(process.pid, 'SIGKILL')
})
