import { findFileHandles } from '../drizzle/statements/find-file-handles.ts'
import { saveFileHandle } from '../drizzle/statements/save-file-handle.ts'
import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import { codeOf, log } from './log.ts'

/** What the nodes call the files that they were given. */
export type FileHandles = {
  /** By file, what a node calls those of them that it has. Does not throw. */
  find(fileIds: string[], nodeId: string): Promise<Map<string, string>>
  /** Remembers one until a time. Does not throw. */
  save(fileId: string, nodeId: string, handle: string, expiresAt: Date): Promise<void>
}

/** A memory shared by all workers; without it, a file is uploaded again. */
export function fileHandlesIn(postgres: PostgresDoor): FileHandles {
  return {
    async find(fileIds, nodeId) {
      try {
        const rows = await postgres.run(findFileHandles(fileIds, nodeId))
        return new Map(rows.map(({ file_id, handle }) => [file_id, handle]))
      } catch (error) {
        log.warn({ code: codeOf(error) }, 'handles of files not found')
        return new Map()
      }
    },
    async save(fileId, nodeId, handle, expiresAt) {
      try {
        await postgres.run(saveFileHandle({ fileId, nodeId, handle, expiresAt }))
      } catch (error) {
        log.warn({ code: codeOf(error) }, 'handle of a file not saved')
      }
    },
  }
}

export const NO_FILE_HANDLES: FileHandles = {
  find: () => Promise.resolve(new Map()),
  save: () => Promise.resolve(),
}
