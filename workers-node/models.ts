import { familyOfModel } from '../drizzle/contract/models.ts'
import type { ClaimedTask } from '../drizzle/statements/claim-tasks-if-pending.ts'
import type { CalledModel } from './call-model.ts'
import { openModelFetch } from './model-fetch.ts'
import { nodeUrl } from './node-url.ts'
import { probeNode } from './probe-node.ts'
import { providerOf } from './providers/provider-of.ts'
import type { NodeAddress, WorkerSettings } from './settings.ts'

export type Models = {
  /** The model that a task asks for, at its node, and how long each part of its call may take. */
  modelFor(task: ClaimedTask): CalledModel
  /** Whether anything answers at the node of this name. */
  answers(family: string, nodeUrl: string): Promise<boolean>
  /** Ends the connections to all services. */
  close(): Promise<void>
}

/** Opens the way to the models of every family that the worker serves. */
export function openModels({
  families,
  PICTURE_HOSTS: pictureHosts,
}: Pick<WorkerSettings, 'families' | 'PICTURE_HOSTS'>): Models {
  const opened = families.map(({ family, endpoint: { nodes, timeouts } }) => {
    const { connectMs } = { ...family.timeouts, ...timeouts }
    const { fetch, close } = openModelFetch({ connectMs })
    const at = (node: NodeAddress | undefined) => providerOf(family)({ ...node, fetch })
    const own = new Map(nodes.map((node) => [nodeUrl(family, node), at(node)]))
    /** One that has registered itself is called without a key. */
    const serviceAt = (url: string | null) =>
      url === null ? at(nodes[0]) : (own.get(url) ?? at({ url }))
    return { family, serviceAt, timeouts, fetch, close }
  })
  const servedBy = (name: string) => {
    const found = opened.find(({ family }) => family.family === name)
    if (!found) throw new Error(`no model family ${name} is served here`)
    return found
  }
  return {
    modelFor(task) {
      const { family, serviceAt, timeouts } = servedBy(task.family)
      const row = familyOfModel(task.model) ?? family
      const service = serviceAt(task.node_url)
      return { service, row, timeouts: { ...row.timeouts, ...timeouts }, pictureHosts }
    },
    answers: (family, url) => probeNode(url, servedBy(family).fetch),
    async close() {
      await Promise.all(opened.map(({ close }) => close()))
    },
  }
}
