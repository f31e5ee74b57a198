import type { Result } from '../../../drizzle/contract/http-api.ts'
import { stateOf } from '../state/result-state.ts'
import { duration } from '../words/format.ts'
import { words } from '../words/words.ts'
import { GrowingText } from './growing-text.tsx'

/** Less would be 0.0 s. */
const WORTH_TELLING_MS = 50

/** What the model thought, folded, apart from what it answered. */
export function Reasoning({ result }: { result: Result }) {
  const say = words.value
  const { reasoning_text: text, reasoning_ms: ms } = result
  if (!text) return null
  const title = () => {
    if (stateOf(result) === 'thinking') return say.thinking
    if (ms === null || ms < WORTH_TELLING_MS) return say.reasoning
    return say.thoughtFor(duration(ms / 1000, ms < 10_000 ? 1 : 0, say))
  }
  return (
    <details class="reasoning">
      <summary>{title()}</summary>
      <GrowingText text={text} />
    </details>
  )
}
