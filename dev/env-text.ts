/** Settings as `KEY=VALUE` lines that Node, a shell and Docker read alike. */
export function envText(settings: Record<string, string>): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${quoted(value)}\n`)
  return lines.join('')
}

function quoted(value: string): string {
  return /^[\w:/.@%?=+,-]*$/.test(value) ? value : `'${value}'`
}
