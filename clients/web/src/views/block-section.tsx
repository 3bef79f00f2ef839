import { useBlocked, useClient } from '@evegram/sdk/react'
import type { ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { shortAddress } from '../ui/address.js'
import { ConfirmButton } from '../ui/confirm-button.js'
import { Failure, useAction } from '../ui/feedback.js'
import { Section } from '../ui/panel.js'

/** Whether anything of somebody is shown, and how to change that. */
export function BlockSection({ account, address }: { readonly account: string; readonly address: string }): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const blocked = useBlocked()
  const { busy, code, run } = useAction()
  const isBlocked = blocked.status === 'ready' && blocked.value.some((one) => one === account)
  return (
    <Section title={t('block.title')} hint={t(isBlocked ? 'block.is' : 'block.hint')}>
      {code === undefined ? null : <Failure code={code} />}
      {isBlocked
        ? <button type="button" className="button" disabled={busy} onClick={() => { run(() => client.unblock(account)) }}>{t('block.undo')}</button>
        : <div className="buttons"><ConfirmButton label={t('block.do')} name={t('requests.block.of', { name: shortAddress(address) })} question={t('requests.block.sure')} disabled={busy} onConfirm={() => { run(() => client.block(account)) }} /></div>}
    </Section>
  )
}
