import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildPage } from '../edge/page/build.ts'

const MOST_GZIPPED = 90_000
/** What stands in each library and in nothing else. */
const KATEX = 'KaTeX parse error'
const HIGHLIGHTER = 'hljs-'

let outDir: string
const read = (name: string) => readFile(join(outDir, name), 'utf8')
const chunks = () => readdir(join(outDir, 'chunks'))

beforeAll(async () => {
  outDir = await mkdtemp(join(tmpdir(), 'page-'))
  await buildPage({ outDir })
})
afterAll(() => rm(outDir, { recursive: true }))

test('the first load of script and style is small', async () => {
  const app = await read('app.js')
  const size = gzipSync(app).length + gzipSync(await read('style.css')).length
  expect(size).toBeLessThanOrEqual(MOST_GZIPPED)
  expect(size).toBeGreaterThan(10_000)
})

test('the first load waits for no other file, and the libraries are files of their own', async () => {
  const app = await read('app.js')
  expect(app).not.toMatch(/\bfrom ?"|\bimport ?"/)
  expect(app).not.toContain(KATEX)
  expect(app).not.toContain('.listLanguages')
  const scripts = (await chunks()).filter((name) => name.endsWith('.js'))
  const texts = await Promise.all(scripts.map((name) => read(`chunks/${name}`)))
  expect(texts.filter((text) => text.includes(KATEX))).toHaveLength(1)
  expect(texts.filter((text) => text.includes(HIGHLIGHTER))).toHaveLength(1)
})

test('a build leaves what has not changed, and takes away the chunks of earlier ones', async () => {
  const before = await chunks()
  await writeFile(join(outDir, 'chunks/katex-OLD.js'), '')
  await writeFile(join(outDir, 'chunks/katex-OLD.js.map'), '')
  await writeFile(join(outDir, 'chunks/katex-NEW.js.1.tmp'), '')
  await buildPage({ outDir })
  expect(await chunks()).toEqual([...before, 'katex-NEW.js.1.tmp'].sort())
})
