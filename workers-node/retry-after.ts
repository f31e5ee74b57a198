/** The longest rest that a service may ask for; a longer one is cut to it. */
const MOST_MS = 3_600_000

const NUMBER = /^\d+(\.\d+)?$/

/** RFC 9110, section 5.6.7: the form in use, then the two that recipients must still read. */
const HTTP_DATES = [
  /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/,
  /^\w+day, \d\d-\w{3}-\d\d \d\d:\d\d:\d\d GMT$/,
  /^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}$/,
]

/**
 * The wait that a service asks for, in ms, at most an hour; null where it asks for none that can be
 * understood. Headers (lower-case names) go before the body: `retry-after-ms`, which some services
 * send, `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3), and Google's
 * `google.rpc.RetryInfo` among the details of an error. A date counts from the service's own `Date`
 * where it sent one, so that its clock and ours may differ.
 */
export function retryAfterMs(
  headers: Record<string, string> | undefined,
  body?: unknown,
): number | null {
  const asked = ofMs(headers) ?? ofSecondsOrDate(headers) ?? ofDetails(body)
  return asked === undefined ? null : Math.min(Math.round(asked), MOST_MS)
}

function ofMs(headers: Record<string, string> | undefined): number | undefined {
  const ms = headers?.['retry-after-ms']?.trim()
  return ms && NUMBER.test(ms) ? Number(ms) : undefined
}

function ofSecondsOrDate(headers: Record<string, string> | undefined): number | undefined {
  const text = headers?.['retry-after']?.trim()
  if (!text) return undefined
  if (NUMBER.test(text)) return Number(text) * 1000
  const at = timeOf(text)
  const ms = at === undefined ? -1 : at - (timeOf(headers?.date?.trim()) ?? Date.now())
  return ms < 0 ? undefined : ms
}

/** ms since 1970. `Date.parse` alone reads a date into almost any text. */
function timeOf(date: string | undefined): number | undefined {
  if (!date || !HTTP_DATES.some((form) => form.test(date))) return undefined
  const time = Date.parse(date.endsWith('GMT') ? date : `${date} GMT`)
  return Number.isNaN(time) ? undefined : time
}

function ofDetails(body: unknown): number | undefined {
  const { error = body } = (body ?? {}) as { error?: unknown }
  const { details } = (error ?? {}) as { details?: unknown }
  if (!Array.isArray(details)) return undefined
  for (const detail of details as ({ retryDelay?: unknown } | null)[]) {
    const seconds = /^(\d+(?:\.\d+)?)s$/.exec(String(detail?.retryDelay))?.[1]
    if (seconds) return Number(seconds) * 1000
  }
  return undefined
}
