import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'

/** Times are the database's own `now()`, never a process's clock. */
const time = (name: string) => timestamp(name, { withTimezone: true })
const createdAt = () => time('created_at').notNull().defaultNow()
const ownerColumn = () => text('owner').notNull()

export const conversations = pgTable(
  'conversations',
  {
    id: uuid('id').primaryKey(),
    owner: ownerColumn(),
    title: text('title').notNull(),
    turns: integer('turns').notNull(),
    createdAt: createdAt(),
    updatedAt: time('updated_at').notNull().defaultNow(),
  },
  (table) => [index('conversations_by_owner').on(table.owner, table.updatedAt, table.id)],
)

export const batches = pgTable(
  'batches',
  {
    id: uuid('id').primaryKey(),
    conversationId: uuid('conversation_id')
      .notNull()
      .references(() => conversations.id, { onDelete: 'cascade' }),
    owner: ownerColumn(),
    turn: integer('turn').notNull(),
    userPrompt: text('user_prompt').notNull(),
    mode: text('mode').notNull(),
    system: text('system'),
    temperature: doublePrecision('temperature'),
    maxTokens: integer('max_tokens'),
    traceparent: text('traceparent').notNull(),
    /** Of the request that asked for it; stands in every log line about its tasks. */
    requestId: text('request_id').notNull().default(''),
    /** Goes up with every change of this row; what readers compare, with the fences of its tasks. */
    version: integer('version').notNull().default(1),
    chosenTaskId: uuid('chosen_task_id'),
    totalTasks: integer('total_tasks').notNull(),
    openTasks: integer('open_tasks').notNull(),
    successTasks: integer('success_tasks').notNull().default(0),
    failedTasks: integer('failed_tasks').notNull().default(0),
    cancelledTasks: integer('cancelled_tasks').notNull().default(0),
    /** Computed by the database, so that no statement can store an untrue one. */
    status: text('status')
      .notNull()
      .generatedAlwaysAs(
        sql`CASE WHEN open_tasks > 0 THEN 'PROCESSING'
          WHEN success_tasks = total_tasks THEN 'COMPLETED'
          WHEN cancelled_tasks = total_tasks THEN 'CANCELLED'
          WHEN success_tasks = 0 THEN 'FAILED'
          ELSE 'PARTIAL' END`,
      ),
    createdAt: createdAt(),
    finishedAt: time('finished_at'),
  },
  (table) => [
    uniqueIndex('batches_by_turn').on(table.conversationId, table.turn),
    check('batches_mode', sql`mode IN ('text', 'image')`),
    check(
      'batches_counters',
      sql`total_tasks > 0
        AND least(open_tasks, success_tasks, failed_tasks, cancelled_tasks) >= 0
        AND open_tasks + success_tasks + failed_tasks + cancelled_tasks = total_tasks`,
    ),
    check('batches_finished_when_none_open', sql`(open_tasks = 0) = (finished_at IS NOT NULL)`),
  ],
)

export const tasks = pgTable(
  'tasks',
  {
    id: uuid('id').primaryKey(),
    batchId: uuid('batch_id')
      .notNull()
      .references(() => batches.id, { onDelete: 'cascade' }),
    conversationId: uuid('conversation_id').notNull(),
    owner: ownerColumn(),
    position: smallint('position').notNull(),
    model: text('model').notNull(),
    modelName: text('model_name').notNull(),
    family: text('family').notNull(),
    slot: smallint('slot').notNull(),
    status: smallint('status').notNull().default(0),
    /** Goes up at every claim, release, retry and cancel: who holds an old one holds nothing. */
    fence: integer('fence').notNull().default(0),
    failures: integer('failures').notNull().default(0),
    /** How often its holder died. Two make it a suspect, which runs in a process of its own. */
    deaths: integer('deaths').notNull().default(0),
    /** How often it ended the process that ran it alone; only these count towards MAX_DEATHS. */
    childDeaths: integer('child_deaths').notNull().default(0),
    attempt: integer('attempt').notNull().default(0),
    workerId: text('worker_id'),
    workerKey: bigint('worker_key', { mode: 'bigint' }),
    /** Whether the holder held `worker_key` as a session lock, so that losing it means its death. */
    watched: boolean('watched').notNull().default(false),
    nodeId: uuid('node_id'),
    leaseExpiresAt: time('lease_expires_at'),
    runAfter: time('run_after').notNull().defaultNow(),
    /** When it was last rung at this fence; null while it is not to be rung before `run_after`. */
    rungAt: time('rung_at').defaultNow(),
    /** Since when no node could take it; null where that is not why it waits. */
    waitingSince: time('waiting_since'),
    responseText: text('response_text'),
    reasoningText: text('reasoning_text'),
    errorCode: text('error_code'),
    errorMsg: text('error_msg'),
    usage: jsonb('usage'),
    finishReason: text('finish_reason'),
    answeredBy: text('answered_by'),
    firstTokenMs: integer('first_token_ms'),
    reasoningMs: integer('reasoning_ms'),
    createdAt: createdAt(),
    startedAt: time('started_at'),
    finishedAt: time('finished_at'),
  },
  (table) => [
    uniqueIndex('tasks_by_batch').on(table.batchId, table.position),
    index('tasks_pending_by_rung').on(table.family, table.rungAt).where(sql`status = 0`),
    index('tasks_pending_by_due').on(table.runAfter).where(sql`status = 0 AND rung_at IS NULL`),
    /** Those that are held, by node: few, so that it serves who looks for all of them too. */
    index('tasks_on_node').on(table.nodeId).where(sql`status = 3`),
    /** What an owner has open is bounded. */
    index('tasks_open_by_owner').on(table.owner).where(sql`status IN (0, 3)`),
    index('tasks_waiting_for_node')
      .on(table.family, table.waitingSince)
      .where(sql`waiting_since IS NOT NULL`),
    check('tasks_status', sql`status BETWEEN 0 AND 4`),
    check(
      'tasks_counters',
      sql`least(fence, failures, child_deaths, attempt) >= 0 AND deaths >= child_deaths`,
    ),
    check(
      'tasks_held_while_processing',
      sql`(status = 3) = (lease_expires_at IS NOT NULL)
        AND (status <> 3 OR (worker_id IS NOT NULL AND worker_key IS NOT NULL AND started_at IS NOT NULL))`,
    ),
    check('tasks_finished_when_ended', sql`(status IN (1, 2, 4)) = (finished_at IS NOT NULL)`),
    check('tasks_success_has_answer', sql`status <> 1 OR response_text IS NOT NULL`),
    check(
      'tasks_failed_has_reason',
      sql`status <> 2 OR (error_code IS NOT NULL AND error_msg IS NOT NULL)`,
    ),
    check('tasks_waiting_while_pending', sql`waiting_since IS NULL OR status = 0`),
    check('tasks_reasoning_ms', sql`reasoning_ms >= 0`),
    check('tasks_pending_has_no_answer', sql`status NOT IN (0, 3) OR response_text IS NULL`),
  ],
)

/** Text of answers still being written. UNLOGGED (see the migration): worth nothing after a crash. */
export const taskPartials = pgTable('task_partials', {
  taskId: uuid('task_id').primaryKey(),
  fence: integer('fence').notNull(),
  responseText: text('response_text').notNull(),
  reasoningText: text('reasoning_text').notNull(),
  /** Goes up at every save, from the milliseconds of its first: after a crash it is no lower. */
  version: bigint('version', { mode: 'number' })
    .notNull()
    .default(sql`(extract(epoch FROM now()) * 1000)::bigint`),
  updatedAt: time('updated_at').notNull().defaultNow(),
})

/** What makes a repeated submit find its first batch: one row a submit, kept 24 h. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    owner: ownerColumn(),
    key: text('key').notNull(),
    fingerprint: text('fingerprint').notNull(),
    batchId: uuid('batch_id').notNull(),
    conversationId: uuid('conversation_id').notNull(),
    taskIds: uuid('task_ids').array().notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ columns: [table.owner, table.key] }),
    index('idempotency_keys_by_age').on(table.createdAt),
    index('idempotency_keys_by_conversation').on(table.conversationId),
  ],
)

export const deadLetters = pgTable(
  'dead_letters',
  {
    id: uuid('id').primaryKey(),
    /** `message`: a stream entry that could not be used. `task`: a task out of attempts. */
    kind: text('kind').notNull(),
    source: text('source').notNull(),
    /** The id that it had there: of the stream entry, or of the task. */
    originalId: text('original_id').notNull(),
    taskId: uuid('task_id'),
    payload: text('payload').notNull(),
    errorCode: text('error_code').notNull(),
    errorMsg: text('error_msg').notNull(),
    createdAt: createdAt(),
    replayedAt: time('replayed_at'),
    /** When it was copied to the stream `sys_dead_letters`. */
    copiedAt: time('copied_at'),
  },
  (table) => [
    index('dead_letters_by_task').on(table.taskId).where(sql`kind = 'task'`),
    index('dead_letters_uncopied').on(table.id).where(sql`copied_at IS NULL`),
    uniqueIndex('dead_letters_messages')
      .on(table.source, table.originalId)
      .where(sql`kind = 'message'`),
    check('dead_letters_kind', sql`kind IN ('message', 'task')`),
    check('dead_letters_payload', sql`octet_length(payload) <= 4096`),
  ],
)

/** What was uploaded or made: once an owner, whatever it was called. */
export const files = pgTable(
  'files',
  {
    id: uuid('id').primaryKey(),
    owner: ownerColumn(),
    sha256: text('sha256').notNull(),
    type: text('type').notNull(),
    bytes: bigint('bytes', { mode: 'number' }).notNull(),
    objectKey: text('object_key').notNull(),
    createdAt: createdAt(),
    /** When the store did not have its object: the next upload of this content brings a new one. */
    lostAt: time('lost_at'),
    /** Since when it has been uploaded ahead of a prompt that would use it; null once one has. */
    unusedSince: time('unused_since'),
    /** As it was called where it was uploaded, for those who name it by its id; null for pictures. */
    uploadedName: text('uploaded_name'),
  },
  (table) => [
    uniqueIndex('files_by_content').on(table.owner, table.sha256),
    index('files_unused').on(table.unusedSince).where(sql`unused_since IS NOT NULL`),
    check('files_bytes', sql`bytes > 0`),
  ],
)

/** Objects that no row names any more, until the store has let go of them. */
export const doomedObjects = pgTable('doomed_objects', {
  objectKey: text('object_key').primaryKey(),
  createdAt: createdAt(),
})

/** A file's place and name among those of one prompt, or of one answer. */
const fileInPlace = () => ({
  fileId: uuid('file_id')
    .notNull()
    .references(() => files.id),
  position: smallint('position').notNull(),
  name: text('name').notNull(),
})

export const batchFiles = pgTable(
  'batch_files',
  {
    batchId: uuid('batch_id')
      .notNull()
      .references(() => batches.id, { onDelete: 'cascade' }),
    ...fileInPlace(),
  },
  (table) => [
    primaryKey({ columns: [table.batchId, table.position] }),
    index('batch_files_by_file').on(table.fileId),
  ],
)

/** Pictures that a model made. */
export const taskFiles = pgTable(
  'task_files',
  {
    taskId: uuid('task_id')
      .notNull()
      .references(() => tasks.id, { onDelete: 'cascade' }),
    ...fileInPlace(),
  },
  (table) => [
    primaryKey({ columns: [table.taskId, table.position] }),
    index('task_files_by_file').on(table.fileId),
  ],
)

/** What a node calls a file that was given to it, until it forgets it. */
export const fileHandles = pgTable(
  'file_handles',
  {
    fileId: uuid('file_id')
      .notNull()
      .references(() => files.id, { onDelete: 'cascade' }),
    nodeId: uuid('node_id')
      .notNull()
      .references(() => geminiServiceNodes.id, { onDelete: 'cascade' }),
    handle: text('handle').notNull(),
    expiresAt: time('expires_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.fileId, table.nodeId] })],
)

export const geminiServiceNodes = pgTable(
  'gemini_service_nodes',
  {
    id: uuid('id').primaryKey(),
    family: text('family').notNull(),
    url: text('url').notNull(),
    kind: text('kind').notNull(),
    /** It says itself that it is there, and any worker may call it, without a key. */
    selfRegistered: boolean('self_registered').notNull().default(false),
    weight: doublePrecision('weight').notNull().default(1),
    capacity: integer('capacity').notNull(),
    status: text('status').notNull(),
    errorCount: integer('error_count').notNull().default(0),
    retryAt: time('retry_at'),
    /** Goes up by 1 / weight with each new route: of equally loaded nodes the one that is behind is next. */
    pass: doublePrecision('pass').notNull().default(0),
    lastHeartbeatAt: time('last_heartbeat_at').notNull().defaultNow(),
    createdAt: createdAt(),
  },
  (table) => [
    uniqueIndex('gemini_service_nodes_by_url').on(table.family, table.url),
    check(
      'gemini_service_nodes_status',
      sql`status IN ('HEALTHY', 'BUSY', '429_LIMIT', 'OFFLINE')`,
    ),
    check('gemini_service_nodes_room', sql`capacity > 0 AND weight > 0`),
  ],
)

export const conversationRoutes = pgTable(
  'conversation_routes',
  {
    conversationId: uuid('conversation_id')
      .notNull()
      .references(() => conversations.id, { onDelete: 'cascade' }),
    family: text('family').notNull(),
    slot: smallint('slot').notNull(),
    nodeId: uuid('node_id')
      .notNull()
      .references(() => geminiServiceNodes.id, { onDelete: 'cascade' }),
    updatedAt: time('updated_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.conversationId, table.family, table.slot] })],
)

export const sysLogs = pgTable(
  'sys_logs',
  {
    id: uuid('id').primaryKey(),
    level: text('level').notNull(),
    source: text('source').notNull(),
    taskId: uuid('task_id'),
    code: text('code').notNull(),
    message: text('message').notNull(),
    stack: text('stack'),
    createdAt: createdAt(),
  },
  (table) => [index('sys_logs_by_age').on(table.createdAt)],
)

/** One row: how many rows `sys_logs` may be given at this time. */
export const logBudget = pgTable('log_budget', {
  id: smallint('id').primaryKey(),
  /** As it was at `filled_at`. */
  tokens: doublePrecision('tokens').notNull(),
  filledAt: time('filled_at').notNull(),
  /** How many the last one who asked was given. */
  granted: integer('granted').notNull(),
})
