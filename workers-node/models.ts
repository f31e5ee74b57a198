import type { LanguageModelV4 } from '@ai-sdk/provider'
import type { Timeouts } from '../drizzle/contract/models.ts'
import type { ClaimedTask } from '../drizzle/statements/claim-tasks-if-pending.ts'
import { openModelFetch } from './model-fetch.ts'
import { nodeUrl } from './node-url.ts'
import { probeNode } from './probe-node.ts'
import { providerOf } from './providers/provider-of.ts'
import type { NodeAddress, WorkerSettings } from './settings.ts'

export type Models = {
  /** The model that a task asks for, at its node, and how long each part of its call may take. */
  modelFor(task: ClaimedTask): { model: LanguageModelV4; timeouts: Timeouts }
  /** Whether anything answers at the node of this name. */
  answers(family: string, nodeUrl: string): Promise<boolean>
  /** Ends the connections to all services. */
  close(): Promise<void>
}

/** Opens the way to the models of every family that the worker serves. */
export function openModels({ families }: Pick<WorkerSettings, 'families'>): Models {
  const opened = families.map(({ family, endpoint: { nodes, timeouts } }) => {
    const { fetch, close } = openModelFetch({ connectMs: timeouts.connectMs })
    const at = (node: NodeAddress | undefined) => providerOf(family)({ ...node, fetch })
    const own = new Map(nodes.map((node) => [nodeUrl(family, node), at(node)]))
    /** One that has registered itself is called without a key. */
    const modelAt = (url: string | null, model: string) =>
      (url === null ? at(nodes[0]) : (own.get(url) ?? at({ url })))(model)
    return { family: family.family, modelAt, timeouts, fetch, close }
  })
  const servedBy = (name: string) => {
    const found = opened.find(({ family }) => family === name)
    if (!found) throw new Error(`no model family ${name} is served here`)
    return found
  }
  return {
    modelFor({ family, node_url, model }) {
      const { modelAt, timeouts } = servedBy(family)
      return { model: modelAt(node_url, model), timeouts }
    },
    answers: (family, url) => probeNode(url, servedBy(family).fetch),
    async close() {
      await Promise.all(opened.map(({ close }) => close()))
    },
  }
}
