import { readFileSync, writeFileSync } from 'node:fs'

/** The port noted in this file by an earlier run, if any. */
export function rememberedPort(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8')) || undefined
  } catch {
    return undefined
  }
}

/** Notes the port, so that addresses stay the same from start to start. */
export function rememberPort(file: string, port: number): void {
  writeFileSync(file, `${port}\n`)
}
