import { EvegramError } from '@evegram/protocol'
import type { AccountWallet, Client, Message, WalletAsset } from '@evegram/sdk'
import { storesOf, useClient } from '@evegram/sdk/react'
import { useCallback, type ReactElement } from 'react'
import { isFramed } from '../frame.js'
import { useTexts } from '../i18n/texts.js'
import { now as clockNow } from '../now.js'
import { goTo } from '../route.js'
import { Failure, Loading } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import { useLoaded } from '../ui/use-loaded.js'
import { useModal } from '../ui/use-modal.js'
import { Framed } from './framed.js'
import { PaySteps } from './pay-steps.js'
import { walletOf } from './pay-place.js'
import type { Payee, PayFacts, PayStart } from './pay-terms.js'

/** Messages of one read behind a request, and reads at most: what the person pays twice is refused by the ledger too. */
const PAGE = 200
const PAGES_MAX = 25

/** Sends money to somebody of a conversation, or asks them for it. Escape closes it: until the last button nothing is decided. */
export function PayDialog({ conversation, peer, start, onClose, onDone }: {
  readonly conversation: string
  /** The other side; absent in a group, where one of the members is chosen. */
  readonly peer: Payee | undefined
  readonly start: PayStart
  readonly onClose: () => void
  /** Money was sent or asked for in this conversation. */
  readonly onDone: () => void
}): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const dialog = useModal(onClose)
  const done = (where: string): void => {
    onClose()
    if (where === conversation) onDone()
    else storesOf(client).conversations.refresh().then(() => { goTo({ view: 'conversation', id: where }) }, () => { goTo({ view: 'list' }) })
  }
  return (
    <dialog {...dialog} className="dialog pay" aria-labelledby="pay-title">
      {isFramed() ? <><h2 id="pay-title">{t('pay.title')}</h2><Framed text={t('pay.framed')} /></> : walletOf(client) === undefined ? <><h2 id="pay-title">{t('pay.title')}</h2><p>{t('wallet.none')}</p></> : <Loaded conversation={conversation} peer={peer} start={start} onDone={done} />}
      <form method="dialog" className="actions pay-close"><button type="submit" className="icon-button" aria-label={t('dialog.cancel')} title={t('dialog.cancel')}><Icon name="close" /></button></form>
    </dialog>
  )
}

function Loaded({ conversation, peer, start, onDone }: { readonly conversation: string; readonly peer: Payee | undefined; readonly start: PayStart; readonly onDone: (conversation: string) => void }): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const { now, again } = useLoaded(useCallback(() => readFacts(client, conversation, peer, start), [client, conversation, peer, start]))
  if (now.status === 'ready') return <PaySteps facts={now.value} start={start} onDone={onDone} />
  return <><h2 id="pay-title">{t('pay.title')}</h2>{now.status === 'loading' ? <Loading rows={3} /> : <Failure code={now.code} retry={again} />}</>
}

async function readFacts(client: Client, conversation: string, peer: Payee | undefined, start: PayStart): Promise<PayFacts> {
  const wallet = walletOf(client)
  if (wallet === undefined) throw new EvegramError('wallet.none', { operation: 'pay' })
  const [assets, balances] = [await wallet.assets(), await wallet.balances()]
  const people = peer === undefined ? await membersToPay(client, conversation) : [peer]
  const refusal = start.kind === 'answer' ? await refusalOf(client, wallet, start.message, assets) : undefined
  return { wallet, assets, balances, people, isGroup: peer === undefined, refusal }
}

/** The other members of a group, without those who were blocked and strangers who wait for consent. */
async function membersToPay(client: Client, group: string): Promise<readonly Payee[]> {
  const [members, blocked, requests] = [await (await client.group(group)).members(), await client.blocked(), await client.requests()]
  return members.filter(({ account }) => account !== client.account && !blocked.includes(account) && !requests.some((request) => request.account === account))
}

/** Why a request is not paid: by an own payment that is on its way or was told, in memory or not, because its time is over, or because the server has no such asset. */
async function refusalOf(client: Client, wallet: AccountWallet, message: Message, assets: readonly WalletAsset[]): Promise<PayFacts['refusal']> {
  const { request } = message
  if (request === undefined || !assets.some(({ asset }) => asset === request.asset)) return 'unknown'
  if (request.expiresAtMs <= clockNow()) return 'over'
  if ((await wallet.payments()).some((payment) => payment.request === request.request && payment.state !== 'refused')) return 'paid'
  const place = (await client.conversations()).find(({ id }) => id === message.conversation)
  let after = message
  for (let page = 0; place !== undefined && page < PAGES_MAX; page++) {
    const behind = await place.history(PAGE, { after })
    if (behind.some(({ direction, payment }) => direction === 'out' && payment?.request === request.request)) return 'paid'
    const last = behind.at(-1)
    if (last === undefined || behind.length < PAGE) break
    after = last
  }
  return undefined
}
