import { MAX_FILES } from '../drizzle/contract/file-ref.ts'
import { forgetUnusedFiles } from '../drizzle/statements/forget-unused-files.ts'
import { codeOf } from './code-of.ts'
import { type Doors, deleteDoomed } from './delete-doomed.ts'
import { log } from './log.ts'

/** How many unused files are forgotten at once: more than an upload can bring. */
const STEP = 2 * MAX_FILES
/** How long this process leaves it alone once it has looked, where nobody brings anything, in ms. */
const LOOK_AGAIN_AFTER_MS = 600_000

/** The files that nobody used, and the objects that no row names. Each process sees to those of all. */
export class Leftovers {
  #dueAt = 0

  /** Does not fail: what is left over is there the next time. */
  async forget(doors: Doors): Promise<void> {
    this.#dueAt = Date.now() + LOOK_AGAIN_AFTER_MS
    try {
      await doors.postgres.run(forgetUnusedFiles(STEP))
    } catch (error) {
      const code = codeOf(error)
      log('warn', 'unused files not forgotten', { code, request_id: doors.requestId })
    }
    await deleteDoomed(doors)
  }

  /** The same, but only where it has not been done for a while. */
  async forgetIfDue(doors: Doors): Promise<void> {
    if (Date.now() >= this.#dueAt) await this.forget(doors)
  }
}
