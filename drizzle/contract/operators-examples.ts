/** What operators are answered, for instance. */

const LETTER = {
  id: '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e74',
  kind: 'task',
  source: 'deepseek',
  original_id: '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e71',
  error_code: 'model_timeout',
  created_at: '2026-01-31T12:05:00.000Z',
  replayed_at: null,
}

export const OPERATORS_EXAMPLES = {
  deadLetters: { dead_letters: [LETTER], next_cursor: null },
  deadLetter: {
    ...LETTER,
    payload: '{"task_id":"01990b6e-7a4c-7000-8a5e-3f1c2b4d5e71","attempts":3}',
    error_msg: 'The model did not answer in time.',
    copied_at: '2026-01-31T12:05:01.000Z',
    task_status: 2,
  },
  replayed: { id: LETTER.id, task_id: LETTER.original_id, stream: null },
  replayedAll: { replayed: 12, refused: 1, next_cursor: null },
  purged: { purged: 12, more: false, copies_dropped: true },
  nodes: {
    nodes: [
      {
        id: '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e73',
        family: 'gemini',
        url: 'http://10.0.0.7:8000/',
        kind: 'openai',
        self_registered: true,
        status: 'HEALTHY',
        state: 'open',
        capacity: 4,
        load: 1,
        weight: 1,
        error_count: 0,
        retry_at: null,
        last_heartbeat_at: '2026-01-31T12:05:00.000Z',
      },
    ],
  },
  streams: {
    redis: {
      streams: [
        {
          family: 'qwen',
          stream: 'qwen_stream',
          length: 120,
          lag: 3,
          pending: 2,
          consumers: [{ name: 'worker-1', pending: 2, idle_ms: 40 }],
        },
      ],
      dead_letters: 12,
    },
    postgres: {
      queues: [{ family: 'qwen', waiting: 3, running: 2, oldest_waiting_s: 0.8 }],
    },
    away: [],
  },
}
