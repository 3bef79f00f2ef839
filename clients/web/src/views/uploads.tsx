import { storesOf, useClient, useUploads, type ShownUpload } from '@evegram/sdk/react'
import { useState, type ReactElement } from 'react'
import { safeFileName, shortenedName } from '../files/file-name.js'
import { forgetOutgoing, outgoingOf, sendFiles } from '../files/outgoing.js'
import { errorText } from '../i18n/error-text.js'
import { useTexts } from '../i18n/texts.js'
import { Failure, useAction } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import { Progress } from '../ui/progress.js'

const NAME_SHOWN = 30

/** Files of a conversation on their way to the server, from before the page was loaded too. */
export function Uploads({ conversation }: { readonly conversation: string }): ReactElement | null {
  const { t } = useTexts()
  const uploads = useUploads().filter((one) => one.conversation === conversation)
  if (uploads.length === 0) return null
  return <ul className="uploads" aria-label={t('file.uploads')}>{uploads.map((one) => <li key={one.upload}><Upload shown={one} /></li>)}</ul>
}

function Upload({ shown: { upload, files, progress: { doneBytes, totalBytes }, error } }: { readonly shown: ShownUpload }): ReactElement {
  const texts = useTexts()
  const { t, list } = texts
  const client = useClient()
  const { busy, code, run } = useAction()
  const [part, setPart] = useState<number>()
  const { uploads } = storesOf(client)
  const names = list(files.map(({ name }) => shortenedName(safeFileName(name), NAME_SHOWN)))
  const again = outgoingOf(upload)
  const dismiss = (): void => {
    forgetOutgoing(upload)
    uploads.dismiss(upload)
  }
  const retry = (): void => {
    if (again === undefined) return
    run(async () => {
      await sendFiles(client, again, { signal: new AbortController().signal, onSealed: setPart })
      dismiss()
    })
  }
  const isCancelled = error?.code === 'files.cancelled'
  return (
    <div className={error === undefined ? 'upload' : 'upload is-failed'}>
      <Icon name={error === undefined ? 'file' : 'warn'} />
      <span className="file-facts">
        <bdi className="file-name">{names}</bdi>
        {error === undefined ? <Progress label={t('file.sending', { names })} part={totalBytes === 0 ? undefined : doneBytes / totalBytes} /> : <span className="small" role="alert">{isCancelled ? t('file.cancelled') : errorText(texts, error.code)}</span>}
        {busy ? <Progress label={t('file.sealing')} part={part} /> : null}
        {code === undefined ? null : <Failure code={code} />}
      </span>
      {error === undefined
        ? <button type="button" className="icon-button" aria-label={t('file.cancel', { names })} title={t('file.cancel', { names })} onClick={() => { run(() => client.cancelUpload(upload)) }}><Icon name="close" /></button>
        : (
          <>
            {again === undefined ? null : <button type="button" className="button quiet" disabled={busy} onClick={retry}>{t('error.retry')}</button>}
            <button type="button" className="icon-button" aria-label={t('file.dismiss', { names })} onClick={dismiss}><Icon name="close" /></button>
          </>
        )}
    </div>
  )
}
