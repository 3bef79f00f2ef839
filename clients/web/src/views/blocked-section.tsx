import { useBlocked, useClient } from '@evegram/sdk/react'
import { useCallback, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { lettersOf, shortAddress } from '../ui/address.js'
import { Avatar } from '../ui/avatar.js'
import { Failure, useAction } from '../ui/feedback.js'
import { Section } from '../ui/panel.js'
import { useLoaded } from '../ui/use-loaded.js'

/** People who are blocked that are shown; whoever blocked more finds the others on their pages. */
const SHOWN_MAX = 200

/** Whom the user blocked, and the way back for each. */
export function BlockedSection(): ReactElement {
  const { t } = useTexts()
  const blocked = useBlocked()
  const accounts = blocked.status === 'ready' ? blocked.value : []
  return (
    <Section title={t('blocked.title')} {...(accounts.length === 0 ? { hint: t('blocked.none') } : {})}>
      {blocked.status === 'failed' ? <Failure code={blocked.code} /> : null}
      {accounts.length === 0 ? null : <ul className="people">{accounts.slice(0, SHOWN_MAX).map((account) => <Person key={account} account={account} />)}</ul>}
    </Section>
  )
}

function Person({ account }: { readonly account: string }): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const { now } = useLoaded(useCallback(() => client.contacts.get(account), [client, account]))
  const { busy, code, run } = useAction()
  const { address = '', name } = now.status === 'ready' ? now.value : {}
  const shown = name ?? (address === '' ? account.slice(0, 8) : shortAddress(address))
  return (
    <li>
      <Avatar id={account} label={name ?? lettersOf(address)} />
      <span className="person-name" dir="auto" title={address}>{shown}</span>
      {code === undefined ? null : <Failure code={code} />}
      <button type="button" className="button quiet" disabled={busy} aria-label={t('block.undo.of', { name: shown })} onClick={() => { run(() => client.unblock(account)) }}>{t('block.undo')}</button>
    </li>
  )
}
