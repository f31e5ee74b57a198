import { cp, mkdtemp, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const COPIED = [
  'drizzle',
  'edge',
  'workers-node',
  'dev',
  'test',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
]

/** Copies the project to a new folder, where it can be changed; its packages are the same. */
export async function copyProject(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'async-chat-copy-'))
  for (const name of COPIED) await cp(join(ROOT, name), join(copy, name), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  return copy
}
