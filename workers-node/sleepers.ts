/** Those that wait until something holds; whoever changes it wakes them, and each looks for itself. */
export class Sleepers {
  private waiting: (() => void)[] = []

  /** Resolves once it holds, or when stopping and woken. */
  async until(holds: () => boolean, stopping: AbortSignal): Promise<void> {
    while (!holds() && !stopping.aborted) {
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    }
  }

  wake(): void {
    for (const wake of this.waiting.splice(0)) wake()
  }
}
