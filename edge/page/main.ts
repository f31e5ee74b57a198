import { submit } from './client/api.ts'
import { messageOf } from './client/api-error.ts'
import { createAttachments } from './attachments.ts'
import { createComposer } from './composer.ts'
import { createConnection } from './client/connection.ts'
import { createConversationList } from './conversation-list.ts'
import { createConversationView } from './conversation-view.ts'
import { createDrawer } from './drawer.ts'
import { byId, setText } from './element.ts'
import { createModelPicker } from './model-picker.ts'
import { addressOf, conversationInAddress, replaceAddress, restoreAddress } from './route.ts'
import { absent, watchModels } from './watch-models.ts'

const main = byId('main', HTMLElement)
const sidebar = byId('sidebar', HTMLElement)
const connection = createConnection(byId('connection', HTMLElement))
const announcer = byId('announcer', HTMLElement)
const modelsNote = byId('models-note', HTMLElement)

const closeDrawer = createDrawer({
  button: byId('menu', HTMLButtonElement),
  sidebar,
  backdrop: byId('backdrop', HTMLElement),
  main,
})

const list = createConversationList({
  list: byId('conversations', HTMLElement),
  note: byId('conversations-note', HTMLElement),
  more: byId('more', HTMLButtonElement),
  connection,
})

const view = createConversationView({
  thread: byId('thread', HTMLElement),
  batches: byId('batches', HTMLElement),
  empty: byId('empty', HTMLElement),
  loading: byId('loading', HTMLElement),
  connection,
  announce: (text) => setText(announcer, text),
  onProblem: (message) => composer.problem(message),
})

const picker = createModelPicker(byId('models', HTMLElement), () => {
  setText(modelsNote, absent(picker))
  composer.refresh()
})

const attachments = createAttachments({
  button: byId('attach', HTMLButtonElement),
  input: byId('files', HTMLInputElement),
  list: byId('attachments', HTMLElement),
  page: document.body,
  prompt: byId('prompt', HTMLTextAreaElement),
  onProblem: (message) => composer.problem(message),
})

const composer = createComposer({
  form: byId('composer', HTMLFormElement),
  prompt: byId('prompt', HTMLTextAreaElement),
  send: byId('send', HTMLButtonElement),
  problem: byId('problem', HTMLElement),
  picker,
  attachments,
  async onSend(draft) {
    const { visit } = view
    const conversationId = conversationInAddress()
    // Not aborted on leave: the prompt is on its way, and its answers will be in the list.
    const accepted = await submit({ ...draft, conversationId }, new AbortController().signal)
    if (!visit.aborted) {
      replaceAddress(accepted.conversation_id)
      list.mark(accepted.conversation_id)
      view.add(accepted.batch_id, draft.prompt)
    }
    void list.refresh()
  },
})

const openAddress = () => {
  const id = conversationInAddress()
  replaceAddress(id)
  composer.problem('')
  closeDrawer()
  list.mark(id)
  void view.open(id)
}

byId('new-chat', HTMLButtonElement).addEventListener('click', () => {
  location.hash = addressOf(null)
  closeDrawer()
  composer.focus()
})
byId('skip', HTMLAnchorElement).addEventListener('click', (event) => {
  // The address names the conversation: the link must not write its own there.
  event.preventDefault()
  composer.focus()
})
// A click on the conversation that is open already changes no address, but must close the drawer.
sidebar.addEventListener(
  'click',
  ({ target }) => target instanceof HTMLAnchorElement && closeDrawer(),
)
window.addEventListener('hashchange', openAddress)

restoreAddress()
openAddress()
void list.refresh()
const sayOfModels = (text: string) => setText(modelsNote, text)
watchModels(picker, connection, sayOfModels).catch((error) => sayOfModels(messageOf(error)))
