DROP INDEX "tasks_processing";--> statement-breakpoint
ALTER TABLE "gemini_service_nodes" ADD COLUMN "pass" double precision DEFAULT 0 NOT NULL;