import { effect, signal } from '@preact/signals'
import { hearKept, recall, remember } from './remember.ts'

export const LANGUAGES = ['en', 'zh'] as const
export const THEMES = ['system', 'light', 'dark'] as const
export type Language = (typeof LANGUAGES)[number]
export type Theme = (typeof THEMES)[number]

/** Of the browser's own bar, as the page's is. */
const BAR_COLOURS = { light: '#ffffff', dark: '#1a1d23' }

/** The language of the last visit, else the first of the browser's that the page speaks. */
export const language = signal<Language>(recalledLanguage())
export const theme = signal<Theme>(recalledTheme())
/** Whether keys like `?` alone do something; who dictates or types by accident can switch them off. */
export const singleKeys = signal(recalledSingleKeys())

/** Puts the settings into effect, now and whenever they change, here or in another tab. */
export function applySettings(): void {
  hearKept((key) => {
    if (key === 'language') language.value = recalledLanguage()
    if (key === 'theme') theme.value = recalledTheme()
    if (key === 'single-keys') singleKeys.value = recalledSingleKeys()
  })
  effect(() => {
    document.documentElement.lang = language.value === 'zh' ? 'zh-CN' : 'en'
  })
  effect(() => {
    document.documentElement.dataset.theme = theme.value
    // Where the theme is chosen, both are of it, whatever the system's is.
    for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name=theme-color]')) {
      const own = meta.media.includes('dark') ? 'dark' : 'light'
      meta.content = BAR_COLOURS[theme.value === 'system' ? own : theme.value]
    }
  })
}

export function setLanguage(chosen: Language): void {
  language.value = chosen
  remember('language', chosen)
}

export function setTheme(chosen: Theme): void {
  theme.value = chosen
  remember('theme', chosen)
}

export function setSingleKeys(on: boolean): void {
  singleKeys.value = on
  remember('single-keys', on ? 'on' : 'off')
}

function recalledLanguage(): Language {
  return oneOf(LANGUAGES, recall('language')) ?? preferredLanguage(navigator.languages) ?? 'en'
}

function recalledTheme(): Theme {
  return oneOf(THEMES, recall('theme')) ?? 'system'
}

function recalledSingleKeys(): boolean {
  return recall('single-keys') !== 'off'
}

function preferredLanguage(tags: readonly string[]): Language | undefined {
  for (const tag of tags) {
    const found = oneOf(LANGUAGES, tag.split('-', 1)[0]!.toLowerCase())
    if (found) return found
  }
  return undefined
}

function oneOf<T extends string>(known: readonly T[], value: string | null): T | undefined {
  return known.find((one) => one === value)
}
