import { type InputKind, inputKindOf, whyNotTaken } from './input-kind.ts'
import { familyOfModel } from './models.ts'

const WORDS: Record<InputKind, string> = {
  text: 'text in UTF-8',
  image: 'pictures (PNG, JPEG, WebP)',
  pdf: 'PDF',
  audio: 'sound',
  video: 'video',
}

/** Why a model cannot take a file of this type and size, as the end of a sentence; undefined: it can. */
export function whyRefused(
  model: string,
  { type, bytes }: { type: string; bytes: number },
): string | undefined {
  const accepts = familyOfModel(model)?.accepts ?? {}
  switch (whyNotTaken(accepts, { type, bytes })) {
    case 'type': {
      const taken = (Object.keys(accepts) as InputKind[]).map((kind) => WORDS[kind])
      return `it is ${type}, and the model takes only ${new Intl.ListFormat('en').format(taken)}`
    }
    case 'size':
      return `its ${bytes} bytes are more than the model takes of ${type}`
  }
}

/** As `whyRefused`, for all files of a prompt together. */
export function whyRefusedTogether(
  model: string,
  files: readonly { type: string; bytes: number }[],
): string | undefined {
  const most = familyOfModel(model)?.mostFileBytes ?? Number.POSITIVE_INFINITY
  const bytes = files
    .filter(({ type }) => inputKindOf(type) !== 'text')
    .reduce((sum, file) => sum + file.bytes, 0)
  if (bytes <= most) return undefined
  return `their ${bytes} bytes are more than the ${most} bytes that it takes with one prompt`
}
