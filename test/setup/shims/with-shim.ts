import { fileURLToPath } from 'node:url'

export type Shim = 'block-on-sigusr2' | 'crash-on-sigusr2' | 'die-on-poison' | 'shift-clock'

/** The settings that load a shim into a program on Node, and into what it starts in turn. */
export function withShim(shim: Shim): Record<string, string> {
  const file = fileURLToPath(new URL(`${shim}.mjs`, import.meta.url))
  return { NODE_OPTIONS: `--import ${JSON.stringify(file)}` }
}
