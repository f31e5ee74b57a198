// For --import: SIGUSR2 ends the process by an error that nobody catches.
process.on('SIGUSR2', () => {
  throw new TypeError('Words that may be private')
})
