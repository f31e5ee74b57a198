import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
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
}

async function bundle(): Promise<[string, Uint8Array][]> {
  const { outputFiles } = await build({
    entryPoints: {
      app: join(here, 'main.tsx'),
      early: join(here, 'early.ts'),
      style: join(here, 'style.css'),
      'docs/docs': join(here, 'docs/docs.ts'),
    },
    outdir: '/',
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    sourcemap: 'external',
    write: false,
    logLevel: 'silent',
  })
  return outputFiles.map(({ path, contents }) => [path.slice(path.indexOf('/') + 1), contents])
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
