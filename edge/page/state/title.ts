import { effect } from '@preact/signals'
import { conversations } from './conversations.ts'
import { openId } from './thread.ts'

const NAME = 'Async-Chat'

/** Tabs and the browser's history are told apart by the conversation. */
export function nameTab(): void {
  effect(() => {
    const open = conversations.value.find((one) => one.conversation_id === openId.value)
    document.title = open?.title ? `${open.title} – ${NAME}` : NAME
  })
}
