import { LANGUAGES, language, setLanguage, setTheme, THEMES, theme } from '../state/settings.ts'
import { helpIsOpen } from '../state/shortcuts.ts'
import { en } from '../words/en.ts'
import { words } from '../words/words.ts'
import { zh } from '../words/zh.ts'
import { Choice } from './choice.tsx'
import { Icon } from './icon.tsx'
import { closePopover, Popover } from './popover.tsx'

const NAMES = { en: en.languageName, zh: zh.languageName }

/** The language, the theme, and the way to the shortcuts. */
export function Settings() {
  const say = words.value
  return (
    <>
      <button
        type="button"
        class="icon"
        popovertarget="settings"
        aria-label={say.settings}
        title={say.settings}
      >
        <Icon name="gear" />
      </button>
      <Popover id="settings" label={say.settings} class="settings">
        <Choice
          name="language"
          label={say.language}
          options={LANGUAGES.map((value) => ({ value, text: NAMES[value] }))}
          value={language.value}
          onChoose={setLanguage}
        />
        <Choice
          name="theme"
          label={say.theme}
          options={THEMES.map((value) => ({ value, text: say.themes[value] }))}
          value={theme.value}
          onChoose={setTheme}
        />
        <button
          type="button"
          class="row"
          onClick={() => {
            closePopover('settings')
            helpIsOpen.value = true
          }}
        >
          {say.shortcuts}
          <kbd>?</kbd>
        </button>
      </Popover>
    </>
  )
}
