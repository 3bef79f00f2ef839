import type { MessageRequest } from '@evegram/sdk'
import { useClient, useRequests } from '@evegram/sdk/react'
import { useCallback, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { hrefOf } from '../route.js'
import { lettersOf, shortAddress } from '../ui/address.js'
import { Avatar } from '../ui/avatar.js'
import { Empty, Failure, Loading } from '../ui/feedback.js'
import { Panel } from '../ui/panel.js'
import { useLoaded } from '../ui/use-loaded.js'

/** What strangers began: each waits until the person decides. */
export function RequestsView(): ReactElement {
  const { t } = useTexts()
  const requests = useRequests()
  return (
    <Panel title={t('requests.title')}>
      <p className="soft">{t('requests.lead')}</p>
      {requests.status === 'loading' ? <Loading /> : requests.status === 'failed' ? <Failure code={requests.code} /> : requests.value.length === 0 ? <Empty icon="person" title={t('requests.empty')} /> : (
        <ul className="cards" aria-label={t('requests.title')}>{requests.value.map((request) => <RequestCard key={request.conversation} request={request} />)}</ul>
      )}
    </Panel>
  )
}

function RequestCard({ request: { conversation, account, address, group, firstAtMs, messages, dropped } }: { readonly request: MessageRequest }): ReactElement {
  const { t, date, time } = useTexts()
  const name = useGroupName(group ? conversation : undefined)
  return (
    <li>
      <a className="card" href={hrefOf({ view: 'request', id: conversation })}>
        <Avatar id={group ? conversation : account} label={group ? name : lettersOf(address)} kind={group ? 'group' : 'direct'} />
        <span>
          <b dir="auto">{group ? t('requests.group', { name: name === '' ? t('chats.unnamed.group') : name }) : shortAddress(address)}</b>
          <span className="soft">{group ? t('requests.addedBy', { name: shortAddress(address) }) : t('requests.messages', { count: messages + dropped })} · <time dateTime={new Date(firstAtMs).toISOString()}>{date(firstAtMs)} {time(firstAtMs)}</time></span>
        </span>
      </a>
    </li>
  )
}

/** What a group of the profile is called; empty while that is not known. */
export function useGroupName(group: MessageRequest['conversation'] | undefined): string {
  const client = useClient()
  const { now } = useLoaded(useCallback(async () => (group === undefined ? '' : (await client.group(group)).name()), [client, group]))
  return now.status === 'ready' ? now.value : ''
}
