import type { ExportProgress } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useEffect, useRef, useState, type ReactElement } from 'react'
import { openSave, saveStream } from '../files/save-sink.js'
import { useTexts } from '../i18n/texts.js'
import { Icon } from '../ui/icon.js'
import { Failure, useAction } from '../ui/feedback.js'
import { Section } from '../ui/panel.js'

const NOTHING: ExportProgress = { lines: 0, messages: 0, bytes: 0 }
/** An export is lines: behind one it may go on in another file. */
const LINE_END = 10

type Export = { readonly status: 'idle' | 'stopped' } | { readonly status: 'running'; readonly progress: ExportProgress } | { readonly status: 'done'; readonly progress: ExportProgress; readonly files: number }

/** Everything that this device and the server have of the person, readable, as a file that is written as it is read: it is not encrypted, which the page says. It ends with the view. */
export function ExportSection(): ReactElement {
  const { t, sizeText } = useTexts()
  const client = useClient()
  const { busy, code, run } = useAction()
  const [withFiles, setWithFiles] = useState(false)
  const [now, setNow] = useState<Export>({ status: 'idle' })
  const running = useRef<AbortController>(undefined)
  useEffect(() => () => { running.current?.abort() }, [])
  const perform = (): void => {
    const abort = new AbortController()
    running.current = abort
    const { signal } = abort
    setNow({ status: 'idle' })
    run(async () => {
      const sink = await openSave({ name: 'evegram-export.ndjson', type: 'application/x-ndjson', cutBehind: LINE_END })
      if (sink === undefined) return
      let progress = NOTHING
      const onProgress = (next: ExportProgress): void => {
        progress = next
        if (!signal.aborted) setNow({ status: 'running', progress })
      }
      onProgress(progress)
      try {
        const files = await saveStream(client.exportData({ files: withFiles, onProgress, signal }), sink, signal)
        setNow({ status: 'done', progress, files })
      } catch (error) {
        setNow({ status: signal.aborted ? 'stopped' : 'idle' })
        if (!signal.aborted) throw error
      }
    })
  }
  return (
    <Section title={t('export.title')} hint={t('export.hint')}>
      {code === undefined ? null : <Failure code={code} />}
      <label className="switch"><span><b>{t('export.files')}</b></span><input type="checkbox" role="switch" checked={withFiles} disabled={busy} onChange={({ target }) => { setWithFiles(target.checked) }} /></label>
      {now.status === 'running' ? (
        <div className="progress-line">
          <span className="only-heard" role="status">{t('export.running')}</span>
          <progress aria-label={t('export.running')} />
          <span className="soft small">{t('export.progress', { messages: now.progress.messages, size: sizeText(now.progress.bytes) })} {t('export.stay')}</span>
        </div>
      ) : null}
      {now.status === 'done' ? <p className="verified" role="status"><Icon name="check" /><span>{t('export.done', { messages: now.progress.messages, size: sizeText(now.progress.bytes) })}{now.files > 1 ? ` ${t('export.cut', { count: now.files })}` : ''}</span></p> : null}
      {now.status === 'stopped' ? <p className="soft" role="status">{t('export.stopped')}</p> : null}
      <div className="buttons">
        <button type="button" className="button" disabled={busy} onClick={perform}>{busy ? <span className="spinner" aria-hidden="true" /> : null}{t('export.action')}</button>
        {now.status === 'running' ? <button type="button" className="button" onClick={() => { running.current?.abort() }}>{t('export.stop')}</button> : null}
      </div>
    </Section>
  )
}
