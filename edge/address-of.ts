import type { Context } from 'hono'

/** Where a request comes from, as the runtime knows it; undefined where it does not. */
export type AddressOf = (c: Context) => string | undefined

/** The address that the proxy in front of us saw: the last one of the list, which it has added itself. */
export const forwardedAddress: AddressOf = (c) =>
  c.req.header('x-forwarded-for')?.split(',').at(-1)?.trim() || undefined

/** What is counted as one: an IPv4 address, or the /64 network of an IPv6 one, which one user has whole. */
export function networkOf(address: string): string {
  const bare = withoutPort(address)
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1]
  if (mapped || !/^[\da-f:]+(%|$)/i.test(bare)) return mapped ?? bare
  const [head = '', tail] = bare.split('%')[0]!.split('::')
  const groups = (text: string) => text.split(':').filter(Boolean)
  const before = groups(head)
  const missing = tail === undefined ? 0 : 8 - before.length - groups(tail).length
  const zeros = Array.from({ length: Math.max(missing, 0) }, () => '0')
  const network = [...before, ...zeros, ...groups(tail ?? '')].slice(0, 4)
  return `${network.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}

/** Some proxies write `address:port`, with brackets around an IPv6 address. */
function withoutPort(address: string): string {
  const [, bracketed, plain] = /^\[([^\]]+)\](?::\d+)?$|^([\d.]+):\d+$/.exec(address) ?? []
  return bracketed ?? plain ?? address
}
