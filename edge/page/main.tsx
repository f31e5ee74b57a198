import { render } from 'preact'
import { startClock } from './state/clock.ts'
import { startList } from './state/conversations.ts'
import { deleteOnLeave } from './state/deletions.ts'
import { keepDraft } from './state/draft.ts'
import { watchModels } from './state/models.ts'
import { followAddress } from './state/navigate.ts'
import { applySettings } from './state/settings.ts'
import { listenForShortcuts } from './state/shortcuts.ts'
import { App } from './view/app.tsx'

applySettings()
startClock()
keepDraft()
deleteOnLeave()
listenForShortcuts()
followAddress()
startList()
void watchModels()
render(<App />, document.getElementById('app')!)
