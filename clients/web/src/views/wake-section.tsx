import { useClient } from '@evegram/sdk/react'
import { useCallback, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { readWakeState, turnOffWakes, turnOnWakes } from '../push/wakes.js'
import { profileOf } from '../session/session.js'
import { Failure, useAction } from '../ui/feedback.js'
import { useLoaded } from '../ui/use-loaded.js'

/** Whether this browser says that something came while the page is closed. Nothing where the server wakes nobody. */
export function WakeSection(): ReactElement | null {
  const { t } = useTexts()
  const client = useClient()
  const profile = profileOf(globalThis.location.search)
  const { now, again } = useLoaded(useCallback(() => readWakeState(client, profile), [client, profile]))
  const { busy, code, run } = useAction()
  if (now.status === 'failed') return <Failure code={now.code} />
  if (now.status === 'loading' || now.value === 'none') return null
  const state = now.value
  const turn = async (on: boolean): Promise<void> => {
    try {
      await (on ? turnOnWakes : turnOffWakes)(client, profile)
    } finally {
      again()
    }
  }
  return (
    <section className="form">
      <label className="switch">
        <span><b>{t('push.switch')}</b><span className="soft small">{t('push.hint')}</span></span>
        <input type="checkbox" role="switch" checked={state === 'on'} disabled={busy || state === 'denied' || state === 'unsupported'} onChange={({ target }) => { run(() => turn(target.checked)) }} />
      </label>
      {state === 'denied' || state === 'unsupported' ? <p className="soft" role="status">{t(`push.${state}`)}</p> : null}
      {code === undefined ? null : <Failure code={code} />}
    </section>
  )
}
