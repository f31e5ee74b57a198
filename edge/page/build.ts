import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import hljs from 'highlight.js/lib/common'
import { cloudflareHeadersFile } from './page-headers.ts'

const here = import.meta.dirname
const swagger = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))

/**
 * Builds the static site (the chat page, and Swagger UI under `docs/`) into `outDir`. A file whose
 * content has not changed is left alone, so that a tool that watches the folder does not reload.
 */
export async function buildPage({ outDir }: { outDir: string }): Promise<void> {
  const files = new Map<string, Uint8Array | string>([
    ...(await bundle()),
    ['index.html', await readFile(join(here, 'index.html'))],
    ['favicon.svg', await readFile(join(here, 'favicon.svg'))],
    ['docs/index.html', await readFile(join(here, 'docs/index.html'))],
    ['docs/swagger-ui.css', await readFile(join(swagger, 'swagger-ui.css'))],
    ['docs/swagger-ui-bundle.js', await readFile(join(swagger, 'swagger-ui-bundle.js'))],
    ['docs/swagger-ui-license.txt', await readFile(join(swagger, 'LICENSE'))],
    ['_headers', cloudflareHeadersFile()],
  ])
  for (const [name, content] of files) await writeIfChanged(join(outDir, name), content)
  await removeOldChunks(outDir, files)
}

async function bundle(): Promise<[string, Uint8Array][]> {
  const { outputFiles } = await build({
    entryPoints: {
      app: join(here, 'main.ts'),
      style: join(here, 'style.css'),
      'docs/docs': join(here, 'docs/docs.ts'),
    },
    outdir: '/',
    bundle: true,
    minify: true,
    format: 'esm',
    // What is imported by `import()` becomes a file of its own, which is fetched when it is wanted.
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    define: { HIGHLIGHTED_LANGUAGES: JSON.stringify(highlightedLanguages()) },
    target: 'es2022',
    sourcemap: 'external',
    write: false,
    logLevel: 'silent',
  })
  return outputFiles.map(({ path, contents }) => [path.slice(path.indexOf('/') + 1), contents])
}

/**
 * Every name by which the highlighter knows a language, so that the page knows them before it has it.
 * One string: an array would become a file of its own that the first load waits for.
 */
function highlightedLanguages(): string {
  return hljs
    .listLanguages()
    .flatMap((language) => [language, ...(hljs.getLanguage(language)?.aliases ?? [])])
    .join(' ')
}

/** Drafts stay: another build may be about to rename one. */
async function removeOldChunks(outDir: string, files: Map<string, unknown>): Promise<void> {
  const names = await readdir(join(outDir, 'chunks'))
  for (const name of names.filter((name) => /\.js(\.map)?$/.test(name))) {
    if (!files.has(`chunks/${name}`)) await rm(join(outDir, 'chunks', name), { force: true })
  }
}

async function writeIfChanged(path: string, content: Uint8Array | string): Promise<void> {
  const bytes = Buffer.from(content)
  const old = await readFile(path).catch(() => null)
  if (old?.equals(bytes)) return
  await mkdir(dirname(path), { recursive: true })
  // Renamed into place: a server that reads at this moment sees the old file or the new one.
  const draft = `${path}.${process.pid}.tmp`
  await writeFile(draft, bytes)
  await rename(draft, path)
}

if (import.meta.main) await buildPage({ outDir: join(here, 'dist') })
