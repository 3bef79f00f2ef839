import { useClient } from '@evegram/sdk/react'
import { useEffect, useRef, useState, type ReactElement } from 'react'
import { fetchToSave } from '../files/fetch-file.js'
import { safeFileName, shortenedName } from '../files/file-name.js'
import { codeOf, errorText } from '../i18n/error-text.js'
import { useTexts } from '../i18n/texts.js'
import { Icon } from '../ui/icon.js'
import { saveAs } from '../ui/save-as.js'
import { Progress } from '../ui/progress.js'
import type { AttachmentProps } from './attachment-props.js'

/** Characters of a name that a row has room for. */
const NAME_SHOWN = 34

type Saving = { readonly status: 'idle' } | { readonly status: 'running'; readonly part: number; readonly abort: AbortController } | { readonly status: 'failed'; readonly code: string }

/** A file to be saved: its name without what misleads, its size, and how far it is. `note`: why it is not shown in place. */
export function FileCard({ message, index, file, note }: AttachmentProps & { readonly note?: string }): ReactElement {
  const texts = useTexts()
  const { t, sizeText } = texts
  const { saving, save, stop } = useSaving({ message, index, file })
  const name = safeFileName(file.name)
  const size = sizeText(file.size)
  return (
    <div className="file-card">
      <span className="file-icon"><Icon name="file" /></span>
      <span className="file-facts">
        {/* A name says nothing about the direction of what stands around it. */}
        <bdi className="file-name" title={name}>{shortenedName(name, NAME_SHOWN)}</bdi>
        <span className="soft small">{size}</span>
        {saving.status === 'running' ? <Progress label={t('file.saving', { name })} part={saving.part} /> : null}
        {saving.status === 'failed' ? <span className="file-failure small" role="alert">{errorText(texts, saving.code)}</span> : null}
        {note === undefined ? null : <span className="soft small">{note}</span>}
      </span>
      {saving.status === 'running'
        ? <button type="button" className="icon-button" onClick={stop} aria-label={t('file.stop', { name })} title={t('file.stop', { name })}><Icon name="close" /></button>
        : <button type="button" className="icon-button" onClick={save} aria-label={t('file.save', { name, size })} title={t('file.save', { name, size })}><Icon name="down_to" /></button>}
    </div>
  )
}

/** Fetches a file and has the browser save it. */
export function useSaving({ message, index, file }: AttachmentProps): { readonly saving: Saving; readonly save: () => void; readonly stop: () => void } {
  const client = useClient()
  const [saving, setSaving] = useState<Saving>({ status: 'idle' })
  const running = useRef<AbortController>(undefined)
  useEffect(() => () => { running.current?.abort() }, [])
  const save = (): void => {
    const abort = new AbortController()
    running.current = abort
    setSaving({ status: 'running', part: 0, abort })
    const onProgress = ({ doneBytes, totalBytes }: { readonly doneBytes: number; readonly totalBytes: number }): void => {
      if (!abort.signal.aborted) setSaving({ status: 'running', part: doneBytes / totalBytes, abort })
    }
    fetchToSave(client, message, index, { signal: abort.signal, onProgress }).then((blob) => {
      if (abort.signal.aborted) return
      void saveAs(blob, safeFileName(file.name))
      setSaving({ status: 'idle' })
    }, (failure: unknown) => { if (!abort.signal.aborted) setSaving({ status: 'failed', code: codeOf(failure) }) })
  }
  const stop = (): void => {
    running.current?.abort()
    setSaving({ status: 'idle' })
  }
  return { saving, save, stop }
}
