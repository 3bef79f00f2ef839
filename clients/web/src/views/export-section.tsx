import type { ExportProgress } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useState, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { Failure, useAction } from '../ui/feedback.js'
import { Section } from '../ui/panel.js'
import { sizeText } from '../ui/progress-line.js'
import { saveAs } from '../ui/save-as.js'

/** Everything that this device and the server have of the person, readable, as a file: it is not encrypted, which the page says. */
export function ExportSection(): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const { busy, code, run } = useAction()
  const [withFiles, setWithFiles] = useState(false)
  const [progress, setProgress] = useState<ExportProgress>()
  const perform = (): void => {
    run(async () => {
      const parts: Uint8Array<ArrayBuffer>[] = []
      const reader = client.exportData({ files: withFiles, onProgress: setProgress }).getReader()
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) parts.push(Uint8Array.from(piece.value))
      saveAs(new Blob(parts, { type: 'application/x-ndjson' }), 'evegram-export.ndjson')
    })
  }
  return (
    <Section title={t('export.title')} hint={t('export.hint')}>
      {code === undefined ? null : <Failure code={code} />}
      <label className="switch"><span><b>{t('export.files')}</b></span><input type="checkbox" role="switch" checked={withFiles} onChange={({ target }) => { setWithFiles(target.checked) }} /></label>
      {progress === undefined ? null : <p className="soft small" role="status">{t('export.progress', { messages: progress.messages, size: sizeText(progress.bytes) })}</p>}
      <div className="buttons"><button type="button" className="button" disabled={busy} onClick={perform}>{busy ? <span className="spinner" aria-hidden="true" /> : null}{t('export.action')}</button></div>
    </Section>
  )
}
