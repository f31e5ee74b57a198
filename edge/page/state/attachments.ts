import { computed, effect, type Signal, signal } from '@preact/signals'
import { MAX_FILES } from '../../../drizzle/contract/file-ref.ts'
import type { File as StoredFile } from '../../../drizzle/contract/http-api.ts'
import { whyNotTaken } from '../../../drizzle/contract/input-kind.ts'
import { familyOfModel } from '../../../drizzle/contract/models.ts'
import { uploadFile } from '../client/upload.ts'
import { sayProblem } from '../words/problem.ts'
import type { Say } from '../words/words.ts'
import { draftProblem } from './draft.ts'
import { chosen } from './models.ts'
import { recallList, rememberList } from './remember.ts'

export type UploadState =
  | { kind: 'uploading'; part: number }
  | { kind: 'stored'; file: StoredFile }
  | { kind: 'failed'; why: Say }

/** A file that goes with the next prompt. It is uploaded as soon as it is attached. */
export type Attachment = {
  key: number
  name: string
  /** The media type: what the browser takes it for, until the server has looked. */
  type: string
  bytes: number
  /** Where the browser finds a picture of it. */
  preview: string | null
  state: Signal<UploadState>
  leave: AbortController
  /** Null where it was stored with an earlier prompt. */
  source: File | null
}

let lastKey = 0

export const attachments = signal<readonly Attachment[]>([])
export const attachProblem = signal<Say | null>(null)
const isUploading = computed(() =>
  attachments.value.some(({ state }) => state.value.kind === 'uploading'),
)

/** What the chosen models cannot take of the attached files. */
export const notTaken = computed((): Say[] =>
  attachments.value.flatMap(({ name, type, bytes, state }) => {
    const stored = state.value.kind === 'stored' ? state.value.file : { type, bytes }
    // Without a type, only the server can say what it is.
    if (stored.type === '') return []
    return chosen.value.flatMap(({ id }): Say[] => {
      const why = whyNotTaken(familyOfModel(id)?.accepts ?? {}, stored)
      return why ? [(words) => words.cannotTake(id, name, why)] : []
    })
  }),
)

export function attach(files: Iterable<File>): void {
  const all = [...files]
  const room = MAX_FILES - attachments.value.length
  attachProblem.value = all.length > room ? (words) => words.tooManyFiles(MAX_FILES) : null
  const made = all.slice(0, Math.max(0, room)).map((file) => {
    const preview = file.type.startsWith('image/') ? URL.createObjectURL(file) : null
    return attachment({
      name: file.name || 'file',
      type: file.type,
      bytes: file.size,
      preview,
      source: file,
    })
  })
  attachments.value = [...attachments.value, ...made]
  for (const one of made) void upload(one)
}

/** Attaches files that an earlier prompt has, in place of what is attached. */
export function attachStored(files: readonly StoredFile[]): void {
  drop(attachments.value)
  attachments.value = files.map((file) => {
    const { name, type, bytes, url } = file
    const preview = type.startsWith('image/') ? url : null
    const made = attachment({ name, type, bytes, preview, source: null })
    made.state.value = { kind: 'stored', file }
    return made
  })
}

/** Brings back what was attached at the last visit and is at the server, and keeps it for the next one. */
export function keepAttachments(): void {
  attachStored(recallList('files', isStoredFile))
  effect(() => {
    const stored = attachments.value.flatMap(({ state }) =>
      state.value.kind === 'stored' ? [state.value.file] : [],
    )
    rememberList('files', stored)
  })
}

function isStoredFile(one: unknown): one is StoredFile {
  return typeof (one as Partial<StoredFile> | null)?.file_id === 'string'
}

export async function upload(one: Attachment): Promise<void> {
  const { source, leave, state } = one
  if (!source) return
  draftProblem.value = null
  state.value = { kind: 'uploading', part: 0 }
  try {
    const file = await uploadFile(source, {
      signal: leave.signal,
      onProgress: (part) => {
        state.value = { kind: 'uploading', part }
      },
    })
    state.value = { kind: 'stored', file }
  } catch (error) {
    if (!leave.signal.aborted) state.value = { kind: 'failed', why: sayProblem(error) }
  }
}

/** Takes away what has been sent or removed; what was attached since belongs to the next prompt. */
export function drop(gone: readonly Attachment[]): void {
  if (gone.length > 0) attachProblem.value = draftProblem.value = null
  attachments.value = attachments.value.filter((one) => !gone.includes(one))
  for (const { leave, preview, source } of gone) {
    leave.abort()
    if (source && preview) URL.revokeObjectURL(preview)
  }
}

/** Resolves once nothing is being uploaded any more. */
export function untilUploaded(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop = effect(() => {
    if (!isUploading.value) resolve()
  })
  return promise.finally(stop)
}

function attachment(
  known: Pick<Attachment, 'name' | 'type' | 'bytes' | 'preview' | 'source'>,
): Attachment {
  const state = signal<UploadState>({ kind: 'uploading', part: 0 })
  return { ...known, key: ++lastKey, state, leave: new AbortController() }
}
