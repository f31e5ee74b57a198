CREATE TABLE "batch_files" (
	"batch_id" uuid NOT NULL,
	"file_id" uuid NOT NULL,
	"position" smallint NOT NULL,
	CONSTRAINT "batch_files_batch_id_position_pk" PRIMARY KEY("batch_id","position")
);
--> statement-breakpoint
CREATE TABLE "batches" (
	"id" uuid PRIMARY KEY NOT NULL,
	"conversation_id" uuid NOT NULL,
	"owner" text NOT NULL,
	"turn" integer NOT NULL,
	"user_prompt" text NOT NULL,
	"mode" text NOT NULL,
	"system" text,
	"temperature" double precision,
	"max_tokens" integer,
	"traceparent" text NOT NULL,
	"chosen_task_id" uuid,
	"total_tasks" integer NOT NULL,
	"open_tasks" integer NOT NULL,
	"success_tasks" integer DEFAULT 0 NOT NULL,
	"failed_tasks" integer DEFAULT 0 NOT NULL,
	"cancelled_tasks" integer DEFAULT 0 NOT NULL,
	"status" text GENERATED ALWAYS AS (CASE WHEN open_tasks > 0 THEN 'PROCESSING'
          WHEN success_tasks = total_tasks THEN 'COMPLETED'
          WHEN cancelled_tasks = total_tasks THEN 'CANCELLED'
          WHEN success_tasks = 0 THEN 'FAILED'
          ELSE 'PARTIAL' END) STORED NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp with time zone,
	CONSTRAINT "batches_mode" CHECK (mode IN ('text', 'image')),
	CONSTRAINT "batches_counters" CHECK (total_tasks > 0
        AND least(open_tasks, success_tasks, failed_tasks, cancelled_tasks) >= 0
        AND open_tasks + success_tasks + failed_tasks + cancelled_tasks = total_tasks),
	CONSTRAINT "batches_finished_when_none_open" CHECK ((open_tasks = 0) = (finished_at IS NOT NULL))
);
--> statement-breakpoint
CREATE TABLE "conversation_routes" (
	"conversation_id" uuid NOT NULL,
	"family" text NOT NULL,
	"slot" smallint NOT NULL,
	"node_id" uuid NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "conversation_routes_conversation_id_family_slot_pk" PRIMARY KEY("conversation_id","family","slot")
);
--> statement-breakpoint
CREATE TABLE "conversations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"owner" text NOT NULL,
	"title" text NOT NULL,
	"turns" integer NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "dead_letters" (
	"id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"source" text NOT NULL,
	"original_id" text NOT NULL,
	"task_id" uuid,
	"payload" text NOT NULL,
	"error_code" text NOT NULL,
	"error_msg" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"replayed_at" timestamp with time zone,
	CONSTRAINT "dead_letters_kind" CHECK (kind IN ('message', 'task')),
	CONSTRAINT "dead_letters_payload" CHECK (octet_length(payload) <= 4096)
);
--> statement-breakpoint
CREATE TABLE "files" (
	"id" uuid PRIMARY KEY NOT NULL,
	"owner" text NOT NULL,
	"sha256" text NOT NULL,
	"name" text NOT NULL,
	"type" text NOT NULL,
	"bytes" bigint NOT NULL,
	"object_key" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "gemini_service_nodes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"family" text NOT NULL,
	"url" text NOT NULL,
	"kind" text NOT NULL,
	"weight" double precision DEFAULT 1 NOT NULL,
	"capacity" integer NOT NULL,
	"status" text NOT NULL,
	"error_count" integer DEFAULT 0 NOT NULL,
	"retry_at" timestamp with time zone,
	"last_heartbeat_at" timestamp with time zone DEFAULT now() NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "gemini_service_nodes_status" CHECK (status IN ('HEALTHY', 'BUSY', '429_LIMIT', 'OFFLINE'))
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"owner" text NOT NULL,
	"key" text NOT NULL,
	"fingerprint" text NOT NULL,
	"batch_id" uuid NOT NULL,
	"conversation_id" uuid NOT NULL,
	"task_ids" uuid[] NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_keys_owner_key_pk" PRIMARY KEY("owner","key")
);
--> statement-breakpoint
CREATE TABLE "sys_logs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"level" text NOT NULL,
	"source" text NOT NULL,
	"task_id" uuid,
	"code" text NOT NULL,
	"message" text NOT NULL,
	"stack" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE UNLOGGED TABLE "task_partials" (
	"task_id" uuid PRIMARY KEY NOT NULL,
	"fence" integer NOT NULL,
	"response_text" text NOT NULL,
	"reasoning_text" text NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tasks" (
	"id" uuid PRIMARY KEY NOT NULL,
	"batch_id" uuid NOT NULL,
	"conversation_id" uuid NOT NULL,
	"owner" text NOT NULL,
	"position" smallint NOT NULL,
	"model" text NOT NULL,
	"model_name" text NOT NULL,
	"family" text NOT NULL,
	"slot" smallint NOT NULL,
	"status" smallint DEFAULT 0 NOT NULL,
	"fence" integer DEFAULT 0 NOT NULL,
	"failures" integer DEFAULT 0 NOT NULL,
	"deaths" integer DEFAULT 0 NOT NULL,
	"attempt" integer DEFAULT 0 NOT NULL,
	"worker_id" text,
	"worker_key" bigint,
	"node_id" uuid,
	"lease_expires_at" timestamp with time zone,
	"run_after" timestamp with time zone DEFAULT now() NOT NULL,
	"rung_at" timestamp with time zone DEFAULT now() NOT NULL,
	"waiting_since" timestamp with time zone,
	"response_text" text,
	"reasoning_text" text,
	"error_code" text,
	"error_msg" text,
	"usage" jsonb,
	"finish_reason" text,
	"answered_by" text,
	"first_token_ms" integer,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp with time zone,
	"finished_at" timestamp with time zone,
	CONSTRAINT "tasks_status" CHECK (status BETWEEN 0 AND 4),
	CONSTRAINT "tasks_counters" CHECK (least(fence, failures, deaths, attempt) >= 0),
	CONSTRAINT "tasks_held_while_processing" CHECK ((status = 3) = (lease_expires_at IS NOT NULL)
        AND (status <> 3 OR (worker_id IS NOT NULL AND worker_key IS NOT NULL AND started_at IS NOT NULL))),
	CONSTRAINT "tasks_finished_when_ended" CHECK ((status IN (1, 2, 4)) = (finished_at IS NOT NULL)),
	CONSTRAINT "tasks_success_has_answer" CHECK (status <> 1 OR response_text IS NOT NULL),
	CONSTRAINT "tasks_failed_has_reason" CHECK (status <> 2 OR (error_code IS NOT NULL AND error_msg IS NOT NULL)),
	CONSTRAINT "tasks_pending_has_no_answer" CHECK (status NOT IN (0, 3) OR response_text IS NULL)
);
--> statement-breakpoint
ALTER TABLE "batch_files" ADD CONSTRAINT "batch_files_batch_id_batches_id_fk" FOREIGN KEY ("batch_id") REFERENCES "public"."batches"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "batch_files" ADD CONSTRAINT "batch_files_file_id_files_id_fk" FOREIGN KEY ("file_id") REFERENCES "public"."files"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "batches" ADD CONSTRAINT "batches_conversation_id_conversations_id_fk" FOREIGN KEY ("conversation_id") REFERENCES "public"."conversations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "conversation_routes" ADD CONSTRAINT "conversation_routes_conversation_id_conversations_id_fk" FOREIGN KEY ("conversation_id") REFERENCES "public"."conversations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "conversation_routes" ADD CONSTRAINT "conversation_routes_node_id_gemini_service_nodes_id_fk" FOREIGN KEY ("node_id") REFERENCES "public"."gemini_service_nodes"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_batch_id_batches_id_fk" FOREIGN KEY ("batch_id") REFERENCES "public"."batches"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "batches_by_turn" ON "batches" USING btree ("conversation_id","turn");--> statement-breakpoint
CREATE INDEX "conversations_by_owner" ON "conversations" USING btree ("owner","updated_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "dead_letters_messages" ON "dead_letters" USING btree ("source","original_id") WHERE kind = 'message';--> statement-breakpoint
CREATE UNIQUE INDEX "files_by_content" ON "files" USING btree ("owner","sha256");--> statement-breakpoint
CREATE UNIQUE INDEX "gemini_service_nodes_by_url" ON "gemini_service_nodes" USING btree ("family","url");--> statement-breakpoint
CREATE INDEX "idempotency_keys_by_age" ON "idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "sys_logs_by_age" ON "sys_logs" USING btree ("created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "tasks_by_batch" ON "tasks" USING btree ("batch_id","position");--> statement-breakpoint
CREATE INDEX "tasks_processing" ON "tasks" USING btree ("id") WHERE status = 3;--> statement-breakpoint
CREATE INDEX "tasks_pending_by_rung" ON "tasks" USING btree ("family","rung_at") WHERE status = 0;--> statement-breakpoint
ALTER TABLE "tasks" SET (fillfactor = 80);
--> statement-breakpoint
ALTER TABLE "task_partials" SET (fillfactor = 50);
