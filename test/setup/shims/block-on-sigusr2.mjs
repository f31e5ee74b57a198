// For --import: on SIGUSR2 the event loop stands still for BLOCK_MS.
process.on('SIGUSR2', () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(process.env.BLOCK_MS))
})
