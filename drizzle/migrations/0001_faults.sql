ALTER TABLE "tasks" DROP CONSTRAINT "tasks_counters";--> statement-breakpoint
ALTER TABLE "tasks" ALTER COLUMN "rung_at" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "dead_letters" ADD COLUMN "copied_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "child_deaths" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "watched" boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX "dead_letters_uncopied" ON "dead_letters" USING btree ("id") WHERE copied_at IS NULL;--> statement-breakpoint
CREATE INDEX "tasks_pending_by_due" ON "tasks" USING btree ("run_after") WHERE status = 0 AND rung_at IS NULL;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_waiting_while_pending" CHECK (waiting_since IS NULL OR status = 0);--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_counters" CHECK (least(fence, failures, child_deaths, attempt) >= 0 AND deaths >= child_deaths);