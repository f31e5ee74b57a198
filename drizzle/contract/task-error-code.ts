/** Every reason for which a task can end FAILED, with the sentence a person reads. A closed list. */
export const TASK_ERRORS = {
  model_unreachable: 'The model service could not be reached.',
  model_overloaded: 'The model service has too many requests at the moment.',
  model_unavailable: 'The model service reported a fault of its own.',
  model_not_found: 'The model service does not have this model.',
  model_refused_credentials: 'The model service refused the configured credentials.',
  model_rejected_request: 'The model service rejected the request.',
  model_redirected: 'The model service sent the request to another address, where it may not go.',
  model_timeout: 'The model did not finish within its time.',
  first_token_timeout: 'The model did not begin to answer within its time.',
  idle_timeout: 'The model stopped writing in the middle of its answer.',
  model_broke_off: 'The connection to the model broke off before the answer was complete.',
  model_answer_invalid: 'The model service sent an answer that could not be read.',
  empty_response: 'The model ended without an answer.',
  truncated: 'The answer ends before it is complete.',
  content_filtered: 'The model service withheld the answer by its content rules.',
  soft_refusal: 'The model declined the request.',
  no_image_returned: 'The model answered without a picture.',
  file_unavailable: 'A file of the request could not be fetched.',
  file_rejected: 'A file of the request is of a type or size that the model cannot take.',
  picture_lost: 'The picture that the model made could not be kept.',
  killed_worker: 'The request ended every process that ran it.',
  no_node_available: 'No service for this model could take the request in time.',
  unstorable_result: 'The answer of the model could not be stored.',
  internal: 'The task failed through a fault in the worker.',
} as const

export type TaskErrorCode = keyof typeof TASK_ERRORS

export const TASK_ERROR_CODES = Object.keys(TASK_ERRORS) as [TaskErrorCode, ...TaskErrorCode[]]
