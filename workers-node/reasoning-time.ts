/** How long a model reasons ahead of its answer, by the monotonic clock. */
export class ReasoningTime {
  private began: number | null = null
  private ended: number | null = null

  /** Reasoning has come. */
  reasoned(): void {
    this.began ??= performance.now()
  }

  /** Text has come. Only what is not blank ends the reasoning, and only what comes after it. */
  wrote(text: string): void {
    if (this.began !== null && text.trim() !== '') this.ended ??= performance.now()
  }

  /** Until now where no text has come; null without reasoning. */
  get ms(): number | null {
    return this.began === null ? null : Math.round((this.ended ?? performance.now()) - this.began)
  }
}
