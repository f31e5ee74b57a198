import type { ErrorCode } from '../../../drizzle/contract/http-api.ts'

/** An answer of the API that is no success, or (status 0) no answer at all. */
export class ApiError extends Error {
  readonly status: number
  /** As the server names it; something between us and the gateway may have sent none. */
  readonly code: ErrorCode | ''
  readonly retryAfterMs: number | null

  constructor(
    message: string,
    status: number,
    { code = '', retryAfterMs = null }: Partial<Pick<ApiError, 'code' | 'retryAfterMs'>> = {},
  ) {
    super(message)
    this.status = status
    this.code = code
    this.retryAfterMs = retryAfterMs
  }

  /** Reads the error envelope. */
  static async from(response: Response): Promise<ApiError> {
    const body = await response.json().catch(() => null)
    return ApiError.of(body, response.status, response.headers.get('retry-after'))
  }

  static of(body: unknown, status: number, retryAfter: string | null): ApiError {
    const { code, message } = (body as { error?: Partial<ApiError> } | null)?.error ?? {}
    const seconds = Number(retryAfter ?? Number.NaN)
    const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : null
    return new ApiError(message ?? '', status, { code, retryAfterMs })
  }

  static unreachable(): ApiError {
    return new ApiError('', 0)
  }

  /** Whether the same request may succeed a little later. */
  get passing(): boolean {
    return [0, 408, 425, 429].includes(this.status) || this.status >= 500
  }
}
