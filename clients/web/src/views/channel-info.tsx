import type { Channel, Member } from '@evegram/sdk'
import { storesOf, useClient } from '@evegram/sdk/react'
import { useCallback, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { goTo } from '../route.js'
import { lettersOf, shortAddress } from '../ui/address.js'
import { Avatar } from '../ui/avatar.js'
import { ConfirmButton } from '../ui/confirm-button.js'
import { CopyButton, Failure, Loading, useAction } from '../ui/feedback.js'
import { Panel, Section } from '../ui/panel.js'
import { useLoaded } from '../ui/use-loaded.js'

/** A channel: its link, its authors, and the way out. */
export function ChannelInfo({ id }: { readonly id: string }): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const { now, again } = useLoaded(useCallback(async (): Promise<{ readonly channel: Channel; readonly name: string; readonly authors: readonly Member[] } | undefined> => {
    const channel = await client.channel(id)
    return channel === undefined ? undefined : { channel, name: await channel.name(), authors: await channel.authors() }
  }, [client, id]))
  const { busy, code, run } = useAction()
  const found = now.status === 'ready' ? now.value : undefined
  return (
    <Panel title={found === undefined || found.name === '' ? t('chats.unnamed.channel') : found.name} back={{ view: 'conversation', id }}>
      {now.status === 'loading' ? <Loading /> : null}
      {now.status === 'failed' ? <Failure code={now.code} retry={again} /> : null}
      {code === undefined ? null : <Failure code={code} />}
      {found === undefined ? null : (
        <>
          <Section title={t('channel.link')} hint={t('channel.link.hint')}>
            <div className="own-address"><code className="address">{found.channel.link}</code><CopyButton text={found.channel.link} /></div>
          </Section>
          <Section title={t('channel.authors', { count: found.authors.length })}>
            <ul className="people">
              {found.authors.map(({ account, address, role }) => (
                <li key={account}><Avatar id={account} label={lettersOf(address)} /><span className="person-name" title={address}>{shortAddress(address)}</span><span className="soft small">{t(`group.role.${role}`)}</span></li>
              ))}
            </ul>
          </Section>
          <ConfirmButton label={t('channel.leave')} question={t('channel.leave.sure')} disabled={busy} onConfirm={() => {
            run(async () => {
              await found.channel.leave()
              await storesOf(client).conversations.refresh()
              goTo({ view: 'list' })
            })
          }} />
        </>
      )}
    </Panel>
  )
}
