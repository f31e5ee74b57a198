import { computed, effect, type Signal, signal } from '@preact/signals'
import { MAX_FILES } from '../../../drizzle/contract/file-ref.ts'
import type { File as StoredFile } from '../../../drizzle/contract/http-api.ts'
import { whyNotTaken } from '../../../drizzle/contract/input-kind.ts'
import { familyOfModel } from '../../../drizzle/contract/models.ts'
import { ApiError } from '../client/api-error.ts'
import { uploadFile } from '../client/upload.ts'
import { sayProblem } from '../words/problem.ts'
import type { Say } from '../words/words.ts'
import { draftProblem } from './draft.ts'
import { chosen } from './models.ts'
import { recallList, rememberList } from './remember.ts'

export type UploadState =
  | { kind: 'uploading'; part: number }
  /** `uploadedAt` (ms since 1970): null where an earlier prompt keeps it at the server. */
  | { kind: 'stored'; file: StoredFile; uploadedAt: number | null }
  /** `why`: a sentence that names it. */
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
  /** Null where it was uploaded with an earlier prompt, or at an earlier visit. */
  source: File | null
}

/** The server forgets after a day what no prompt has used. */
const KEPT_MS = 23 * 60 * 60_000

/** As it is remembered for the next visit. */
type KeptFile = StoredFile & { uploadedAt?: number | null }

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

/** A file that the server has, to go with another prompt. */
export function storedAttachment({ uploadedAt = null, ...file }: KeptFile): Attachment {
  const { name, type, bytes, url } = file
  const preview = type.startsWith('image/') ? url : null
  const made = attachment({ name, type, bytes, preview, source: null })
  const isForgotten = uploadedAt !== null && Date.now() - uploadedAt > KEPT_MS
  made.state.value = isForgotten ? gone(name) : { kind: 'stored', file, uploadedAt }
  return made
}

/** Brings back what was attached at the last visit and is at the server, and keeps it for the next one. */
export function keepAttachments(): void {
  attachments.value = recallList('files', isKeptFile).map(storedAttachment)
  effect(() => {
    const kept = attachments.value.flatMap(({ state }): KeptFile[] => {
      if (state.value.kind !== 'stored') return []
      const { file, uploadedAt } = state.value
      return [{ ...file, uploadedAt }]
    })
    rememberList('files', kept)
  })
}

function isKeptFile(one: unknown): one is KeptFile {
  return typeof (one as Partial<KeptFile> | null)?.file_id === 'string'
}

export async function upload(one: Attachment): Promise<void> {
  const { name, source, leave, state } = one
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
    state.value = { kind: 'stored', file, uploadedAt: Date.now() }
  } catch (error) {
    if (leave.signal.aborted) return
    const problem = sayProblem(error)
    const why: Say = (words) => words.uploadFailed(name, problem(words))
    state.value = { kind: 'failed', why }
  }
}

/** Takes away what has been sent or removed; what was attached since belongs to the next prompt. */
export function drop(files: readonly Attachment[]): void {
  if (files.length > 0) attachProblem.value = draftProblem.value = null
  attachments.value = attachments.value.filter((one) => !files.includes(one))
  letGo(files)
}

/** Ends the uploads of what is not attached any more, and forgets its pictures. */
export function letGo(files: readonly Attachment[]): void {
  for (const { leave, preview, source } of files) {
    leave.abort()
    if (source && preview) URL.revokeObjectURL(preview)
  }
}

/** Where the server has refused a prompt for a file that it does not have: says so of that file, and returns true. */
export function markGone(error: unknown): boolean {
  if (!(error instanceof ApiError) || error.status !== 404) return false
  const named = attachments.value.filter(
    ({ state: { value } }) => value.kind === 'stored' && error.message.includes(value.file.file_id),
  )
  for (const { name, state } of named) state.value = gone(name)
  return named.length > 0
}

function gone(name: string): UploadState {
  return { kind: 'failed', why: (words) => words.fileGone(name) }
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
