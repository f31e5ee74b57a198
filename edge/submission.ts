import type { Context } from 'hono'
import { v7 as uuidv7 } from 'uuid'
import { whyRefused, whyRefusedTogether } from '../drizzle/contract/accepts.ts'
import { MAX_FILES } from '../drizzle/contract/file-ref.ts'
import { type SubmitRequest, submitRequest } from '../drizzle/contract/http-api.ts'
import { familyOfModel, knownModels, MAX_MODELS } from '../drizzle/contract/models.ts'
import type { NewFile, NewTask } from '../drizzle/statements/submit-batch.ts'
import { ApiError } from './api-error.ts'
import { mediaTypeOf } from './media-type.ts'
import { type AppEnv, check } from './operation.ts'
import { readForm } from './read-form.ts'
import { readJson } from './read-json.ts'
import type { Uploads } from './uploads.ts'

/**
 * Reads and checks the body of a submit, multipart or JSON; files go to the store on the way. Throws
 * ApiError 400, 413 or 415.
 */
export async function readSubmission(
  c: Context<AppEnv>,
  uploads: Uploads | undefined,
): Promise<SubmitRequest> {
  const type = mediaTypeOf(c)
  if (type === 'multipart/form-data') return check(submitRequest, await readForm(c, uploads))
  if (type === 'application/json') {
    const { files, ...fields } = await readJson(c)
    if (files !== undefined && !(Array.isArray(files) && files.length === 0)) {
      const message = 'files: send them as multipart/form-data, or name them in file_ids'
      throw new ApiError('invalid_request', message, 'files')
    }
    return check(submitRequest, fields)
  }
  throw new ApiError(
    'unsupported_media_type',
    'Send the request as multipart/form-data or application/json.',
  )
}

/** What a provider may put into the path of a URL as it stands. */
const MODEL_NAME = /^[\p{L}\p{N}][\p{L}\p{N}._:-]*(\/[\p{L}\p{N}][\p{L}\p{N}._:-]*)*$/u

/** The names of a list, each once: names differ by more than their case. */
function namesIn(list: string): string[] {
  const names = new Map<string, string>()
  for (const part of list.split(/[,，]/)) {
    const name = part.trim()
    if (name && !names.has(name.toLowerCase())) names.set(name.toLowerCase(), name)
  }
  return [...names.values()]
}

/**
 * The tasks of a submit: one a model, in the order of the list, two for a model that is doubled.
 * Throws ApiError 400 for an empty or too long list, an unknown model, a mode that it cannot do.
 */
export function tasksOf({ model, mode, gemini_concurrency }: SubmitRequest): NewTask[] {
  const names = namesIn(model)
  if (names.length === 0) {
    throw new ApiError('invalid_request', 'model: name at least one model', 'model')
  }
  if (names.length > MAX_MODELS) {
    throw new ApiError('invalid_request', `model: name at most ${MAX_MODELS} models`, 'model')
  }
  return names.flatMap((name) => {
    const family = MODEL_NAME.test(name) ? familyOfModel(name) : undefined
    if (!family) {
      throw new ApiError('unknown_model', `Unknown model "${name}". ${knownModels()}`, 'model')
    }
    if (!family.makes.includes(mode)) {
      throw new ApiError('invalid_request', `mode: ${name} cannot make an ${mode}`, 'mode')
    }
    const slots = family.doubles ? gemini_concurrency : 1
    return Array.from({ length: slots }, (_, slot) => ({
      id: uuidv7(),
      model: name,
      modelName: slots > 1 ? `${name} (#${slot + 1})` : name,
      family: family.family,
      slot,
    }))
  })
}

/**
 * Throws ApiError 400 where they are too many, and for the first file, or for all together, that one of the models
 * cannot take.
 */
export function demandAccepted(
  files: readonly Pick<NewFile, 'name' | 'type' | 'bytes'>[],
  tasks: readonly NewTask[],
): void {
  if (files.length > MAX_FILES) {
    const message = `files: attach at most ${MAX_FILES} files, those of file_ids among them`
    throw new ApiError('invalid_request', message, 'files')
  }
  for (const file of files) {
    for (const { model } of tasks) {
      const reason = whyRefused(model, file)
      if (reason) throw refused(`"${file.name}"`, model, reason)
    }
  }
  for (const { model } of tasks) {
    const reason = whyRefusedTogether(model, files)
    if (reason) throw refused('all of them together', model, reason)
  }
}

function refused(what: string, model: string, reason: string): ApiError {
  const message = `files: ${what} cannot be sent to ${model}: ${reason}`
  return new ApiError('invalid_request', message, 'files')
}

/** A title for a conversation that begins with this prompt: its first line, cut at 80 characters. */
export function titleOf(prompt: string): string {
  const line = prompt.trim().split(/\r?\n/, 1)[0]!.trim()
  const characters = Array.from(line)
  return characters.length > 80 ? `${characters.slice(0, 79).join('')}…` : line
}
