import type { ClaimedTask } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { Suspects } from '../../workers-node/suspects.ts'

// A program that runs the task in its environment as a suspect, for tests that kill it.
const task = JSON.parse(process.env.TASK ?? '') as ClaimedTask
const suspects = new Suspects({ atOnce: 1 })
for await (const part of suspects.call(task, new AbortController().signal)) {
  console.log(`part ${JSON.stringify(part)}`)
}
