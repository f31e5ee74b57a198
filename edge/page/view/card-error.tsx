import type { Result } from '../../../drizzle/contract/http-api.ts'
import { isAway } from '../state/models.ts'
import { stateOf } from '../state/result-state.ts'
import { language } from '../state/settings.ts'
import { HINTS } from '../words/hints.ts'
import { words } from '../words/words.ts'

/** Why there is no answer, or no whole one, and what to do about it. */
export function CardError({ result }: { result: Result }) {
  const say = words.value
  const { error_code: code, error_msg: message, finish_reason: reason } = result
  if (stateOf(result) === 'queued' && isAway(result.model)) {
    return <p class="note">{say.awayMore(result.model)}</p>
  }
  if (stateOf(result) !== 'failed') {
    return reason === 'cut' ? <p class="note">{say.cutOff}</p> : null
  }
  const translated = language.value === 'en' || !code ? null : say.taskErrors[code]
  return (
    <div class="error">
      <p>{translated ?? message ?? say.noAnswer}</p>
      {code && <p class="next">{say.hints[HINTS[code]]}</p>}
    </div>
  )
}
