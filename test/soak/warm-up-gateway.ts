import type { Stack } from '../stack.ts'

/**
 * workerd lets the heap of any program grow until so many requests have been answered, and hardly
 * collects before: one that only passes a fetch on needed 20,000 of them to come to its 580 MB, and
 * stayed there. At the pace of the load that would take longer than the soak.
 */
const READS = 30_000
const AT_ONCE = 4

/** Reads from the gateway until its memory no longer grows for being new. Throws when interrupted. */
export async function warmUpGateway(
  { gatewayUrl, rest }: Stack,
  interrupted: AbortSignal,
): Promise<void> {
  let left = READS
  async function reader(): Promise<void> {
    while (left-- > 0) {
      interrupted.throwIfAborted()
      const response = await fetch(`${gatewayUrl}/v1/models`)
      await response.text()
      if (!response.ok) throw new Error(`the gateway answered ${response.status}`)
      rest.take()
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, reader))
}
