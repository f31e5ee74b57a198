import { createHash } from 'node:crypto'
import type { ModelFamily } from '../drizzle/contract/models.ts'
import type { NodeAddress } from './settings.ts'

/**
 * The name of a node, the same in every worker that has it in its settings: its address without
 * anything secret. A key is told apart from others by a hash; itself it is stored nowhere.
 */
export function nodeUrl({ endpoint }: ModelFamily, { url, key }: NodeAddress): string {
  const address = new URL((url ?? endpoint.ownUrl)!)
  address.username = ''
  address.password = ''
  address.search = ''
  address.hash =
    key === undefined ? '' : createHash('sha256').update(key).digest('hex').slice(0, 12)
  return address.href
}
