import { useSyncExternalStore } from 'react'
import { chooseLanguage, isLanguage, type Language } from './i18n/languages.js'
import { keep, readKept } from './kept.js'

/** How the page looks: as was chosen in this browser, else as the account says for all devices, else as the browser says. */
export interface Preferences {
  readonly language: Language
  readonly theme: Theme
  /** Something was chosen in this browser, which counts here whatever the account says. */
  readonly isChosenHere: boolean
}

/** Colours of the page. */
export type Theme = 'system' | 'light' | 'dark'

/** What was decided; absent where nothing was. */
interface Choice {
  readonly language?: Language | undefined
  readonly theme?: Theme | undefined
}

/** What this browser keeps. */
interface Kept {
  readonly here: Choice
  /** Of the account that is signed in, as it was when it was read last: the page looks so before it is read again. */
  readonly account: Choice
}

const THEMES: readonly Theme[] = ['system', 'light', 'dark']
const KEY = 'evegram.preferences'
const listeners = new Set<() => void>()
let kept: Kept | undefined
let current: Preferences | undefined

/** How the page looks now. */
export function readPreferences(): Preferences {
  current ??= apply(stored())
  return current
}

/** Chooses for this browser, now and for later. */
export function choosePreferences(choice: Choice): void {
  const { here, account } = stored()
  change({ here: { ...here, ...choice }, account })
}

/** Looks as the account says again. */
export function unchoosePreferences(): void {
  change({ here: {}, account: stored().account })
}

/** What the account says for all devices, as its settings have it; undefined: nobody is signed in. */
export function followAccount(settings: { readonly language: string; readonly theme: Theme } | undefined): void {
  const { here, account } = stored()
  const tag = settings?.language.split('-')[0] ?? ''
  const language = isLanguage(tag) ? tag : undefined
  if (account.language === language && account.theme === settings?.theme) return
  change({ here, account: { language, theme: settings?.theme } })
}

const subscribe = (changed: () => void): (() => void) => {
  listeners.add(changed)
  return () => { listeners.delete(changed) }
}

/** How the page looks now. */
export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribe, readPreferences)
}

function change(next: Kept): void {
  kept = next
  current = apply(next)
  keep(KEY, JSON.stringify({ ...next.here, account: next.account }))
  for (const listener of listeners) listener()
}

function stored(): Kept {
  kept ??= parse(readKept(KEY) ?? '{}')
  return kept
}

function parse(text: string): Kept {
  try {
    const value: unknown = JSON.parse(text)
    return { here: choiceOf(value), account: choiceOf(fieldOf(value, 'account')) }
  } catch {
    // Changed by hand.
    return { here: {}, account: {} }
  }
}

function choiceOf(value: unknown): Choice {
  const [language, theme] = [fieldOf(value, 'language'), fieldOf(value, 'theme')]
  return { language: typeof language === 'string' && isLanguage(language) ? language : undefined, theme: THEMES.find((known) => known === theme) }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined
}

function apply({ here, account }: Kept): Preferences {
  const preferences: Preferences = {
    language: here.language ?? account.language ?? chooseLanguage(globalThis.navigator.languages), theme: here.theme ?? account.theme ?? 'system',
    isChosenHere: here.language !== undefined || here.theme !== undefined,
  }
  const { documentElement } = globalThis.document
  documentElement.lang = preferences.language
  if (preferences.theme === 'system') delete documentElement.dataset['theme']
  else documentElement.dataset['theme'] = preferences.theme
  // What the browser paints around the page.
  for (const meta of globalThis.document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
    const { theme = 'light' } = meta.dataset
    meta.media = preferences.theme === 'system' ? `(prefers-color-scheme: ${theme})` : preferences.theme === theme ? 'all' : 'not all'
  }
  return preferences
}
