import { createHash } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import type { ClaimedTask } from '../drizzle/statements/claim-tasks-if-pending.ts'
import { endWaitsForNode } from '../drizzle/statements/end-waits-for-node.ts'
import { type NewNode, registerNodes } from '../drizzle/statements/register-nodes.ts'
import {
  type Breaker,
  type NodeCall,
  reportNodeCalls,
} from '../drizzle/statements/report-node-calls.ts'
import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import { Alarm } from './alarm.ts'
import { codeOf, log } from './log.ts'
import type { WorkerSettings } from './settings.ts'

const STEP = 500

type Families = WorkerSettings['families']
type Options = {
  postgres: PostgresDoor
  families: Families
  capacity: number
  breaker: Breaker
  /** Called when a family may be called again, where it could not before. */
  onRecovered(families: string[]): void
}

/**
 * The services that this worker calls, as rows that all workers share: what one learns of a service
 * that fails, the others know at their next claim.
 */
export class Nodes {
  private readonly options: Options
  private readonly ids = new Map<string, string>()
  private readonly registering: Alarm

  constructor(options: Options) {
    this.options = options
    this.registering = new Alarm('registering nodes', () => this.register())
  }

  /** The node that a family's tasks go to; null until it is registered. */
  idOf(family: string): string | null {
    return this.ids.get(family) ?? null
  }

  /** Says how a call went; it is not waited for, and a loss is no harm. */
  report(task: ClaimedTask, how: NodeCall['how'], restMs = 0): void {
    const { node_id: nodeId, probe, node_troubled } = task
    if (nodeId === null || (how === 'ok' && !probe && !node_troubled)) return
    if (how !== 'ok') log.warn({ node_id: nodeId, family: task.family, how }, 'node in trouble')
    void this.store({ nodeId, how, restMs, probe }).catch((error: unknown) =>
      log.warn({ code: codeOf(error) }, 'report of a node not stored'),
    )
  }

  async stop(): Promise<void> {
    await this.registering.stop()
  }

  private async register(): Promise<number> {
    const { postgres, families, capacity } = this.options
    const nodes = families.map((family) => ({ id: uuidv7(), capacity, ...nodeOf(family) }))
    const rows = await postgres.run(registerNodes(nodes))
    for (const [i, { id }] of rows.entries()) this.ids.set(nodes[i]!.family, id)
    return Number.POSITIVE_INFINITY
  }

  private async store(call: NodeCall): Promise<void> {
    const { postgres, breaker, onRecovered } = this.options
    const rows = await postgres.run(reportNodeCalls([call], breaker))
    const recovered = rows.map(({ family }) => family)
    if (recovered.length === 0) return
    log.info({ families: recovered }, 'node has recovered')
    for (;;) {
      const [row] = await postgres.run(endWaitsForNode(recovered, STEP))
      if (!row || row.tasks < STEP) break
    }
    onRecovered(recovered)
  }
}

/** A key is told apart from others by a hash; itself it is stored nowhere. */
function nodeOf({ family, endpoint }: Families[number]): Pick<NewNode, 'family' | 'url' | 'kind'> {
  const { url, key } = endpoint.nodes[0]
  const address = new URL(url ?? `https://${family.provider}/`)
  address.username = ''
  address.password = ''
  address.search = ''
  address.hash =
    key === undefined ? '' : createHash('sha256').update(key).digest('hex').slice(0, 12)
  return { family: family.family, url: address.href, kind: family.provider }
}
