import { commaList } from './settings.ts'

/** Hosts that may be called. A port of null stands for any. */
export type AllowedHost = { hostname: string; subdomains: boolean; port: number | null }

const PART = /^(\*\.)?(\[[\da-f:.]+\]|[^\s:/?#@[\]\\%*]+)(?::(\d{1,5}))?$/i
const IP_ADDRESS = /^(\[|[\d.]+$)/
const SAYS =
  'it must be a comma list of host names: name, name:port, or *.name for all names that end in it'

/** A setting that is a list of hosts: `name`, `name:port`, `*.name` (names below it, not itself). */
export function hostList() {
  return commaList()
    .transform((parts) => parts.map(allowedHost))
    .refine((hosts): hosts is AllowedHost[] => hosts.length > 0 && !hosts.includes(null), SAYS)
}

/** Null for what is no host. Written as a URL has it: IDNA, lower case, IPv4 by four numbers. */
function allowedHost(part: string): AllowedHost | null {
  const [, wildcard, host, digits] = PART.exec(part) ?? []
  const hostname = host && URL.parse(`http://${host}`)?.hostname
  if (!hostname || (wildcard && IP_ADDRESS.test(hostname))) return null
  const port = digits === undefined ? null : Number(digits)
  if (port !== null && (port < 1 || port > 65_535)) return null
  return { hostname, subdomains: wildcard !== undefined, port }
}

/** Whether the host of an http or https address is among those. */
export function isAllowedHost(hosts: readonly AllowedHost[], address: URL): boolean {
  const port = Number(address.port || (address.protocol === 'https:' ? 443 : 80))
  return hosts.some(
    (allowed) =>
      (allowed.port ?? port) === port &&
      (allowed.subdomains
        ? address.hostname.endsWith(`.${allowed.hostname}`)
        : address.hostname === allowed.hostname),
  )
}
