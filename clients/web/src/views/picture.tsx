import { useEffect, useMemo, useRef, useState, type CSSProperties, type ReactElement } from 'react'
import { safeFileName } from '../files/file-name.js'
import { shownType, SNIFFED_BYTES } from '../files/media-kind.js'
import { useMedia } from '../files/use-media.js'
import { errorText } from '../i18n/error-text.js'
import { useTexts } from '../i18n/texts.js'
import { Icon } from '../ui/icon.js'
import { useNear } from '../ui/use-near.js'
import type { AttachmentProps } from './attachment-props.js'
import { FileCard, useSaving } from './file-card.js'

/** Sides of a picture in a conversation, in px. */
const SIDE_MAX = 320
const SIDE_MIN = 72
/** The shape of a picture whose sender did not say it. */
const UNKNOWN = { width: 4, height: 3 }

/** A picture in its place: fetched when it is near to what is seen, and let go of when it is far. A press shows it large. */
export function Picture(props: AttachmentProps): ReactElement {
  const { message, index, file } = props
  const texts = useTexts()
  const { t, sizeText } = texts
  const place = useRef<HTMLDivElement>(null)
  const large = useRef<HTMLDialogElement>(null)
  const isNear = useNear(place)
  const [tries, setTries] = useState(0)
  const [isBroken, setIsBroken] = useState(false)
  const media = useMedia(message, index, isNear, tries)
  const { save } = useSaving(props)
  const name = safeFileName(file.name)
  if (media.status === 'unfit' || isBroken) return <FileCard {...props} note={t('file.unfit')} />
  return (
    <div ref={place} className="picture" style={shapeOf(file)}>
      {media.status === 'ready' ? null : <Preview file={file} />}
      {media.status === 'ready' ? (
        <>
          <button type="button" className="picture-opener" aria-label={t('file.picture', { name })} onClick={() => { large.current?.showModal() }}><img src={media.url} alt="" decoding="async" onError={() => { setIsBroken(true) }} /></button>
          <dialog ref={large} className="viewer" aria-label={name} onClick={() => { large.current?.close() }}>
            <img src={media.url} alt={name} />
            <div className="viewer-actions">
              <button type="button" className="icon-button" aria-label={t('file.save', { name, size: sizeText(file.size) })} onClick={(event) => { event.stopPropagation(); save() }}><Icon name="down_to" /></button>
              <button type="button" className="icon-button" aria-label={t('file.close')} onClick={() => { large.current?.close() }}><Icon name="close" /></button>
            </div>
          </dialog>
        </>
      ) : null}
      {media.status === 'loading' ? <span className="picture-note" role="status" aria-label={t('file.loading', { name })}><span className="spinner" aria-hidden="true" /></span> : null}
      {media.status === 'failed' ? <button type="button" className="button picture-note" onClick={() => { setTries(tries + 1) }}>{errorText(texts, media.code)} {t('error.retry')}</button> : null}
    </div>
  )
}

/** The small picture that came with the message, where its bytes are one. */
function Preview({ file: { preview } }: Pick<AttachmentProps, 'file'>): ReactElement | null {
  const type = useMemo(() => (preview === undefined ? undefined : shownType(preview.type, preview.bytes.subarray(0, SNIFFED_BYTES))), [preview])
  const [url, setUrl] = useState<string>()
  useEffect(() => {
    if (preview === undefined || type === undefined) return undefined
    const made = URL.createObjectURL(new Blob([new Uint8Array(preview.bytes)], { type }))
    setUrl(made)
    return () => { URL.revokeObjectURL(made) }
  }, [preview, type])
  return url === undefined ? null : <img className="picture-preview" src={url} alt="" />
}

/** The room of a picture, known before it is there: what is read does not move when it comes. */
function shapeOf({ width = UNKNOWN.width, height = UNKNOWN.height }: AttachmentProps['file']): CSSProperties {
  const scale = Math.min(SIDE_MAX / Math.max(width, height), width < UNKNOWN.width * 2 ? SIDE_MAX : 1)
  return { inlineSize: Math.max(SIDE_MIN, Math.round(width * scale)), aspectRatio: `${String(Math.max(SIDE_MIN, Math.round(width * scale)))} / ${String(Math.max(SIDE_MIN, Math.round(height * scale)))}` }
}
