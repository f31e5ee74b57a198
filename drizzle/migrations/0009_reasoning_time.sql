ALTER TABLE "tasks" ADD COLUMN "reasoning_ms" integer;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_reasoning_ms" CHECK (reasoning_ms >= 0);