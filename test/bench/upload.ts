import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { descendants, nameOf } from '../setup/descendants.ts'
import { PNG } from '../setup/pictures.ts'
import { startS3Server } from '../setup/s3-server.ts'
import { PDF } from '../setup/sample-files.ts'
import { startServices } from '../setup/services.ts'
import { giveServices } from '../setup/use-services.ts'
import { startStack } from '../stack.ts'

/*
 * `npm run bench:upload`: sends a PDF of 20 MB, ten pictures of 2 MB, and ten such prompts at once
 * through the gateway on workerd, and says by how much the memory of workerd grows at its peak. The
 * files go to a server outside, as they do on Cloudflare; then once more to the local R2, which lies in
 * the same process and is counted too: what it takes by itself is shown first. Ends with 1 where a
 * prompt alone takes more than 32 MB of the gateway, or where an upload fails.
 */

const MB = 1_000_000
const MOST_GROWTH_MB = 32
/** How long after an upload its memory is looked at as idle again, in ms. */
const SETTLE_MS = 4000

const pdf = () => [new File([PDF, randomBytes(20 * MB - PDF.length)], 'paper.pdf')]
const pictures = () =>
  Array.from(
    { length: 10 },
    (_, i) => new File([PNG, randomBytes(2 * MB - PNG.length)], `picture ${i}.png`),
  )

async function main(): Promise<void> {
  const { services, stop } = await startServices()
  giveServices(services)
  console.log("by how much workerd's resident memory grows at its peak, over what it was when idle")
  const s3 = await startS3Server()
  const growths = await measureGateway('files in S3', s3.settings)
  await s3.close()
  await measureLocalR2()
  await measureGateway('files in the local R2', {})
  await stop()
  if (Math.max(...growths) <= MOST_GROWTH_MB) return
  console.log(`more than ${MOST_GROWTH_MB} MB`)
  process.exitCode = 1
}

/** Returns the growths for one prompt, in MB. */
async function measureGateway(
  title: string,
  gatewaySettings: Record<string, string>,
): Promise<number[]> {
  console.log(title)
  const stack = await startStack({ runtime: 'workerd', workers: 0, gatewaySettings })
  const send = async (files: File[]) => {
    const form = new FormData()
    form.append('prompt', 'Look')
    for (const file of files) form.append('files', file)
    await demandOk(`${stack.gatewayUrl}/v1/chat/completions`, { method: 'POST', body: form })
  }
  await send([new File(['warm up'], 'a.txt')])
  const growths = [
    await growthOf('a PDF of 20 MB', () => send(pdf())),
    await growthOf('ten pictures of 2 MB', () => send(pictures())),
  ]
  await growthOf('ten such prompts at once', () =>
    Promise.all(Array.from({ length: 10 }, (_, i) => send(i % 2 ? pdf() : pictures()))),
  )
  await growthOf('a PDF of 20 MB, afterwards', () => send(pdf()))
  await stack.stop()
  return growths
}

/** The same PDF, put as it comes by a worker that does nothing else. */
async function measureLocalR2(): Promise<void> {
  console.log('the local R2 without the gateway')
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script: `export default {
        async fetch(request, { FILES }) {
          await FILES.put('key', request.body)
          return new Response()
        }
      }`,
      compatibilityDate: '2026-10-01',
      r2Buckets: ['FILES'],
      host: '127.0.0.1',
      port: 0,
    }),
  )
  const address = (await miniflare.ready).href
  const send = (bytes: number) => demandOk(address, { method: 'PUT', body: randomBytes(bytes) })
  await send(9)
  await growthOf('a PDF of 20 MB', () => send(20 * MB))
  await miniflare.dispose()
}

async function demandOk(address: string, init: RequestInit): Promise<void> {
  const response = await fetch(address, init)
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  await response.body?.cancel()
}

/** Runs it and says how far memory went above where it had been, in MB. */
async function growthOf(what: string, run: () => Promise<unknown>): Promise<number> {
  const pid = descendants(process.pid).find((one) => nameOf(one) === 'workerd')!
  await sleep(SETTLE_MS)
  // Forgets the peak so far: see proc_pid_clear_refs(5).
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
  const idle = memoryOf(pid, 'VmRSS')
  const started = performance.now()
  await run()
  const seconds = (performance.now() - started) / 1000
  const growth = memoryOf(pid, 'VmHWM') - idle
  const figures = `+${growth.toFixed(1)} MB over ${idle.toFixed(1)} MB, in ${seconds.toFixed(1)} s`
  console.log(`  ${what.padEnd(28)} ${figures}`)
  return growth
}

function memoryOf(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kilobytes = Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)![1])
  return (kilobytes * 1024) / MB
}

await main()
