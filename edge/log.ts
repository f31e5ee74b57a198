type Fields = Record<string, string | number | boolean | null | undefined>

/**
 * One JSON line for an event. Fields are ids, codes and counts: never a prompt, an answer, a
 * secret, or the message of an error that we did not write ourselves.
 */
export function log(level: 'info' | 'warn' | 'error', msg: string, fields: Fields = {}): void {
  console[level](JSON.stringify({ level, time: new Date().toISOString(), msg, ...fields }))
}
