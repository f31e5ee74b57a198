import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: './test/setup/services.ts',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // One second, as it is by itself, is too little on a busy machine.
    expect: { poll: { timeout: 15_000 } },
    // Real processes share the machine with the tests: more at once only wait for each other.
    maxWorkers: 2,
  },
})
