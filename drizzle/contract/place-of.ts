/** Where an error was thrown: the first frames of its stack, without its message. */
export function placeOf(error: unknown): string[] {
  const { stack = '', message = '' } = error instanceof Error ? error : {}
  const start = stack.indexOf(message)
  // A message may have lines that look like frames.
  const frames = start < 0 ? '' : stack.slice(start + message.length)
  return frames.match(/^ {4}at .+$/gm)?.slice(0, 5) ?? []
}
