/**
 * Of files in their order, oldest first, the number of the first that is kept where only the newest
 * `most` bytes fit; while it fits, it is not behind `last`. Files of 0 bytes do not count.
 *
 * Where something must go, it goes in steps, as the turns of a conversation do (`history-of-task.ts`):
 * the first kept is the one with the roundest binary number that leaves at least half of what fits, by
 * files and by bytes. It stays the first until it no longer fits or a rounder one comes up, so that most
 * prompts begin as the last one did.
 */
export function firstKept(bytes: number[], most: number, last: number): number {
  let first = bytes.length
  while (first > 0 && sum(bytes.slice(first - 1)) <= most) first--
  const fitting = bytes.slice(first)
  let chosen = first
  for (let i = first + 1; i <= last; i++) {
    const left = bytes.slice(i)
    const isHalf = sum(left) >= sum(fitting) / 2 && count(left) > count(fitting) / 2
    if (isHalf && roundness(i) > roundness(chosen)) chosen = i
  }
  return chosen
}

const sum = (bytes: number[]) => bytes.reduce((all, one) => all + one, 0)
const count = (bytes: number[]) => bytes.filter((one) => one > 0).length

/** The greatest power of two that divides a number; every one divides 0. */
const roundness = (number: number) => (number === 0 ? Number.POSITIVE_INFINITY : number & -number)
