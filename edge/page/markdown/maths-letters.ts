/** Where Unicode has each alphabet: the first of the capitals, the small letters and the digits. */
const ALPHABETS: Record<string, [capitals: number, small: number, digits?: number]> = {
  bold: [0x1d400, 0x1d41a, 0x1d7ce],
  italic: [0x1d434, 0x1d44e],
  'bold-italic': [0x1d468, 0x1d482],
  script: [0x1d49c, 0x1d4b6],
  'bold-script': [0x1d4d0, 0x1d4ea],
  fraktur: [0x1d504, 0x1d51e],
  'double-struck': [0x1d538, 0x1d552, 0x1d7d8],
  'bold-fraktur': [0x1d56c, 0x1d586],
  'sans-serif': [0x1d5a0, 0x1d5ba, 0x1d7e2],
  'bold-sans-serif': [0x1d5d4, 0x1d5ee, 0x1d7ec],
  'sans-serif-italic': [0x1d608, 0x1d622],
  'sans-serif-bold-italic': [0x1d63c, 0x1d656],
  monospace: [0x1d670, 0x1d68a, 0x1d7f6],
}

/** Letters that had a place before the alphabets came; theirs in the alphabets are empty. */
const ELSEWHERE: Record<string, string> = {
  ...{ '𝑕': 'ℎ', '𝒝': 'ℬ', '𝒠': 'ℰ', '𝒡': 'ℱ', '𝒣': 'ℋ', '𝒤': 'ℐ', '𝒧': 'ℒ', '𝒨': 'ℳ', '𝒭': 'ℛ' },
  ...{ '𝒺': 'ℯ', '𝒼': 'ℊ', '𝓄': 'ℴ', '𝔆': 'ℭ', '𝔋': 'ℌ', '𝔌': 'ℑ', '𝔕': 'ℜ', '𝔝': 'ℨ' },
  ...{ '𝔺': 'ℂ', '𝔿': 'ℍ', '𝕅': 'ℕ', '𝕇': 'ℙ', '𝕈': 'ℚ', '𝕉': 'ℝ', '𝕑': 'ℤ' },
}

/**
 * Writes letters of another alphabet, such as ℝ, as what they are: browsers that follow MathML Core
 * know of `mathvariant` only `normal`.
 */
export function plainLetters(math: Element): void {
  for (const element of math.querySelectorAll('[mathvariant]')) {
    const alphabet = ALPHABETS[element.getAttribute('mathvariant') ?? '']
    if (!alphabet || element.childElementCount > 0) continue
    element.textContent = Array.from(element.textContent, (letter) =>
      inAlphabet(letter, alphabet),
    ).join('')
    element.removeAttribute('mathvariant')
  }
}

function inAlphabet(letter: string, [capitals, small, digits]: [number, number, number?]): string {
  const at = (first: number, from: string) =>
    String.fromCodePoint(first + letter.charCodeAt(0) - from.charCodeAt(0))
  if (/^[A-Z]$/.test(letter)) return ELSEWHERE[at(capitals, 'A')] ?? at(capitals, 'A')
  if (/^[a-z]$/.test(letter)) return ELSEWHERE[at(small, 'a')] ?? at(small, 'a')
  if (digits && /^[0-9]$/.test(letter)) return at(digits, '0')
  return letter
}
