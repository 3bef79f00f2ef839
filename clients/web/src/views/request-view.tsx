import { REQUEST_MESSAGES_MAX, type Conversation, type Group, type Message, type MessageRequest } from '@evegram/sdk'
import { storesOf, useClient, useConversations, useRequests } from '@evegram/sdk/react'
import { useCallback, useEffect, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { goTo, hrefOf } from '../route.js'
import { lettersOf, looksLike, shortAddress } from '../ui/address.js'
import { Avatar } from '../ui/avatar.js'
import { ConfirmButton } from '../ui/confirm-button.js'
import { Empty, Failure, Loading, useAction } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import { Panel } from '../ui/panel.js'
import { useLoaded } from '../ui/use-loaded.js'
import { MessageRow } from './message-row.js'
import { useGroupName } from './requests-view.js'
import { whenSaidChanges } from './when-said-changes.js'

/** One request: who it is, what they wrote, and what becomes of it. Nothing here tells them that it was seen. */
export function RequestView({ id }: { readonly id: string }): ReactElement {
  const { t } = useTexts()
  const requests = useRequests()
  const { conversations } = useConversations()
  const request = requests.status === 'ready' ? requests.value.find(({ conversation }) => conversation === id) : undefined
  const isTaken = requests.status === 'ready' && request === undefined && conversations.some((known) => known.id === id)
  // Accepted here or on another own device.
  useEffect(() => { if (isTaken) goTo({ view: 'conversation', id }) }, [isTaken, id])
  return (
    <Panel title={request === undefined ? t('requests.one') : shortAddress(request.address)} back={{ view: 'requests' }}>
      {requests.status === 'loading' ? <Loading /> : requests.status === 'failed' ? <Failure code={requests.code} /> : request !== undefined ? <Waiting request={request} /> : (
        <Empty icon="check" title={t('requests.gone')}><a className="button" href={hrefOf({ view: 'requests' })}>{t('requests.title')}</a></Empty>
      )}
    </Panel>
  )
}

function Waiting({ request }: { readonly request: MessageRequest }): ReactElement {
  const { t, date, time } = useTexts()
  const { account, address, group, conversation, firstAtMs, dropped } = request
  const name = useGroupName(group ? conversation : undefined)
  return (
    <>
      <div className="person">
        <Avatar id={group ? conversation : account} label={group ? name : lettersOf(address)} kind={group ? 'group' : 'direct'} large />
        <h2 dir="auto">{group ? t('requests.group', { name: name === '' ? t('chats.unnamed.group') : name }) : t('requests.wants', { name: shortAddress(address) })}</h2>
        <p className="soft">{group ? t('requests.addedBy', { name: shortAddress(address) }) : t(`signin.chain.${looksLike(address)}`)} · <time dateTime={new Date(firstAtMs).toISOString()}>{t('requests.since', { date: `${date(firstAtMs)} ${time(firstAtMs)}` })}</time></p>
        <code className="address">{address}</code>
      </div>
      <Said request={request} />
      {dropped === 0 ? null : <p className="soft small">{t('requests.dropped', { count: dropped, max: REQUEST_MESSAGES_MAX })}</p>}
      <Decision request={request} />
    </>
  )
}

/** What they wrote. It is read from this device; nothing is fetched for it, no picture either. */
function Said({ request }: { readonly request: MessageRequest }): ReactElement | null {
  const { t } = useTexts()
  const client = useClient()
  const { account, conversation, group } = request
  const { now, again } = useLoaded(useCallback(async (): Promise<readonly Message[]> => {
    const opened: Pick<Conversation | Group, 'history'> = group ? await client.group(conversation) : await client.conversation(account)
    return opened.history(REQUEST_MESSAGES_MAX)
  }, [client, account, conversation, group]))
  useEffect(() => whenSaidChanges(client, conversation, again), [client, conversation, again])
  if (now.status === 'loading') return <Loading rows={2} />
  if (now.status === 'failed') return <Failure code={now.code} retry={again} />
  if (now.value.length === 0) return null
  return <ol className="request-messages" aria-label={t('chat.messages')}>{now.value.map((message) => <li key={message.messageId}><MessageRow message={message} showsName={group} isFirst isStranger /></li>)}</ol>
}

function Decision({ request: { conversation, address, group } }: { readonly request: MessageRequest }): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const { busy, code, run } = useAction()
  const end = (action: () => Promise<void>, isAccepted: boolean): void => {
    run(async () => {
      await action()
      await storesOf(client).conversations.refresh()
      goTo(isAccepted ? { view: 'conversation', id: conversation } : { view: 'requests' })
    })
  }
  const decline = async (): Promise<void> => {
    // A declined group stays among the groups until it is left, so it goes where nobody looks.
    if (group) await (await client.group(conversation)).setFlags({ archived: true, muted: true })
    await client.decline(conversation)
  }
  const block = async (): Promise<void> => {
    // Blocking somebody ends what they wrote; a group that they added this account to is a decision of its own.
    if (group) await decline()
    await client.block(address)
  }
  return (
    <div className="decision">
      <p className="soft small"><Icon name="shield" />{t(group ? 'requests.hint.group' : 'requests.hint')}</p>
      {code === undefined ? null : <Failure code={code} />}
      <div className="actions">
        <ConfirmButton label={t('requests.block')} name={t('requests.block.of', { name: shortAddress(address) })} question={t('requests.block.sure')} disabled={busy} onConfirm={() => { end(block, false) }} />
        <ConfirmButton label={t('requests.decline')} question={t(group ? 'requests.decline.group' : 'requests.decline.sure')} disabled={busy} onConfirm={() => { end(decline, false) }} />
        <button type="button" className="button primary" disabled={busy} onClick={() => { end(() => client.accept(conversation), true) }}>{t('requests.accept')}</button>
      </div>
    </div>
  )
}
