import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: './test/setup/services.ts',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Much of a test of faults is waiting, which takes no processor: three at once suit two of them.
    maxWorkers: 3,
  },
})
