import { computed } from '@preact/signals'
import { language } from '../state/settings.ts'
import { en, type Words } from './en.ts'
import { zh } from './zh.ts'

const DICTIONARIES = { en, zh }

/** What the page says, in the language that it speaks at the moment. */
export const words = computed((): Words => DICTIONARIES[language.value])

/** Something to say, in whichever language it is read. */
export type Say = (words: Words) => string
