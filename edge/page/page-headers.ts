const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** One rule: a path of the site, `*` at its end standing for any ending, and what is sent with it. */
export type HeaderRule = { path: string; headers: Record<string, string> }

/**
 * The headers of the static files, for every host of them: the build writes them as Cloudflare's
 * `_headers`, the other entry points send what `pageHeaders` returns. Each name stands in rules
 * that cannot both match, because Cloudflare joins doubled values with a comma.
 */
const PAGE_HEADER_RULES: readonly HeaderRule[] = [
  {
    path: '/*',
    headers: {
      'Content-Security-Policy': CONTENT_SECURITY_POLICY,
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
    },
  },
  // Names without a hash: ask every time, and be answered 304 while nothing has changed.
  ...[
    '/',
    '/index.html',
    '/app.js',
    '/early.js',
    '/style.css',
    '/docs/',
    '/docs/index.html',
    '/docs/docs.js',
  ].map((path) => ({ path, headers: { 'Cache-Control': 'no-cache' } })),
  // Each name has the hash of its content.
  { path: '/chunks/*', headers: { 'Cache-Control': 'public, max-age=31536000, immutable' } },
  // These change only with the dependency, or hardly ever.
  ...['/favicon.svg', '/docs/swagger-ui*'].map((path) => ({
    path,
    headers: { 'Cache-Control': 'public, max-age=86400' },
  })),
]

/** The headers for one path of the static site. */
export function pageHeaders(pathname: string): Record<string, string> {
  const fits = ({ path }: HeaderRule) =>
    path.endsWith('*') ? pathname.startsWith(path.slice(0, -1)) : pathname === path
  return Object.assign({}, ...PAGE_HEADER_RULES.filter(fits).map(({ headers }) => headers))
}

/** The rules in the form of Cloudflare's `_headers` file. */
export function cloudflareHeadersFile(): string {
  const block = ({ path, headers }: HeaderRule) =>
    [path, ...Object.entries(headers).map(([name, value]) => `  ${name}: ${value}`)].join('\n')
  return `${PAGE_HEADER_RULES.map(block).join('\n\n')}\n`
}
