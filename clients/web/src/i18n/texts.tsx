import { createContext, useContext, type ReactElement, type ReactNode } from 'react'
import { amountOf, amountText } from '../ui/amount.js'
import type { DecimalSign } from '../ui/read-amount.js'
import { sizeText } from '../ui/size.js'
import type { Catalogue, TextKey } from './en.js'

/** What is put into a text by name. `count` chooses the form. */
export type TextValues = Readonly<Record<string, string | number>>

/** The texts of one language, and how it writes dates and numbers. */
export interface Texts {
  /** As BCP 47 names it. */
  readonly language: string
  readonly t: (key: TextKey, values?: TextValues) => string
  readonly time: (atMs: number) => string
  readonly date: (atMs: number) => string
  /** Today, yesterday, or the date; `nowMs` is now. */
  readonly day: (atMs: number, nowMs: number) => string
  readonly list: (items: readonly string[]) => string
  /** Between whole units and their parts, as amounts are typed. */
  readonly decimalSign: DecimalSign
  /** An amount of the smallest unit, as people write it, with its symbol. */
  readonly amountText: (amount: bigint, asset: Parameters<typeof amountText>[1]) => string
  /** The same of an asset that may not be among `assets`: then the smallest unit and the name of the asset. */
  readonly amountOf: (amount: bigint, asset: string, assets: Parameters<typeof amountOf>[2]) => string
  /** A number of bytes, with its unit. */
  readonly sizeText: (bytes: number) => string
}

const DAY_MS = 86_400_000

/** Makes the texts of a catalogue. Made once for each language: what Intl makes is dear. */
export function makeTexts(language: string, catalogue: Catalogue): Texts {
  // Of the languages of the browser the region says how dates are written: 18:30 or 6:30 PM.
  const written = globalThis.navigator.languages.find((name) => name.split('-')[0] === language) ?? language
  const plural = new Intl.PluralRules(language)
  const [time, date] = [new Intl.DateTimeFormat(written, { hour: '2-digit', minute: '2-digit' }), new Intl.DateTimeFormat(written, { dateStyle: 'medium' })]
  const weekday = new Intl.DateTimeFormat(written, { weekday: 'long', day: 'numeric', month: 'long' })
  const list = new Intl.ListFormat(language, { type: 'conjunction' })
  const decimalSign = new Intl.NumberFormat(written).formatToParts(0.5).some(({ type, value }) => type === 'decimal' && value === ',') ? ',' : '.'
  const t = (key: TextKey, values: TextValues = {}): string => {
    const found = catalogue[key]
    const text = typeof found === 'string' ? found : plural.select(Number(values['count'] ?? 0)) === 'one' ? found.one : found.other
    return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
  }
  return {
    language, t, decimalSign, amountText: (amount, asset) => amountText(amount, asset, decimalSign), amountOf: (amount, asset, assets) => amountOf(amount, asset, assets, decimalSign), sizeText: (bytes) => sizeText(bytes, decimalSign),
    time: (atMs) => time.format(atMs), date: (atMs) => date.format(atMs), list: (items) => list.format(items),
    day(atMs, nowMs) {
      const days = Math.round((startOfDay(nowMs) - startOfDay(atMs)) / DAY_MS)
      if (days === 0) return t('chat.today')
      if (days === 1) return t('chat.yesterday')
      return days < 180 && days > 0 ? weekday.format(atMs) : date.format(atMs)
    },
  }
}

/** The first moment of the day of a moment, in ms since 1970, where the person is. */
export function startOfDay(atMs: number): number {
  return new Date(atMs).setHours(0, 0, 0, 0)
}

const TextsContext = createContext<Texts | undefined>(undefined)

/** Gives texts to all components below. */
export function TextsProvider({ texts, children }: { readonly texts: Texts; readonly children: ReactNode }): ReactElement {
  return <TextsContext.Provider value={texts}>{children}</TextsContext.Provider>
}

/** The texts of the chosen language. */
export function useTexts(): Texts {
  const texts = useContext(TextsContext)
  if (texts === undefined) throw new Error('a component that shows text stands below a TextsProvider')
  return texts
}
