import { useSignalEffect } from '@preact/signals'
import { Fragment } from 'preact'
import { useRef } from 'preact/hooks'
import { setSingleKeys, singleKeys } from '../state/settings.ts'
import { helpIsOpen, SHORTCUTS } from '../state/shortcuts.ts'
import { words } from '../words/words.ts'
import { Icon } from './icon.tsx'

/** The list of the keyboard shortcuts. */
export function Shortcuts() {
  const dialog = useRef<HTMLDialogElement>(null)
  const say = words.value
  useSignalEffect(() => {
    if (helpIsOpen.value) dialog.current?.showModal()
    else dialog.current?.close()
  })
  const close = () => {
    helpIsOpen.value = false
  }
  return (
    <dialog ref={dialog} class="shortcuts" aria-labelledby="shortcuts-title" onClose={close}>
      <header>
        <h2 id="shortcuts-title">{say.shortcuts}</h2>
        <button type="button" class="icon" aria-label={say.close} onClick={close}>
          <Icon name="cross" />
        </button>
      </header>
      <dl>
        {SHORTCUTS.map(({ does, keys }) => (
          <div key={does}>
            <dt>{say.shortcutList[does]}</dt>
            <dd>
              {keys.map((combination, i) => (
                <Fragment key={combination[0]}>
                  {i > 0 && ` ${say.or} `}
                  <span class="combination">
                    {combination.map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </span>
                </Fragment>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={singleKeys.value}
          onChange={({ currentTarget }) => setSingleKeys(currentTarget.checked)}
        />
        {say.singleKeys}
      </label>
    </dialog>
  )
}
