import type { HistoryCode, HistoryOffered, HistoryProgress, HistoryRequested, HistoryStatus } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import type { ReactElement } from 'react'
import { isFramed } from '../frame.js'
import { useTexts } from '../i18n/texts.js'
import { hrefOf } from '../route.js'
import { useHistory } from '../session/use-history.js'
import { Empty, Failure, Loading, useAction } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import { Panel, Section } from '../ui/panel.js'
import { ProgressLine } from '../ui/progress-line.js'
import { Framed } from './framed.js'

/** What was said before: from another own device to this one, and from this one to those that ask. */
export function HistoryView(): ReactElement {
  const { t } = useTexts()
  const { now, again, progress } = useHistory()
  return (
    <Panel title={t('history.title')} back={{ view: 'settings' }}>
      {isFramed() ? <Framed text={t('history.lead')} /> : now.status === 'loading' ? <Loading /> : now.status === 'failed' ? <Failure code={now.code} retry={again} /> : (
        <>
          <p className="soft">{t('history.lead')}</p>
          {now.value.requests.map((request) => <Request key={request.device} request={request} progress={progress?.role === 'giving' && progress.device === request.device ? progress : undefined} again={again} />)}
          <Asking status={now.value.status} progress={progress?.role === 'taking' ? progress : undefined} again={again} />
          <a className="card" href={hrefOf({ view: 'backup' })}><span className="card-icon"><Icon name="shield" /></span><span><b>{t('backup.title')}</b><span className="soft">{t('history.orBackup')}</span></span></a>
        </>
      )}
    </Panel>
  )
}

function Asking({ status, progress, again }: { readonly status: HistoryStatus; readonly progress: HistoryProgress | undefined; readonly again: () => void }): ReactElement {
  const { t } = useTexts()
  const { history } = useClient()
  const { busy, code, run } = useAction()
  const perform = (action: () => Promise<unknown>): void => {
    run(async () => {
      await action()
      again()
    })
  }
  const { state, devices, declinedBy } = status
  const mayAsk = state === 'none' || state === 'failed' || state === 'done'
  if (mayAsk && devices === 0 && state === 'none') return <Empty icon="device" title={t('history.alone')} />
  return (
    <Section title={t('history.ask')} hint={t('history.ask.hint')}>
      {code === undefined ? null : <Failure code={code} />}
      {state === 'failed' ? <Failure code={status.error ?? 'internal'} /> : null}
      {state === 'done' ? <p className="verified" role="status"><Icon name="check" />{t('history.done', { count: status.messages ?? 0 })}</p> : null}
      {state === 'asked' ? (
        <>
          <p role="status">{t('history.asked')}</p>
          {status.codes.map((known) => <DeviceDigits key={known.device} known={known} />)}
          {declinedBy.length === 0 ? null : <p className="wrong">{t('history.declined', { count: declinedBy.length })}</p>}
        </>
      ) : null}
      {status.offers.map((offer) => <Offer key={offer.device} offer={offer} busy={busy} perform={perform} />)}
      {state === 'taking' ? progress === undefined ? <p role="status">{t('history.taking')}</p> : <ProgressLine progress={progress} /> : null}
      {mayAsk ? <div className="buttons"><button type="button" className="button primary" disabled={busy || devices === 0} onClick={() => { perform(() => history.request()) }}>{t(state === 'none' ? 'history.askAction' : 'history.askAgain')}</button></div> : (
        <div className="buttons"><button type="button" className="button" disabled={busy} onClick={() => { perform(() => history.cancel()) }}>{t('history.cancel')}</button></div>
      )}
    </Section>
  )
}

/** Another own device said yes: nothing of it is fetched before the person compared its digits here, too. */
function Offer({ offer, busy, perform }: { readonly offer: HistoryOffered; readonly busy: boolean; readonly perform: (action: () => Promise<unknown>) => void }): ReactElement {
  const { t } = useTexts()
  const { history } = useClient()
  return (
    <div className="offer" role="status">
      <p>{t('history.offered', { name: t('devices.name', { id: offer.device.slice(0, 8) }) })}</p>
      <Digits code={offer.code} />
      <div className="buttons">
        <button type="button" className="button primary" disabled={busy} onClick={() => { perform(() => history.confirm(offer.device)) }}>{t('history.take')}</button>
        <button type="button" className="button danger" disabled={busy} onClick={() => { perform(() => history.refuse(offer.device)) }}>{t('history.notMine')}</button>
      </div>
    </div>
  )
}

function DeviceDigits({ known: { device, code } }: { readonly known: HistoryCode }): ReactElement {
  const { t } = useTexts()
  return <div><p className="soft">{t('devices.name', { id: device.slice(0, 8) })}</p><Digits code={code} /></div>
}

function Request({ request: { device, code: digits, state, error }, progress, again }: { readonly request: HistoryRequested; readonly progress: HistoryProgress | undefined; readonly again: () => void }): ReactElement {
  const { t } = useTexts()
  const { history } = useClient()
  const { busy, code, run } = useAction()
  const answer = (action: () => Promise<void>): void => {
    run(async () => {
      await action()
      again()
    })
  }
  const mayAnswer = state === 'waiting' || state === 'failed'
  return (
    <Section title={t('history.request', { name: t('devices.name', { id: device.slice(0, 8) }) })} hint={t('history.request.hint')}>
      {code === undefined ? null : <Failure code={code} />}
      {state === 'failed' ? <Failure code={error ?? 'internal'} /> : null}
      {mayAnswer || state === 'giving' || state === 'given' ? <Digits code={digits} /> : null}
      {state === 'giving' ? progress === undefined ? <p role="status">{t('history.giving')}</p> : <ProgressLine progress={progress} /> : null}
      {state === 'given' ? <p className="verified" role="status"><Icon name="check" />{t('history.given')}</p> : null}
      {state === 'declined' ? <p className="soft">{t('history.refused')}</p> : null}
      {mayAnswer ? (
        <div className="buttons">
          <button type="button" className="button primary" disabled={busy} onClick={() => { answer(() => history.approve(device)) }}>{t('history.approve')}</button>
          <button type="button" className="button danger" disabled={busy} onClick={() => { answer(() => history.decline(device)) }}>{t('history.decline')}</button>
        </div>
      ) : null}
    </Section>
  )
}

/** Thirty digits in groups of five, to be compared. */
function Digits({ code }: { readonly code: string }): ReactElement {
  const { t } = useTexts()
  const groups = code.match(/\d{1,5}/g) ?? []
  return <code className="digits" aria-label={t('history.digits')}>{groups.map((group, at) => <span key={at}>{group}</span>)}</code>
}
