import { TEXT_TYPES } from '../contract/input-kind.ts'

/** SQL for the files of a batch, in order, as a JSON array of FileRef. */
export const filesOfBatch = (batchId: string) =>
  filesInPlace('batch_files', 'batch_id', batchId, FILE_REF)

/** SQL for the files that a task made, in order, as a JSON array of FileRef. */
export const filesOfTask = (taskId: string) =>
  filesInPlace('task_files', 'task_id', taskId, FILE_REF)

/** As `filesOfBatch`, in the shape of the contract's File but for `url`. */
export const storedFilesOfBatch = (batchId: string) =>
  filesInPlace('batch_files', 'batch_id', batchId, STORED_FILE)

/** As `filesOfTask`, in the shape of the contract's File but for `url`. */
export const storedFilesOfTask = (taskId: string) =>
  filesInPlace('task_files', 'task_id', taskId, STORED_FILE)

const STORED_FILE = `'file_id', stored.id, 'name', placed.name, 'type', stored.type,
      'bytes', stored.bytes`
const FILE_REF = `${STORED_FILE}, 'sha256', stored.sha256`

/** `id` must not use the names `placed` and `stored`. */
const filesInPlace = (places: string, column: string, id: string, fields: string) => `coalesce((
    SELECT jsonb_agg(jsonb_build_object(${fields}) ORDER BY placed.position)
    FROM ${places} placed JOIN files stored ON stored.id = placed.file_id
    WHERE placed.${column} = ${id}), '[]'::jsonb)`

/** SQL for how many bytes of text the files of a batch hold; `batchId` as above. */
export const bytesOfTexts = (batchId: string) => `(
    SELECT coalesce(sum(stored.bytes), 0)
    FROM batch_files placed JOIN files stored ON stored.id = placed.file_id
    WHERE placed.batch_id = ${batchId} AND (stored.type LIKE 'text/%'
      OR split_part(stored.type, ';', 1) IN (${TEXT_TYPES.map((type) => `'${type}'`).join(', ')})))`
