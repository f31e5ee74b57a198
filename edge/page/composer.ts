import type { Mode } from '../../drizzle/contract/models.ts'
import { messageOf } from './client/api-error.ts'
import type { Attachments } from './attachments.ts'
import { setText } from './element.ts'
import type { ModelPicker } from './model-picker.ts'

export type Draft = {
  prompt: string
  models: string[]
  geminiConcurrency: 1 | 2
  mode: Mode
  files: File[]
}

type Parts = {
  form: HTMLFormElement
  prompt: HTMLTextAreaElement
  send: HTMLButtonElement
  problem: HTMLElement
  picker: ModelPicker
  attachments: Attachments
  /** Resolves once the server has taken the prompt; what it throws is shown and the draft is kept. */
  onSend(draft: Draft): Promise<void>
}

export type Composer = {
  problem(message: string): void
  /** To be called when the choice of models has changed. */
  refresh(): void
  focus(): void
}

/** The box in which the prompt is written. */
export function createComposer(parts: Parts): Composer {
  const { form, prompt, send, picker, attachments } = parts
  let sending = false

  const problem = (message: string) => {
    setText(parts.problem, message)
    parts.problem.hidden = message === ''
  }
  const refresh = () => {
    send.disabled = sending || prompt.value.trim() === ''
    setText(send, sending ? 'Sending…' : 'Send')
  }

  const submit = async () => {
    if (sending || prompt.value.trim() === '') return
    const models = picker.chosen().map(({ id }) => id)
    if (models.length === 0) return problem('Choose at least one model.')
    const text = prompt.value
    const files = attachments.files()
    sending = true
    problem('')
    refresh()
    try {
      const geminiConcurrency = picker.doubled() ? 2 : 1
      await parts.onSend({ prompt: text, models, geminiConcurrency, mode: picker.mode(), files })
      attachments.drop(files)
      // What has been typed since belongs to the next prompt.
      prompt.value = prompt.value.startsWith(text) ? prompt.value.slice(text.length) : prompt.value
    } catch (error) {
      problem(messageOf(error))
    } finally {
      sending = false
      refresh()
    }
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void submit()
  })
  prompt.addEventListener('input', refresh)
  prompt.addEventListener('keydown', (event) => {
    // 229: Safari reports the Enter that ends an input method's composition as no composing one.
    if (event.isComposing || event.keyCode === 229) return
    if (event.key !== 'Enter' || event.shiftKey) return
    event.preventDefault()
    void submit()
  })

  return { problem, refresh, focus: () => prompt.focus() }
}
