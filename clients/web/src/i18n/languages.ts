import { en, type Catalogue } from './en.js'
import { es } from './es.js'
import { makeTexts, type Texts } from './texts.js'

/** Languages of the page, by their own names. */
export const LANGUAGES = { en: 'English', es: 'Español' } as const

/** A language of the page. */
export type Language = keyof typeof LANGUAGES

const CATALOGUES: Readonly<Record<Language, Catalogue>> = { en, es }
const made = new Map<Language, Texts>()

/** Whether the page has this language. */
export function isLanguage(text: string | null): text is Language {
  return text !== null && Object.hasOwn(LANGUAGES, text)
}

/** The first of `wanted` (as browsers name them) that the page has, English otherwise. */
export function chooseLanguage(wanted: readonly string[]): Language {
  return wanted.map((name) => name.split('-')[0] ?? '').find(isLanguage) ?? 'en'
}

/** The texts of a language. */
export function textsOf(language: Language): Texts {
  const known = made.get(language) ?? makeTexts(language, CATALOGUES[language])
  made.set(language, known)
  return known
}
