/** An answer of the API that is no success, or (status 0) no answer at all. */
export class ApiError extends Error {
  readonly status: number
  readonly retryAfterMs: number | null

  constructor(message: string, status: number, retryAfterMs: number | null = null) {
    super(message)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }

  /** Reads the error envelope; something between us and the gateway may have sent another body. */
  static async from(response: Response): Promise<ApiError> {
    const body = await response.json().catch(() => null)
    const message = body?.error?.message ?? `The server answered with status ${response.status}.`
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
    return new ApiError(message, response.status, Number.isFinite(seconds) ? seconds * 1000 : null)
  }

  static unreachable(): ApiError {
    return new ApiError('The server cannot be reached. Check your connection and try again.', 0)
  }

  /** Whether the same request may succeed a little later. */
  get passing(): boolean {
    return [0, 408, 425, 429].includes(this.status) || this.status >= 500
  }
}

/** What to tell the person. Anything that is not an answer of the API is a fault of this page. */
export function messageOf(error: unknown): string {
  if (error instanceof ApiError) return error.message
  console.error(error)
  return 'Something went wrong in this page. Reload it and try again.'
}
