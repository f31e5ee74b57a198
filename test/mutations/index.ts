import { ACCESS } from './access.ts'
import { CONVERSATIONS } from './conversations.ts'
import { DEAD_LETTERS } from './dead-letters.ts'
import { DOCUMENTED } from './documented.ts'
import { FILES } from './files.ts'
import { IDENTITIES } from './identities.ts'
import { MACHINERY } from './machinery.ts'
import { MODEL_CALLS } from './model-calls.ts'
import type { Mutation } from './mutation.ts'
import { NODES } from './nodes.ts'
import { OPERATORS } from './operators.ts'
import { PAGE } from './page.ts'
import { PAGE_CONVERSATIONS } from './page-conversations.ts'
import { PAGE_FAULTS } from './page-faults.ts'
import { PAGE_FOR_EVERYONE } from './page-for-everyone.ts'
import { POLLING } from './polling.ts'
import { READING } from './reading.ts'
import { RECOVERY } from './recovery.ts'
import { RUNNING } from './running.ts'
import { SAFETY } from './safety.ts'
import { SUBMIT_AND_CLAIM } from './submit-and-claim.ts'
import { WORKERS } from './workers.ts'

/**
 * What `npm run mutate` takes away, one at a time: a guard, a lock or a count, and the test that
 * must go red without it.
 *
 * Not in the table, as no test can show them:
 * - claim: `DISTINCT ON (seen.id)`. Without it `UPDATE … FROM` still moves the row once; which of
 *   the two messages then has it is chance.
 * - claim, submit: the final `ORDER BY`. The plans of today keep the order by themselves; the tests
 *   look at the order all the same.
 * - submit: `NOT key.fresh` where the known tasks are joined, and the last `EXISTS (SELECT FROM
 *   task)`. What is fresh has no task yet in the sight of its own statement, and always gets some.
 * - settle: `FOR UPDATE` itself (its order is in the table). The update behind it locks the same
 *   rows, in an order that the plan happens to have.
 * - reap: the status. A CHECK constraint ties the lease to it; it is there for the index.
 * - reap: `ORDER BY t.id`. With SKIP LOCKED it waits for nobody, so that no order can deadlock.
 * - dead messages: `WHERE kind = 'message'`. Without it the statement names no index, and is refused.
 * - register nodes: `ORDER BY family, url`. Known rows are locked by id before; it is for rows that two
 *   workers make at the same moment.
 * - gather: `count > 0`. Without it an item over the weight never goes out, and the test never ends.
 * - dead letters: `copied_at IS NOT NULL` where a copy is taken back only spares writes; `FOR UPDATE`
 *   in giving back and in purging is repeated by the write behind it.
 * - what a CHECK constraint forces, such as `lease_expires_at = NULL`: see `schema.test.ts`.
 */
export const MUTATIONS: Mutation[] = [
  ...SUBMIT_AND_CLAIM,
  ...RUNNING,
  ...RECOVERY,
  ...NODES,
  ...DEAD_LETTERS,
  ...OPERATORS,
  ...READING,
  ...POLLING,
  ...PAGE_CONVERSATIONS,
  ...PAGE_FAULTS,
  ...CONVERSATIONS,
  ...MODEL_CALLS,
  ...DOCUMENTED,
  ...FILES,
  ...SAFETY,
  ...IDENTITIES,
  ...ACCESS,
  ...MACHINERY,
  ...WORKERS,
  ...PAGE,
  ...PAGE_FOR_EVERYONE,
]
