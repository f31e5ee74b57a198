CREATE TABLE "doomed_objects" (
	"object_key" text PRIMARY KEY NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "request_id" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "version" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "files" ADD COLUMN "unused_since" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "task_partials" ADD COLUMN "version" bigint DEFAULT (extract(epoch FROM now()) * 1000)::bigint NOT NULL;--> statement-breakpoint
CREATE INDEX "files_unused" ON "files" USING btree ("unused_since") WHERE unused_since IS NOT NULL;--> statement-breakpoint
CREATE INDEX "idempotency_keys_by_conversation" ON "idempotency_keys" USING btree ("conversation_id");--> statement-breakpoint
CREATE INDEX "tasks_open_by_owner" ON "tasks" USING btree ("owner") WHERE status IN (0, 3);