import { readdirSync, readFileSync } from 'node:fs'

/** The living processes that a process has started, directly or not, by /proc. */
export function descendants(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const parent = parentOf(Number(name))
    if (parent === undefined) continue
    children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const found: number[] = []
  for (let next = children.get(root) ?? []; next.length > 0; ) {
    found.push(...next)
    next = next.flatMap((pid) => children.get(pid) ?? [])
  }
  return found
}

export function isAlive(pid: number): boolean {
  return parentOf(pid) !== undefined
}

/** The name of a process, as the kernel keeps it. */
export function nameOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
}

/** The command line of a process; empty where there is none. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    return ''
  }
}

/** A process that has ended, or waits only for its parent to take notice, has none. */
function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' ? undefined : Number(parent)
  } catch {
    return undefined
  }
}
