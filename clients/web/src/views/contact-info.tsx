import { useClient, useContactNames, type ConversationSummary } from '@evegram/sdk/react'
import { useCallback, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { lettersOf, looksLike, shortAddress } from '../ui/address.js'
import { Avatar } from '../ui/avatar.js'
import { CopyButton, Failure, Loading, useAction } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import { Panel, Section } from '../ui/panel.js'
import { QrCode } from '../ui/qr-code.js'
import { useLoaded } from '../ui/use-loaded.js'
import { BlockSection } from './block-section.js'
import { ContactName } from './contact-name.js'
import { FlagsSection } from './flags-section.js'
import { TimerChoice } from './timer-choice.js'

/** Digits of a safety number that stand together. */
const GROUP = 5

/** The other side of a conversation: whose wallet it is, and the number to compare. */
export function ContactInfo({ id, peer: { account, address } }: { readonly id: string; readonly peer: NonNullable<ConversationSummary['peer']> }): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const { now, again } = useLoaded(useCallback(() => client.verify(account), [client, account]))
  const opened = useLoaded(useCallback(async () => (await client.conversations()).find((one) => one.id === id), [client, id])).now
  const name = useContactNames().get(account)
  const action = useAction()
  return (
    <Panel title={t('contact.title')} back={{ view: 'conversation', id }}>
      <div className="person"><Avatar id={account} label={name ?? lettersOf(address)} large /><h2 dir="auto">{name ?? shortAddress(address)}</h2><p className="soft">{t(`signin.chain.${looksLike(address)}`)}</p></div>
      <Section title={t('contact.address')}>
        <div className="own-address"><code className="address">{address}</code><CopyButton text={address} /></div>
      </Section>
      {account === client.account ? null : <ContactName key={name} account={account} name={name ?? ''} />}
      {opened.status === 'ready' && opened.value !== undefined ? <><FlagsSection conversation={opened.value} /><TimerChoice conversation={opened.value} /></> : null}
      {now.status === 'loading' ? <Loading /> : now.status === 'failed' ? <Failure code={now.code} retry={again} /> : (
        <>
          <Section title={t('contact.proof')} hint={t('contact.proof.lead')}>
            <p className="soft">{t('contact.devices', { count: now.value.devices.length })}</p>
            <ul className="plain">{now.value.devices.map((device) => <li key={device}><Icon name="device" /><code>{device.slice(0, 8)}</code></li>)}</ul>
          </Section>
          <Section title={t('contact.safety')} hint={t('contact.safety.lead')}>
            <div className="safety">
              <QrCode text={now.value.safetyNumber} label={t('contact.safety.qr')} />
              <p className="digits" dir="ltr">{groupsOf(now.value.safetyNumber).map((part, at) => <span key={at}>{part}</span>)}</p>
            </div>
            {action.code === undefined ? null : <Failure code={action.code} />}
            {now.value.verified
              ? <p className="verified"><Icon name="shield" />{t('contact.verified')}</p>
              : <button type="button" className="button primary" disabled={action.busy} onClick={() => { action.run(async () => { await client.markVerified(account); again() }) }}>{t('contact.verify')}</button>}
          </Section>
        </>
      )}
      {account === client.account ? null : <BlockSection account={account} address={address} />}
    </Panel>
  )
}

function groupsOf(digits: string): readonly string[] {
  return digits.match(new RegExp(`.{1,${String(GROUP)}}`, 'g')) ?? []
}
