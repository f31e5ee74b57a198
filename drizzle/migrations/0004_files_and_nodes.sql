CREATE TABLE "file_handles" (
	"file_id" uuid NOT NULL,
	"node_id" uuid NOT NULL,
	"handle" text NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "file_handles_file_id_node_id_pk" PRIMARY KEY("file_id","node_id")
);
--> statement-breakpoint
CREATE TABLE "task_files" (
	"task_id" uuid NOT NULL,
	"file_id" uuid NOT NULL,
	"position" smallint NOT NULL,
	"name" text NOT NULL,
	CONSTRAINT "task_files_task_id_position_pk" PRIMARY KEY("task_id","position")
);
--> statement-breakpoint
ALTER TABLE "batch_files" ADD COLUMN "name" text NOT NULL;--> statement-breakpoint
ALTER TABLE "gemini_service_nodes" ADD COLUMN "self_registered" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "file_handles" ADD CONSTRAINT "file_handles_file_id_files_id_fk" FOREIGN KEY ("file_id") REFERENCES "public"."files"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "file_handles" ADD CONSTRAINT "file_handles_node_id_gemini_service_nodes_id_fk" FOREIGN KEY ("node_id") REFERENCES "public"."gemini_service_nodes"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_files" ADD CONSTRAINT "task_files_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_files" ADD CONSTRAINT "task_files_file_id_files_id_fk" FOREIGN KEY ("file_id") REFERENCES "public"."files"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "task_files_by_file" ON "task_files" USING btree ("file_id");--> statement-breakpoint
CREATE INDEX "batch_files_by_file" ON "batch_files" USING btree ("file_id");--> statement-breakpoint
CREATE INDEX "tasks_on_node" ON "tasks" USING btree ("node_id") WHERE status = 3;--> statement-breakpoint
CREATE INDEX "tasks_waiting_for_node" ON "tasks" USING btree ("family","waiting_since") WHERE waiting_since IS NOT NULL;--> statement-breakpoint
ALTER TABLE "files" DROP COLUMN "name";--> statement-breakpoint
ALTER TABLE "files" ADD CONSTRAINT "files_bytes" CHECK (bytes > 0);--> statement-breakpoint
ALTER TABLE "gemini_service_nodes" ADD CONSTRAINT "gemini_service_nodes_room" CHECK (capacity > 0 AND weight > 0);--> statement-breakpoint
-- Both are asked by a claim once it holds the locks of its nodes. A VOLATILE function sees what had been
-- committed by then; the rest of the statement sees what had been when it began.
CREATE FUNCTION loads_of_nodes(node_ids uuid[]) RETURNS TABLE (node_id uuid, tasks bigint)
LANGUAGE sql VOLATILE AS $$
  SELECT t.node_id, count(*) FROM tasks t WHERE t.node_id = ANY (node_ids) AND t.status = 3
  GROUP BY t.node_id
$$;--> statement-breakpoint
CREATE FUNCTION siblings_of_tasks(task_ids uuid[])
RETURNS TABLE (task_id uuid, sibling_id uuid, node_id uuid)
LANGUAGE sql VOLATILE AS $$
  SELECT t.id, s.id, CASE WHEN s.status IN (1, 3) THEN s.node_id END FROM tasks t
  JOIN tasks s ON s.batch_id = t.batch_id AND s.model = t.model AND s.slot <> t.slot
  WHERE t.id = ANY (task_ids)
$$;
