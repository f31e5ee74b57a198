import type { Mode } from '../drizzle/contract/models.ts'

/** A longer answer has more to say than that it says nothing, in characters. */
const SHORT = 500

/** Excuses before a refusal, one after the other. */
const EXCUSES =
  /^(?:(?:(?:I'm|I am)(?: \w+ly| so| very)? sorry|(?:my )?apologies|I apologi[sz]e|sorry|unfortunately|regrettably|as an? [\w -]{0,40}(?:AI|assistant|model)|but|however|(?:非常|很|十分)?(?:抱歉|对不起|遗憾|對不起|遺憾)|作[为為][^,。]{0,20}|但是?|不过|不過)[\s,.:;!。—-]*)*/iu

/**
 * Whether an answer is a polite refusal. Looked for only where one stands: at the beginning of a short
 * answer, after excuses, and anywhere in the words that came instead of a picture.
 */
export function isSoftRefusal(
  { text, mode, hasPicture }: { text: string; mode: Mode; hasPicture: boolean },
  patterns: readonly RegExp[],
): boolean {
  if (hasPicture) return false
  const said = plain(text)
  if (mode === 'image') return patterns.some((pattern) => pattern.test(said))
  if (said.length > SHORT) return false
  const begun = said.replace(EXCUSES, '')
  return patterns.some((pattern) => pattern.exec(begun)?.index === 0)
}

/** Words as the patterns expect them: one kind of apostrophe, comma and blank, and no emphasis. */
function plain(text: string): string {
  const usual = text.normalize('NFKC').replaceAll(/[‘’ʼ]/g, "'")
  return usual.replaceAll(/[*_]/g, '').replaceAll(/ +/g, ' ').trim()
}
