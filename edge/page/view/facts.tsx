import type { Result } from '../../../drizzle/contract/http-api.ts'
import { isOpen } from '../state/result-state.ts'
import { count, duration } from '../words/format.ts'
import { words } from '../words/words.ts'

/** What it took: the time to the first token, and the tokens. */
export function Facts({ result }: { result: Result }) {
  const say = words.value
  const { usage, first_token_ms: firstMs, answered_by: answeredBy } = result
  if (isOpen(result)) return null
  const written = usage?.output_tokens ?? null
  const facts = [
    firstMs === null ? null : <span>{say.firstToken(duration(firstMs / 1000, 1, say))}</span>,
    written === null ? null : <span>{tokensOf(result)}</span>,
    answeredBy === null || answeredBy === result.model ? null : (
      <span>{say.answeredBy(answeredBy)}</span>
    ),
  ].filter((fact) => fact !== null)
  return facts.length > 0 ? <p class="facts">{facts}</p> : null
}

function tokensOf({ usage }: Result): string {
  const { input_tokens, output_tokens, reasoning_tokens } = usage!
  const known = (tokens: number | null) => (tokens === null ? '?' : count(tokens))
  const thought = reasoning_tokens === null ? null : count(reasoning_tokens)
  return words.value.tokens(known(input_tokens), known(output_tokens), thought)
}
