/** What a file is to a model. `text` goes into the prompt word by word, so every model can take it. */
export type InputKind = 'text' | 'image' | 'pdf' | 'audio' | 'video'

/** The kinds that a model takes, each with the most bytes of one file. */
export type Accepts = Readonly<Partial<Record<InputKind, number>>>

/** Those that every model with eyes reads: Google takes no GIF, and the others no HEIC. */
const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/webp']

/** Texts that are not called `text/…`. */
export const TEXT_TYPES = [
  'application/javascript',
  'application/json',
  'application/sql',
  'application/toml',
  'application/xml',
  'application/yaml',
  'application/x-sh',
  'image/svg+xml',
]

/** The kind of a media type (its parameters do not matter); undefined where no model takes it. */
export function inputKindOf(mediaType: string): InputKind | undefined {
  const type = mediaType.split(';', 1)[0]!.trim().toLowerCase()
  if (type.startsWith('text/') || TEXT_TYPES.includes(type)) return 'text'
  if (IMAGE_TYPES.includes(type)) return 'image'
  if (type === 'application/pdf') return 'pdf'
  if (type.startsWith('audio/')) return 'audio'
  return type.startsWith('video/') ? 'video' : undefined
}

/** Why a model that accepts this cannot take a file: its type, its size, or undefined if it can. */
export function whyNotTaken(
  accepts: Accepts,
  { type, bytes }: { type: string; bytes: number },
): 'type' | 'size' | undefined {
  const kind = inputKindOf(type)
  const most = kind && accepts[kind]
  if (most === undefined) return 'type'
  return bytes > most ? 'size' : undefined
}
