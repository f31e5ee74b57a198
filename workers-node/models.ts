import { familyOfModel } from '../drizzle/contract/models.ts'
import type { ClaimedTask } from '../drizzle/statements/claim-tasks-if-pending.ts'
import type { CalledModel } from './call-model.ts'
import { openModelFetch } from './model-fetch.ts'
import { providerOf } from './providers/provider-of.ts'
import type { WorkerSettings } from './settings.ts'

export type Models = {
  /** The model that a task asks for, and how long each part of its call may take. */
  modelFor(task: ClaimedTask): CalledModel
  /** Ends the connections to all services. */
  close(): Promise<void>
}

/** Opens the way to the models of every family that the worker serves. */
export function openModels({ families }: Pick<WorkerSettings, 'families'>): Models {
  const opened = families.map(({ family, endpoint: { timeouts, nodes } }) => {
    const { connectMs } = { ...family.timeouts, ...timeouts }
    const { fetch, close } = openModelFetch({ connectMs })
    const service = providerOf(family)({ ...nodes[0], fetch })
    return { family, service, timeouts, close }
  })
  return {
    modelFor(task) {
      const found = opened.find(({ family }) => family.family === task.family)
      if (!found) throw new Error(`no model family ${task.family} is served here`)
      const row = familyOfModel(task.model) ?? found.family
      return { service: found.service, row, timeouts: { ...row.timeouts, ...found.timeouts } }
    },
    async close() {
      await Promise.all(opened.map(({ close }) => close()))
    },
  }
}
