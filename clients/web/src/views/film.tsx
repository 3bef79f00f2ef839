import { useState, type ReactElement } from 'react'
import { safeFileName } from '../files/file-name.js'
import { useMedia } from '../files/use-media.js'
import { errorText } from '../i18n/error-text.js'
import { useTexts } from '../i18n/texts.js'
import { Icon } from '../ui/icon.js'
import { Progress } from '../ui/progress.js'
import type { AttachmentProps } from './attachment-props.js'
import { FileCard } from './file-card.js'

/** A film: fetched when somebody wants to see it, and saved like any other file. */
export function Film(props: AttachmentProps): ReactElement {
  const { message, index, file } = props
  const texts = useTexts()
  const { t, sizeText } = texts
  const [isWanted, setIsWanted] = useState(false)
  const [isBroken, setIsBroken] = useState(false)
  const [tries, setTries] = useState(0)
  const media = useMedia(message, index, isWanted, tries)
  const name = safeFileName(file.name)
  if (media.status === 'unfit' || isBroken) return <FileCard {...props} note={t('file.unfit')} />
  return (
    <div className="film">
      {media.status === 'ready' ? <video src={media.url} controls aria-label={name} preload="metadata" playsInline onError={() => { setIsBroken(true) }} /> : null}
      {media.status === 'loading' ? <div className="film-waits"><Progress label={t('file.loading', { name })} part={media.part} /><button type="button" className="button" onClick={() => { setIsWanted(false) }}>{t('dialog.cancel')}</button></div> : null}
      {media.status === 'failed' ? <p className="file-failure small" role="alert">{errorText(texts, media.code)}</p> : null}
      {media.status === 'idle' || media.status === 'failed' ? <button type="button" className="button" onClick={() => { setIsWanted(true); setTries(tries + 1) }}><Icon name="play" />{t('file.play', { size: sizeText(file.size) })}</button> : null}
      <FileCard {...props} />
    </div>
  )
}
