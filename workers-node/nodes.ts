import { v7 as uuidv7 } from 'uuid'
import { beatNodes } from '../drizzle/statements/beat-nodes.ts'
import type { ClaimedTask, KnownNodes } from '../drizzle/statements/claim-tasks-if-pending.ts'
import { SILENT_AFTER_S } from '../drizzle/statements/node-state.ts'
import { registerNodes } from '../drizzle/statements/register-nodes.ts'
import {
  type Breaker,
  type NodeCall,
  reportNodeCalls,
} from '../drizzle/statements/report-node-calls.ts'
import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import { Alarm } from './alarm.ts'
import { about, codeOf, log } from './log.ts'
import { nodeUrl } from './node-url.ts'
import type { WorkerSettings } from './settings.ts'

/** A third of the silence after which a node is taken for gone. */
const BEAT_EVERY_MS = 10_000
/** After so long a claim may have found it silent, in ms. */
const SILENT_MS = SILENT_AFTER_S * 1000 - BEAT_EVERY_MS

type Options = {
  postgres: PostgresDoor
  families: WorkerSettings['families']
  /** Whether nodes that register themselves are called too. */
  discover: boolean
  breaker: Breaker
  /** Whether anything answers at the node of this name. */
  answers(family: string, nodeUrl: string): Promise<boolean>
  /** Called when the nodes of a family may be called again, where one could not before. */
  onRecovered(family: string): void
}

type OwnNode = {
  id: string
  family: string
  url: string
  /** Whether it answered when it was asked last. */
  answered: boolean
  heardAt: number
}

/**
 * The services that this worker calls, as rows that all workers share: what one learns of a service
 * that fails, the others know at their next claim. While there are tasks it asks those of its
 * settings whether they are there, and says so for those that answer.
 */
export class Nodes {
  private readonly options: Options
  private own: OwnNode[] = []
  private readonly registered = Promise.withResolvers<void>()
  private readonly registering: Alarm
  private readonly beating: Alarm
  private needed = false

  constructor(options: Options) {
    this.options = options
    this.registering = new Alarm('registering nodes', () => this.register())
    this.beating = new Alarm('asking the nodes', () => this.beat())
  }

  known(): KnownNodes {
    return { ids: this.own.map(({ id }) => id), discover: this.options.discover }
  }

  /** How many tasks the nodes of a family may hold at most; Infinity where they are not all known. */
  roomOf(family: string): number {
    if (this.options.discover) return Number.POSITIVE_INFINITY
    const { endpoint } = this.options.families.find((served) => served.family.family === family)!
    return endpoint.nodes.length * endpoint.nodeCapacity
  }

  /** Resolves when the nodes of the settings have their rows. */
  untilRegistered(): Promise<void> {
    return this.registered.promise
  }

  /**
   * There are tasks again. What has been silent only because nobody asked counts as heard of, until
   * it is asked.
   */
  async rouse(): Promise<void> {
    this.needed = true
    try {
      await this.sayHeard()
    } catch (error) {
      log.warn({ code: codeOf(error) }, 'nodes not noted as heard of')
    }
    this.beating.bringForward()
  }

  /** Tasks wait for nodes: whether they are there must be known, though nothing runs. */
  keepAsking(): void {
    this.needed = true
    this.beating.unlessWithin(BEAT_EVERY_MS)
  }

  /** Nothing runs any more: a database that sleeps when nobody asks may sleep. */
  rest(): void {
    this.needed = false
  }

  /** Says how a call went. Resolves when it is stored, or lost, which is no harm. */
  async report(task: ClaimedTask, how: NodeCall['how'], restMs = 0): Promise<void> {
    const { node_id: nodeId, probe, node_troubled } = task
    if (nodeId === null || (how === 'ok' && !probe && !node_troubled)) return
    if (how !== 'ok')
      log.warn({ ...about(task), node_id: nodeId, family: task.family, how }, 'node in trouble')
    await this.store({ nodeId, how, restMs, probe }).catch((error: unknown) =>
      log.warn({ code: codeOf(error) }, 'report of a node not stored'),
    )
  }

  async stop(): Promise<void> {
    await Promise.all([this.registering.stop(), this.beating.stop()])
  }

  private async register(): Promise<number> {
    const { postgres, families } = this.options
    const nodes = families.flatMap(({ family, endpoint }) =>
      endpoint.nodes.map((address) => ({
        id: uuidv7(),
        family: family.family,
        url: nodeUrl(family, address),
        kind: family.provider,
        capacity: endpoint.nodeCapacity,
      })),
    )
    const rows = await postgres.run(registerNodes(nodes))
    const heardAt = performance.now()
    this.own = rows.map(({ id }, i) => ({ ...nodes[i]!, id, answered: true, heardAt }))
    this.registered.resolve()
    return Number.POSITIVE_INFINITY
  }

  private async beat(): Promise<number> {
    if (!this.needed) return Number.POSITIVE_INFINITY
    await Promise.all(
      this.own.map(async (node) => {
        node.answered = await this.options.answers(node.family, node.url)
      }),
    )
    await this.sayHeard()
    return BEAT_EVERY_MS
  }

  /** A row that somebody has removed is made anew. */
  private async sayHeard(): Promise<void> {
    const nodes = this.own.filter(({ answered }) => answered)
    if (nodes.length === 0) return
    const rows = await this.options.postgres.run(beatNodes(nodes.map(({ id }) => id)))
    if (rows.length < nodes.length) this.registering.bringForward()
    const now = performance.now()
    for (const node of nodes) {
      if (now - node.heardAt > SILENT_MS) this.options.onRecovered(node.family)
      node.heardAt = now
    }
  }

  private async store(call: NodeCall): Promise<void> {
    const { postgres, breaker, onRecovered } = this.options
    const rows = await postgres.run(reportNodeCalls([call], breaker))
    for (const { family } of rows) {
      log.info({ family }, 'node has recovered')
      onRecovered(family)
    }
  }
}
