/** SQL for the files of a batch, in order, as a JSON array of FileRef. */
export const filesOfBatch = (batchId: string) => filesInPlace('batch_files', 'batch_id', batchId)

/** SQL for the files that a task made, in order, as a JSON array of FileRef. */
export const filesOfTask = (taskId: string) => filesInPlace('task_files', 'task_id', taskId)

/** `id` must not use the names `placed` and `stored`. */
const filesInPlace = (places: string, column: string, id: string) => `coalesce((
    SELECT jsonb_agg(jsonb_build_object('file_id', stored.id, 'name', placed.name,
      'type', stored.type, 'bytes', stored.bytes, 'sha256', stored.sha256)
      ORDER BY placed.position)
    FROM ${places} placed JOIN files stored ON stored.id = placed.file_id
    WHERE placed.${column} = ${id}), '[]'::jsonb)`
