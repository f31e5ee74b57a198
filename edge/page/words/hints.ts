import type { TaskErrorCode } from '../../../drizzle/contract/task-error-code.ts'
import type { Words } from './en.ts'

/** What a person can do about each way in which a task fails. */
export const HINTS: Record<TaskErrorCode, keyof Words['hints']> = {
  model_unreachable: 'later',
  model_overloaded: 'later',
  model_unavailable: 'later',
  model_not_found: 'operator',
  model_refused_credentials: 'operator',
  model_rejected_request: 'rephrase',
  model_redirected: 'operator',
  model_timeout: 'retry',
  first_token_timeout: 'later',
  idle_timeout: 'retry',
  model_broke_off: 'retry',
  model_answer_invalid: 'retry',
  empty_response: 'retry',
  truncated: 'retry',
  content_filtered: 'rephrase',
  soft_refusal: 'rephrase',
  no_image_returned: 'rephrase',
  file_unavailable: 'files',
  file_rejected: 'files',
  picture_lost: 'retry',
  killed_worker: 'another',
  no_node_available: 'later',
  unstorable_result: 'retry',
  internal: 'retry',
}
