import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { keysInR2, type ObjectKeys } from './object-keys.ts'
import { IDENTITIES, sendKeyTo } from './send-key.ts'
import { type Program, spawnProgram } from './spawn-program.ts'

export const RUNTIMES = ['workerd', 'node', 'deno'] as const
export type Runtime = (typeof RUNTIMES)[number]

export type RunningGateway = {
  url: string
  /** All that it has printed. */
  output(): string
  stop(): Promise<void>
  /** Where it is one of its own. */
  program?: Program
  /** On workerd, which has its bucket within. */
  objectKeys?: ObjectKeys
}

/**
 * Starts the gateway on a runtime, by the entry that a deployment there uses. Fetches of this process
 * go to it with the key of the owner `local`, unless they say otherwise.
 */
export async function startGateway(
  runtime: Runtime,
  settings: Record<string, string>,
): Promise<RunningGateway> {
  const gateway = await start(runtime, { ...IDENTITIES, ...settings })
  sendKeyTo(gateway.url)
  return gateway
}

async function start(runtime: Runtime, settings: Record<string, string>): Promise<RunningGateway> {
  if (runtime === 'workerd') return startWorkerd(settings)
  const program =
    runtime === 'node'
      ? spawnProgram('node', ['edge/node.ts'], { PORT: '0', ...settings })
      : spawnProgram(
          'deno',
          ['run', '--allow-net', '--allow-env', '--allow-read', 'edge/deno.ts'],
          {
            PORT: '0',
            ...settings,
          },
        )
  return fromProgram(program)
}

async function fromProgram(program: Program): Promise<RunningGateway> {
  const [, url] = await program.printed(/gateway ready (http:\S+)/).catch(async (error) => {
    await program.stop('SIGKILL')
    throw error
  })
  return {
    url: url!,
    program,
    output: program.output,
    async stop() {
      await program.stop()
    },
  }
}

async function startWorkerd(settings: Record<string, string>): Promise<RunningGateway> {
  const entry = fileURLToPath(new URL('../../edge/cloudflare.ts', import.meta.url))
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
  })
  let output = ''
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script: outputFiles[0]!.text,
      compatibilityDate: '2026-10-01',
      bindings: settings,
      // A binding would come before S3.
      r2Buckets: settings.S3_ENDPOINT ? [] : ['FILES'],
      host: '127.0.0.1',
      port: 0,
      handleStructuredLogs({ message }) {
        console.log(message)
        output += `${message}\n`
      },
    }),
  )
  const url = await miniflare.ready
  return {
    url: url.href.replace(/\/$/, ''),
    output: () => output,
    stop: () => miniflare.dispose(),
    objectKeys: keysInR2(miniflare),
  }
}
