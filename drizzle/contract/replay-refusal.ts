/** Why a dead letter was not replayed, with the words that say so. */
const REPLAY_REFUSALS = {
  unknown: 'there is no such dead letter',
  succeeded: 'its task has since succeeded',
  cancelled: 'its task was cancelled',
  open: 'its task waits or runs already',
  gone: 'its task is gone: it was deleted',
  replayed_before: 'it was replayed, and its task has failed again',
  cut: 'the message was too long to be kept whole, so that it cannot be given back as it was',
  no_stream: 'the message stood in a stream that no model family reads',
  no_redis: 'Redis could not be reached, and the message needs it; try again later',
} as const

export type ReplayRefusal = keyof typeof REPLAY_REFUSALS

/** What a refusal says; `newer` is the dead letter to replay in its place, where there is one. */
export function whyNotReplayed(refusal: ReplayRefusal, newer: string | null): string {
  const advice = newer ? `; replay the newer dead letter ${newer}` : ''
  return `${REPLAY_REFUSALS[refusal]}${advice}`
}
