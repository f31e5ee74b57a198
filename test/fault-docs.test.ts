import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

test('every test that the table of faults names is there', async () => {
  const text = await readFile(new URL('../docs/faults.md', import.meta.url), 'utf8')
  const rows = text.split('\n').filter((line) => line.startsWith('| ') && line.endsWith('` |'))
  const named = rows.flatMap((row) => [
    ...row
      .split(' | ')
      .at(-1)!
      .matchAll(/`([^`]+)`/g),
  ])
  expect(named.length).toBeGreaterThan(60)
  const missing = named
    .map(([, name]) => (name!.endsWith('.ts') ? name! : `${name}.test.ts`))
    .filter((name) => !existsSync(new URL(name, import.meta.url)))
  expect(missing).toEqual([])
})
