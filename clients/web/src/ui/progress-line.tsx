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
  const { t, sizeText } = useTexts()
  const bytes = total === undefined ? undefined : t('progress.bytes', { done: sizeText(done), total: sizeText(total) })
  const text = `${t(`progress.${step}`)} · ${bytes ?? t('progress.messages', { count: done })}`
  return (
    <div className="progress-line">
      {/* Each step is read out once; the bar says the rest to who asks. */}
      <span className="only-heard" role="status">{t(`progress.${step}`)}</span>
      <progress aria-label={t(`progress.${step}`)} {...(total === undefined ? {} : { value: done, max: total })} />
      <span className="soft small">{text}</span>
    </div>
  )
}
