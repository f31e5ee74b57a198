import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A real process of the product, with all that it has printed. */
export type Program = {
  child: ChildProcess
  output(): string
  /** Resolves to the match once the output fits; fails when the process ends first. */
  printed(pattern: RegExp, withinMs?: number): Promise<RegExpMatchArray>
  /** Sends a signal and resolves to the exit code, or to the signal that ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | string | null>
  exited: Promise<number | string | null>
}

const running = new Set<ChildProcess>()
// A test that failed half-way must not leave its programs behind.
process.on('exit', () => {
  for (const child of running) child.kill('SIGTERM')
})

/** The environment of this machine without the settings of anybody's own stack. */
export function bareEnvironment(): Record<string, string | undefined> {
  const { PATH, HOME, TMPDIR, LANG } = process.env
  return { PATH: `${ROOT}node_modules/.bin:${PATH}`, HOME, TMPDIR, LANG }
}

/** Starts a program in the project's folder with exactly these settings. */
export function spawnProgram(
  command: string,
  args: string[],
  settings: Record<string, string> = {},
): Program {
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...bareEnvironment(), ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  let output = ''
  let changed = () => {}
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text
      changed()
    })
  }
  const exited = new Promise<number | string | null>((resolve) => {
    child.on('exit', (code, signal) => {
      running.delete(child)
      resolve(code ?? signal)
    })
  })
  return {
    child,
    exited,
    output: () => output,
    async printed(pattern, withinMs = 30_000) {
      let ended = false
      void exited.then(() => {
        ended = true
        changed()
      })
      const deadline = setTimeout(() => {
        ended = true
        changed()
      }, withinMs)
      try {
        for (;;) {
          const match = output.match(pattern)
          if (match) return match
          if (ended) throw new Error(`${args.join(' ')} never printed ${pattern}:\n${output}`)
          await new Promise<void>((resolve) => {
            changed = resolve
          })
        }
      } finally {
        clearTimeout(deadline)
      }
    },
    stop(signal = 'SIGTERM') {
      child.kill(signal)
      return exited
    },
  }
}
