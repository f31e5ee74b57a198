import { render } from 'preact'
import { keepAttachments } from './state/attachments.ts'
import { catchUpWhenShown } from './state/catch-up.ts'
import { startClock } from './state/clock.ts'
import { startList } from './state/conversations.ts'
import { deleteOnLeave } from './state/deletions.ts'
import { keepDraft } from './state/draft.ts'
import { watchModels } from './state/models.ts'
import { followAddress } from './state/navigate.ts'
import { applySettings } from './state/settings.ts'
import { listenForShortcuts } from './state/shortcuts.ts'
import { keepFilesReachable } from './state/thread.ts'
import { nameTab } from './state/title.ts'
import { App } from './view/app.tsx'

applySettings()
startClock()
keepDraft()
keepAttachments()
deleteOnLeave()
listenForShortcuts()
followAddress()
startList()
nameTab()
keepFilesReachable()
catchUpWhenShown()
void watchModels()
render(<App />, document.getElementById('app')!)
