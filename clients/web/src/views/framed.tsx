import type { ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'

/** In place of what must not be done in a frame: a site around it could hide what a click agrees to. */
export function Framed({ text }: { readonly text: string }): ReactElement {
  const { t } = useTexts()
  return (
    <div className="framed" role="note">
      <p className="empty-title">{t('framed.title')}</p>
      <p>{text}</p>
      <a className="button primary" href={globalThis.location.href} target="_blank" rel="noopener noreferrer">{t('framed.open')}</a>
    </div>
  )
}
