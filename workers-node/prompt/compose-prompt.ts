import type { ModelMessage } from 'ai'
import type { FileRef } from '../../drizzle/contract/file-ref.ts'
import type { Accepts } from '../../drizzle/contract/input-kind.ts'
import type { ClaimedTask } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import type { CallTimers } from '../call-timers.ts'
import type { FileHandles } from '../file-handles.ts'
import type { FilesDoor } from '../files-door.ts'
import { ModelError } from '../model-error.ts'
import type { Service, Uploads } from '../providers/provider.ts'
import { messagesOf, type Part } from './messages-of.ts'
import { type AskedFile, type Place, placeFiles } from './place-files.ts'
import { mentionOfFile, textOfFile } from './text-of-file.ts'

/** What composing needs of its worker. */
export type Composing = { files: FilesDoor; handles: FileHandles; signal: AbortSignal }

export type Prompt = {
  messages: ModelMessage[]
  /** Whether it names files that the service was given for an earlier call. */
  remembers: boolean
  /** Gives back the room of the files in it. To be called when the call is over. */
  letGo(): void
}

/**
 * The messages of a task, with its files fetched and, where need be, uploaded, one after the other and
 * only while there is room for them. `afresh`: no file counts as known to the service. Throws ModelError where a file of this turn cannot be had or taken, and what
 * an upload throws.
 */
export async function composePrompt(
  task: ClaimedTask,
  { inlineBytes, uploads }: Service,
  accepts: Accepts,
  { files, handles, signal, timers }: Composing & { timers: CallTimers },
  afresh = false,
): Promise<Prompt> {
  const asked = filesIn(task)
  const places = placeFiles(asked, accepts, { inlineBytes, uploads: uploads !== undefined })
  const uploaded = asked.filter((_, i) => places[i] === 'upload').map(({ file }) => file.file_id)
  const { node_id } = task
  const known =
    node_id === null || afresh || uploaded.length === 0
      ? new Map<string, string>()
      : await handles.find(uploaded, node_id)

  const parts = new Map<FileRef, Part>()
  const give = async ({ file, earlier }: AskedFile, place: Place) => {
    try {
      parts.set(file, await partOf(file, place))
    } catch (error) {
      // What was said earlier does not become unsayable with a file that is gone.
      if (!earlier || !isGone(error)) throw error
      parts.set(file, mentioned(file))
    }
  }
  const giveAll = async (wanted: (place: Place) => boolean) => {
    for (const [i, one] of asked.entries()) if (wanted(places[i]!)) await give(one, places[i]!)
  }
  await giveAll((place) => place === 'upload' || place === 'named')
  // Taken once nothing else is held: two calls would wait for each other.
  const held = asked.filter((_, i) => places[i] === 'text' || places[i] === 'inline')
  const letGo = await files.room.take(
    held.reduce((sum, { file }) => sum + file.bytes, 0),
    signal,
  )
  try {
    await giveAll((place) => place === 'text' || place === 'inline')
  } catch (error) {
    letGo()
    throw error
  }
  const messages = messagesOf(task, (file) => parts.get(file)!)
  return { messages, remembers: known.size > 0, letGo }

  async function partOf(file: FileRef, place: Place): Promise<Part> {
    if (place === 'named') return mentioned(file)
    if (place === 'upload') return handed(file, known.get(file.file_id) ?? (await upload(file)))
    const bytes = await files.fetch(file, task.owner, signal)
    if (place === 'text') return { type: 'text', text: textOfFile(file, bytes) }
    return { type: 'file', mediaType: file.type, filename: file.name, data: bytes }
  }

  async function upload(file: FileRef): Promise<string> {
    // To be sent it is packed, which makes a second of it.
    const letGo = await files.room.take(2 * file.bytes, signal)
    try {
      const bytes = await files.fetch(file, task.owner, signal)
      const whole = { name: file.name, type: file.type, bytes }
      const given = await timers.uploading(() => uploads!.upload(whole, signal))
      if (given.expiresAt && node_id !== null) {
        await handles.save(file.file_id, node_id, given.handle, given.expiresAt)
      }
      return given.handle
    } finally {
      letGo()
    }
  }

  function handed(file: FileRef, handle: string): Part {
    const reference = { [(uploads as Uploads).referenceKey]: handle }
    const data = { type: 'reference' as const, reference }
    return { type: 'file', mediaType: file.type, filename: file.name, data }
  }
}

/** All files of a task, in the order of its messages. */
function filesIn({ history, files }: ClaimedTask): AskedFile[] {
  const earlier = history.flatMap((turn, i) => [...(history[i - 1]?.made ?? []), ...turn.files])
  const lastMade = history.at(-1)?.made ?? []
  return [
    ...[...earlier, ...lastMade].map((file) => ({ file, earlier: true })),
    ...files.map((file) => ({ file, earlier: false })),
  ]
}

const mentioned = (file: FileRef): Part => ({ type: 'text', text: mentionOfFile(file) })

const isGone = (error: unknown) =>
  error instanceof ModelError && error.code === 'file_unavailable' && !error.retryable
