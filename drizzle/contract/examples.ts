/** Answers, for instance: what the OpenAPI document shows of each schema. */

const BATCH_ID = '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f'
const CONVERSATION_ID = '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e70'
const TASK_ID = '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e71'
const FILE_ID = '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e72'
const TITLE = 'Why is the sky blue?'
const CREATED_AT = '2026-01-31T12:00:00.000Z'
const STARTED_AT = '2026-01-31T12:00:00.065Z'
const FINISHED_AT = '2026-01-31T12:00:03.853Z'

const STORED_FILE = { file_id: FILE_ID, name: 'sky.png', type: 'image/png', bytes: 48_213 }
const FILE = {
  ...STORED_FILE,
  url: `http://127.0.0.1:8787/v1/files/${FILE_ID}?owner=me&expires=1769864400&name=sky.png&signature=q3…`,
}

const RESULT = {
  task_id: TASK_ID,
  model: 'deepseek-r1:1.5b',
  slot: 0,
  model_name: 'deepseek-r1:1.5b',
  status: 1,
  response_text: 'Because air scatters short waves of light more than long ones.',
  reasoning_text: 'The user asks about Rayleigh scattering.',
  error_code: null,
  error_msg: null,
  cost_time: 3.788,
  usage: { input_tokens: 7, output_tokens: 62, reasoning_tokens: 12, cached_tokens: 0 },
  finish_reason: 'stop',
  answered_by: 'deepseek-r1:1.5b',
  first_token_ms: 412,
  reasoning_ms: 903,
  created_at: CREATED_AT,
  started_at: STARTED_AT,
  finished_at: FINISHED_AT,
  files: [],
}

const STORED_BATCH = {
  batch_id: BATCH_ID,
  conversation_id: CONVERSATION_ID,
  status: 'COMPLETED',
  user_prompt: TITLE,
  mode: 'text',
  chosen_task_id: null,
  files: [STORED_FILE],
  created_at: CREATED_AT,
  finished_at: FINISHED_AT,
  results: [RESULT],
}
const BATCH = { ...STORED_BATCH, files: [FILE], poll_after_ms: null }

const CONVERSATION = {
  conversation_id: CONVERSATION_ID,
  title: TITLE,
  created_at: CREATED_AT,
  updated_at: CREATED_AT,
}

export const EXAMPLES = {
  submitRequest: { prompt: TITLE, model: 'gemini-2.5-flash, deepseek-r1:1.5b' },
  submitAnswer: {
    batch_id: BATCH_ID,
    conversation_id: CONVERSATION_ID,
    message: 'Tasks dispatched successfully',
    task_ids: [TASK_ID],
  },
  uploadedFiles: { files: [FILE] },
  savedFile: {
    file_id: FILE_ID,
    type: 'image/png',
    bytes: 48_213,
    sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  },
  task: { ...RESULT, batch_id: BATCH_ID, conversation_id: CONVERSATION_ID },
  batch: BATCH,
  chooseRequest: { task_id: TASK_ID },
  conversation: CONVERSATION,
  conversations: { conversations: [CONVERSATION], next_cursor: null },
  renameRequest: { title: 'Why the sky is blue' },
  history: {
    conversation_id: CONVERSATION_ID,
    title: TITLE,
    batches: [BATCH],
    next_cursor: null,
  },
  exportedConversation: {
    conversation_id: CONVERSATION_ID,
    title: TITLE,
    batches: [STORED_BATCH],
  },
  models: {
    object: 'list',
    data: [
      {
        id: 'deepseek-r1:1.5b',
        object: 'model',
        owned_by: 'deepseek',
        family: 'deepseek',
        accepts: ['text'],
        makes: ['text'],
        reasoning: true,
        available: true,
      },
    ],
  },
  health: {
    status: 'ok',
    dependencies: { postgres: { state: 'up' }, redis: { state: 'up' } },
    workers: { heard_of: 2, families: { gemini: 2, deepseek: 2, qwen: 1 } },
  },
  nodeHeartbeat: { url: 'http://10.0.0.7:8000', capacity: 4 },
  nodeHeartbeatAnswer: {
    node_id: '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e73',
    status: 'HEALTHY',
    beat_every_ms: 10_000,
    offline_after_ms: 30_000,
  },
}
