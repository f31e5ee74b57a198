import { useEffect, useRef } from 'preact/hooks'
import { attach, attachProblem, notTaken } from '../state/attachments.ts'
import { draft, draftProblem, focusCount, sending } from '../state/draft.ts'
import { isOfInputMethod } from '../state/input-method.ts'
import {
  away,
  canDouble,
  canMakePictures,
  doubled,
  mode,
  modelsProblem,
  setMode,
  setTwice,
} from '../state/models.ts'
import { send } from '../state/send.ts'
import { words } from '../words/words.ts'
import { AttachButton, Attachments } from './attachments.tsx'
import { ModelPicker } from './model-picker.tsx'
import { useDrops } from './use-drops.ts'
import { useFittedHeight } from './use-fitted-height.ts'

/** Where the prompt is written, and said whom it asks. */
export function Composer() {
  const say = words.value
  useDrops()
  const problem = draftProblem.value ?? attachProblem.value
  return (
    <form
      class="composer"
      id="composer"
      data-drop={say.dropHere}
      onSubmit={(event) => {
        event.preventDefault()
        void send()
      }}
    >
      <p class="problem" id="problem" role="alert" hidden={problem === null}>
        {problem?.(say)}
      </p>
      <PromptField />
      <Attachments />
      <div class="composer-row">
        <AttachButton />
        <div class="models">
          <ModelPicker />
          {canDouble.value && <Twice />}
          {canMakePictures.value && <ModeSwitch />}
        </div>
        <SendButton />
      </div>
      <Notes />
      <p class="visually-hidden" id="keys">
        {say.keys}
      </p>
    </form>
  )
}

function PromptField() {
  const field = useRef<HTMLTextAreaElement>(null)
  const say = words.value
  const wishes = focusCount.value
  useEffect(() => {
    if (wishes > 0) field.current?.focus()
  }, [wishes])
  useFittedHeight(field, draft.value)
  return (
    <textarea
      ref={field}
      id="prompt"
      rows={2}
      aria-label={say.prompt}
      aria-describedby="keys"
      placeholder={say.placeholder}
      enterkeyhint="send"
      autocomplete="off"
      value={draft.value}
      onInput={({ currentTarget }) => {
        draft.value = currentTarget.value
      }}
      onKeyDown={(event) => {
        if (isOfInputMethod(event)) return
        if (event.key !== 'Enter' || event.shiftKey) return
        event.preventDefault()
        void send()
      }}
      onPaste={(event) => {
        const files = event.clipboardData?.files
        // A part of a document is text, and comes with a picture of it.
        if (!files?.length || event.clipboardData?.types.includes('text/rtf')) return
        event.preventDefault()
        attach(files)
      }}
    />
  )
}

function SendButton() {
  const say = words.value
  const text = { no: say.send, uploading: say.uploading, sending: say.sending }[sending.value]
  const isIdle = sending.value === 'no'
  return (
    <button
      type="submit"
      class="send"
      id="send"
      // Not `disabled`: that would take the focus away from who has just pressed it.
      aria-disabled={!isIdle || draft.value.trim() === ''}
    >
      {text}
    </button>
  )
}

function Twice() {
  const say = words.value
  return (
    <label class="chip switch" title={say.twiceMore}>
      <input
        type="checkbox"
        role="switch"
        aria-checked={doubled.value}
        id="twice"
        checked={doubled.value}
        onChange={({ currentTarget }) => setTwice(currentTarget.checked)}
      />
      {say.twice}
    </label>
  )
}

/** Whether the models are to write or to draw. */
function ModeSwitch() {
  const say = words.value
  return (
    <fieldset class="mode">
      <legend class="visually-hidden">{say.mode}</legend>
      {(['text', 'image'] as const).map((value) => (
        <label key={value}>
          <input
            type="radio"
            name="mode"
            value={value}
            checked={mode.value === value}
            onChange={() => setMode(value)}
          />
          {say.modes[value]}
        </label>
      ))}
    </fieldset>
  )
}

/** What is to be known before sending. */
function Notes() {
  const say = words.value
  const names = away.value.map(({ id }) => id).join(', ')
  const notes = [
    modelsProblem.value?.(say),
    names && say.awayMore(names),
    ...notTaken.value.map((note) => note(say)),
  ].filter(Boolean)
  // The same file may be attached twice.
  const different = [...new Set(notes)]
  return (
    <div class="notes" id="models-note" role="status">
      {different.map((note) => (
        <p key={note}>{note}</p>
      ))}
    </div>
  )
}
