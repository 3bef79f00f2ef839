import type { BackupStatus, MadeBackup } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useCallback, useState, type ReactElement } from 'react'
import { openSave } from '../files/save-sink.js'
import { isFramed } from '../frame.js'
import { useTexts } from '../i18n/texts.js'
import { now } from '../now.js'
import { ConfirmButton } from '../ui/confirm-button.js'
import { Failure, Loading, useAction } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import { Panel, Section } from '../ui/panel.js'
import { ProgressLine, type Progress } from '../ui/progress-line.js'
import { useLoaded } from '../ui/use-loaded.js'
import { Framed } from './framed.js'
import { RecoveryCode } from './recovery-code.js'
import { RestoreForm } from './restore-form.js'

/** Encrypted backups: what opens them, the newest, a new one at the server or as a file, and the way back from one. */
export function BackupView(): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const { now, again } = useLoaded(useCallback(async () => {
    const local = await client.backup.status()
    // Without the server the rest of the view is still of use.
    return client.backup.status(true).catch(() => local)
  }, [client]))
  return (
    <Panel title={t('backup.title')} back={{ view: 'settings' }}>
      {isFramed() ? <Framed text={t('backup.lead')} /> : now.status === 'loading' ? <Loading /> : now.status === 'failed' ? <Failure code={now.code} retry={again} /> : (
        <>
          <p className="soft">{t('backup.lead')}</p>
          <Making status={now.value} again={again} />
          <RestoreForm hasStored={(now.value.stored?.length ?? 0) > 0} />
        </>
      )}
    </Panel>
  )
}

function Making({ status, again }: { readonly status: BackupStatus; readonly again: () => void }): ReactElement {
  const { t, date, time, sizeText } = useTexts()
  const client = useClient()
  const { busy, code, run } = useAction()
  const [progress, setProgress] = useState<Progress>()
  const [made, setMade] = useState<MadeBackup>()
  const [shown, setShown] = useState<string>()
  const protect = (): void => {
    run(async () => {
      setShown(await client.backup.protect())
    })
  }
  const make = (perform: (onProgress: (progress: Progress) => void) => Promise<MadeBackup | undefined>): void => {
    setMade(undefined)
    run(async () => {
      try {
        setMade(await perform(setProgress))
      } finally {
        setProgress(undefined)
      }
      again()
    })
  }
  const toServer = (): void => { make((onProgress) => client.backup.toServer({ onProgress })) }
  const toFile = (): void => {
    make(async (onProgress) => {
      const sink = await openSave({ name: `evegram-${new Date(now()).toISOString().slice(0, 10)}.backup`, type: 'application/octet-stream' })
      if (sink === undefined) return undefined
      try {
        const result = await client.backup.toFile((bytes) => sink.write(bytes), { onProgress })
        await sink.close()
        return result
      } catch (error) {
        await sink.abort()
        throw error
      }
    })
  }
  if (shown !== undefined) return <RecoveryCode code={shown} onKnown={() => { setShown(undefined); again() }} />
  const { last, openedWith } = status
  return (
    <Section title={t('backup.make')} hint={t('backup.make.hint')}>
      {code === undefined ? null : <Failure code={code} />}
      {last === undefined ? null : <p>{t('backup.last', { date: `${date(last.madeAtMs)} ${time(last.madeAtMs)}`, messages: last.messages })} {t(last.place === 'file' ? 'backup.place.file' : 'backup.place.server')}</p>}
      {status.stored === undefined || status.stored.length === 0 ? null : <p className="soft small">{t('backup.stored', { count: status.stored.length })}</p>}
      {progress === undefined ? null : <ProgressLine progress={progress} />}
      {made === undefined ? null : <p className="verified" role="status"><Icon name="check" />{t('backup.made', { messages: made.messages, size: sizeText(made.bytes) })}</p>}
      {openedWith.length === 0 ? <button type="button" className="button primary" disabled={busy} onClick={protect}>{t('backup.start')}</button> : (
        <div className="buttons">
          <button type="button" className="button primary" disabled={busy} onClick={toServer}>{t(status.unfinished ? 'backup.goOn' : 'backup.now')}</button>
          <button type="button" className="button" disabled={busy} onClick={toFile}>{t('backup.file')}</button>
          <ConfirmButton label={t('backup.newCode')} question={t('backup.newCode.sure')} disabled={busy} onConfirm={protect} />
        </div>
      )}
    </Section>
  )
}
