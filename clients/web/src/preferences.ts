import { useSyncExternalStore } from 'react'
import { chooseLanguage, isLanguage, type Language } from './i18n/languages.js'
import { keep, readKept } from './kept.js'

/** How the page looks, on this browser. */
export interface Preferences {
  readonly language: Language
  readonly theme: 'system' | 'light' | 'dark'
}

const THEMES = ['system', 'light', 'dark'] as const
const KEY = 'evegram.preferences'
const listeners = new Set<() => void>()
let current: Preferences | undefined

/** The choices as they are kept in this browser; where it keeps nothing, as the browser says. */
export function readPreferences(): Preferences {
  current ??= apply(parse(stored()))
  return current
}

/** Changes some of them, now and for later. */
export function setPreferences(change: Partial<Preferences>): void {
  current = apply({ ...readPreferences(), ...change })
  keep(KEY, JSON.stringify(current))
  for (const listener of listeners) listener()
}

const subscribe = (changed: () => void): (() => void) => {
  listeners.add(changed)
  return () => { listeners.delete(changed) }
}

/** The choices of now. */
export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribe, readPreferences)
}

function stored(): unknown {
  try {
    return JSON.parse(readKept(KEY) ?? '{}')
  } catch {
    // Changed by hand.
    return {}
  }
}

function parse(value: unknown): Preferences {
  const fields = typeof value === 'object' && value !== null ? value : {}
  const field = (name: string): unknown => Object.entries(fields).find(([key]) => key === name)?.[1]
  const [language, theme] = [field('language'), field('theme')]
  return {
    language: typeof language === 'string' && isLanguage(language) ? language : chooseLanguage(globalThis.navigator.languages),
    theme: THEMES.find((known) => known === theme) ?? 'system',
  }
}

function apply(preferences: Preferences): Preferences {
  const { documentElement } = globalThis.document
  documentElement.lang = preferences.language
  if (preferences.theme === 'system') delete documentElement.dataset['theme']
  else documentElement.dataset['theme'] = preferences.theme
  return preferences
}
