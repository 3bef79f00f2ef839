import type { ServerNotice, WalletAsset } from '@evegram/sdk'
import { useClient, useConversations } from '@evegram/sdk/react'
import { useCallback, useEffect, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { hrefOf } from '../route.js'
import { Empty, Failure, Loading } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import { Panel } from '../ui/panel.js'
import { useLoaded } from '../ui/use-loaded.js'

const NOTICES_SHOWN = 100

/** What the server tells about money. */
export function NoticesView(): ReactElement {
  const { t, date, time, amountOf } = useTexts()
  const client = useClient()
  const { conversations } = useConversations()
  const { now, again } = useLoaded(useCallback(async (): Promise<{ readonly notices: readonly ServerNotice[]; readonly assets: readonly WalletAsset[] }> => {
    const notices = await client.notices.list(NOTICES_SHOWN)
    const newest = notices.reduce<ServerNotice | undefined>((found, notice) => (found === undefined || notice.arrival > found.arrival ? notice : found), undefined)
    if (newest !== undefined) await client.notices.markRead(newest)
    return { notices: [...notices].reverse(), assets: notices.length === 0 ? [] : await client.wallet.assets() }
  }, [client]))
  useEffect(() => client.on('server-notice', again), [client, again])
  return (
    <Panel title={t('notices.title')}>
      <p className="soft">{t('notices.lead')}</p>
      {now.status === 'loading' ? <Loading /> : now.status === 'failed' ? <Failure code={now.code} retry={again} /> : now.value.notices.length === 0 ? <Empty icon="bell" title={t('notices.empty')} /> : (
        <ul className="people">
          {now.value.notices.map((notice) => (
            <li key={notice.messageId} className={notice.unread ? 'is-new' : ''}>
              <span className="card-icon"><Icon name="bell" /></span>
              <span className="person-name">
                {t(`notices.${notice.kind}`, { amount: amountOf(notice.amount, notice.asset, now.value.assets) })}
                <time className="soft small" dateTime={new Date(notice.atMs).toISOString()}>{date(notice.atMs)} {time(notice.atMs)}</time>
              </span>
              <ConversationLink id={conversations.find(({ peer }) => peer !== undefined && peer.account !== client.account && peer.account === payerOf(notice))?.id} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}

function ConversationLink({ id }: { readonly id: string | undefined }): ReactElement | null {
  const { t } = useTexts()
  return id === undefined ? null : <a className="button quiet" href={hrefOf({ view: 'conversation', id })}>{t('notices.open')}</a>
}

/** The account that a payment came from, as its transfer names it: `u:<account>:<client id>`. */
function payerOf({ transfer }: ServerNotice): string | undefined {
  return /^u:([0-9a-f]{32}):/.exec(transfer)?.[1]
}
