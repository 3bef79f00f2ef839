import type { ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'

/** How far something is that takes long. */
export interface Progress {
  readonly step: 'reading' | 'storing' | 'fetching' | 'importing'
  /** Messages, or bytes while they are on their way. */
  readonly done: number
  /** Bytes of all, where that is known. */
  readonly total?: number
}

/** A bar with what is being done beside it; where the end is not known it only moves. */
export function ProgressLine({ progress: { step, done, total } }: { readonly progress: Progress }): ReactElement {
  const { t } = useTexts()
  const bytes = total === undefined ? undefined : t('progress.bytes', { done: sizeText(done), total: sizeText(total) })
  const text = `${t(`progress.${step}`)} · ${bytes ?? t('progress.messages', { count: done })}`
  return (
    <div className="progress-line" role="status">
      <progress aria-label={t(`progress.${step}`)} {...(total === undefined ? {} : { value: done, max: total })} />
      <span className="soft small">{text}</span>
    </div>
  )
}

const UNITS = ['B', 'kB', 'MB', 'GB'] as const

/** A number of bytes as people read it: at most three digits and a unit. */
export function sizeText(bytes: number): string {
  let [value, unit] = [bytes, 0]
  for (; value >= 1_000 && unit < UNITS.length - 1; unit++) value /= 1_000
  return `${value < 10 && unit > 0 ? value.toFixed(1) : String(Math.round(value))} ${UNITS[unit] ?? ''}`
}
