/** The moments, by the clock of the database, at which this worker has looked for dead holders. */
export class Looks {
  private looks: { at: number; moment: string }[] = []

  /** To be said as soon as the answer with the database's own time is there. */
  add(moment: string): void {
    this.looks.push({ at: performance.now(), moment })
  }

  /** The latest that was answered at least `ms` ago, if there is one; earlier ones are forgotten. */
  before(ms: number): string | undefined {
    const latest = this.looks.findLastIndex(({ at }) => performance.now() - at >= ms)
    if (latest > 0) this.looks = this.looks.slice(latest)
    return latest < 0 ? undefined : this.looks[0]!.moment
  }
}
