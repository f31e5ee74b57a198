/** The headers of answers, as the document's components. */
export const HEADERS = {
  'X-Request-Id': {
    required: true,
    schema: { type: 'string' },
    description:
      'Names the request in every log. That of the request, where it came with a fitting one.',
    example: '0e9d6f5c-6f0b-4c0e-9a55-2f1f9d1f6a11',
  },
  RateLimit: {
    schema: { type: 'string' },
    description:
      'How many requests are left by each policy, and in how many seconds its window is over (draft-ietf-httpapi-ratelimit-headers-10). Missing where nothing is counted.',
    example: '"owner";r=599;t=42, "address";r=1199;t=42',
  },
  'RateLimit-Policy': {
    schema: { type: 'string' },
    description: 'How many requests each policy allows in a window of so many seconds.',
    example: '"owner";q=600;w=60, "address";q=1200;w=60',
  },
  'Retry-After': {
    required: true,
    schema: { type: 'integer', minimum: 1 },
    description: 'In how many seconds it is worth to try again.',
    example: 5,
  },
  'WWW-Authenticate': {
    required: true,
    schema: { type: 'string', const: 'Bearer' },
    description: 'The way to say who one is.',
  },
  ETag: {
    required: true,
    schema: { type: 'string' },
    description: 'The version. Send it as `If-None-Match` with the next poll.',
    example: 'W/"3.2.0.1769860800123"',
  },
  'Preference-Applied': {
    schema: { type: 'string' },
    description: 'The preference `wait` that was kept (RFC 7240); missing without one.',
    example: 'wait=25',
  },
  Location: {
    required: true,
    schema: { type: 'string', format: 'uri-reference' },
    description: 'Where to poll.',
    example: '/v1/batches/01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f',
  },
  'Idempotent-Replayed': {
    schema: { type: 'string', const: 'true' },
    description: 'Says that this `Idempotency-Key` was used before; else it is missing.',
  },
  'Content-Disposition': {
    required: true,
    schema: { type: 'string' },
    description: 'What the file is called (RFC 6266), and whether it is to be saved.',
    example: 'attachment; filename="why.md"',
  },
  'Set-Cookie': {
    required: true,
    schema: { type: 'string' },
    description: 'The signed cookie `visitor`: HttpOnly, SameSite=Strict.',
  },
} as const

type HeaderName = keyof typeof HEADERS

type Headers = { [name: string]: { $ref: string } }

/** The `headers` of an answer in the document. */
export function headersNamed(...names: HeaderName[]): Headers {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}
