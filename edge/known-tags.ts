const MOST_TAGS = 50
const LISTED = /(?:W\/)?"([\d.]{1,200})"/g

/**
 * The entity tags that an `If-None-Match` names (RFC 9110, section 13.1.2), without quotes, those only
 * that could be ours; `*`: whatever there is. Null where it names none at all, so that nothing is known.
 * Tags are compared weakly, so that it does not matter whether one is marked as weak.
 */
export function knownTags(header: string | undefined): string[] | '*' | null {
  if (header === undefined) return null
  if (header.trim() === '*') return '*'
  return [...header.matchAll(LISTED)].slice(0, MOST_TAGS).map(([, tag]) => tag!)
}
