/** Text of a model as Postgres can hold it: without NUL, lone surrogates replaced by U+FFFD. */
export function storableText(text: string): string {
  return text.replaceAll('\u0000', '').toWellFormed()
}

/** The longest beginning of a text that has at most so many bytes in UTF-8. */
export function cutToBytes(text: string, bytes: number): string {
  if (text.length * 3 <= bytes) return text
  const buffer = Buffer.from(text)
  if (buffer.length <= bytes) return text
  let end = bytes
  // A byte 10xxxxxx goes on with a character: step back to where one begins.
  while ((buffer[end]! & 0xc0) === 0x80) end--
  return buffer.toString('utf8', 0, end)
}
