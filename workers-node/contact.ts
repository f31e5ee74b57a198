/** For how long a worker has been in contact with Postgres without a break. */
export class Contact {
  private since = performance.now()

  /** Does something with Postgres; if it fails, contact begins anew. Throws what it throws. */
  async during(act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      this.since = performance.now()
      throw error
    }
  }

  lastsMs(): number {
    return performance.now() - this.since
  }
}
