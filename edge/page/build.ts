import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type BuildOptions, build, type OutputFile, type Plugin } from 'esbuild'
import hljs from 'highlight.js/lib/common'
import { cloudflareHeadersFile } from './page-headers.ts'

const here = import.meta.dirname
/** What the page imports only when an answer needs it. */
const ON_DEMAND = ['katex', 'highlight.js/lib/common']
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

const ESBUILD = {
  outdir: '/',
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  sourcemap: 'external',
  write: false,
  logLevel: 'silent',
} as const satisfies BuildOptions

type Files = [name: string, content: Uint8Array][]

async function bundle(): Promise<Files> {
  const libraries = await Promise.all(ON_DEMAND.map(bundleLibrary))
  const { outputFiles } = await build({
    ...ESBUILD,
    entryPoints: {
      app: join(here, 'main.tsx'),
      early: join(here, 'early.ts'),
      style: join(here, 'style.css'),
      'docs/docs': join(here, 'docs/docs.ts'),
    },
    define: { HIGHLIGHTED_LANGUAGES: JSON.stringify(highlightedLanguages()) },
    plugins: libraries.map(({ plugin }) => plugin),
  })
  return [...filesOf(outputFiles), ...libraries.flatMap(({ files }) => files)]
}

/**
 * A library as one file with a hash in its name, and a plugin by which `import()` of it asks for that
 * file. esbuild's own splitting would let the first load wait for what the files have in common.
 */
async function bundleLibrary(library: string): Promise<{ files: Files; plugin: Plugin }> {
  const { outputFiles } = await build({
    ...ESBUILD,
    entryPoints: { [library.replace(/\W.*/, '')]: library },
    entryNames: 'chunks/[name]-[hash]',
    // So that a library is found from here wherever the build is started.
    absWorkingDir: here,
  })
  const files = filesOf(outputFiles)
  const [name] = files.map(([name]) => name).filter((name) => name.endsWith('.js'))
  return {
    files,
    plugin: {
      name: library,
      setup({ onResolve }) {
        onResolve({ filter: /^\w/ }, ({ path }) =>
          path === library ? { path: `./${name}`, external: true } : undefined,
        )
      },
    },
  }
}

function filesOf(outputFiles: OutputFile[]): Files {
  return outputFiles.map(({ path, contents }) => [path.slice(path.indexOf('/') + 1), contents])
}

/**
 * Every name by which the highlighter knows a language, so that the page knows them before it has it.
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
