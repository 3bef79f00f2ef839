import { EvegramError, paymentLink } from '@evegram/protocol'
import type { DepositPlace, WalletAsset } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useCallback, useState, type ReactElement } from 'react'
import { isFramed } from '../frame.js'
import { useTexts } from '../i18n/texts.js'
import { readNetwork } from '../session/session.js'
import { AmountField, useAmount } from '../ui/amount-field.js'
import { chainName } from '../ui/chain-name.js'
import { CopyButton, Empty, Failure, Loading } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import { Panel, Section } from '../ui/panel.js'
import { QrCode } from '../ui/qr-code.js'
import { useLoaded } from '../ui/use-loaded.js'
import { FaucetButton } from './faucet.js'
import { Framed } from './framed.js'

/** Links that are opened from here: the two that a wallet documents. */
const LINK = /^(?:solana:|ton:\/\/transfer\/)/

/** Where to pay on a chain so that it arrives in this account. */
export function DepositView(): ReactElement {
  const { t } = useTexts()
  return <Panel title={t('deposit.title')} back={{ view: 'wallet' }}>{isFramed() ? <Framed text={t('deposit.lead')} /> : <Chosen />}</Panel>
}

function Chosen(): ReactElement {
  const texts = useTexts()
  const { t } = texts
  const client = useClient()
  const { now, again } = useLoaded(useCallback(async () => client.wallet.assets(), [client]))
  const [chosen, choose] = useState<string>()
  if (now.status === 'loading') return <Loading />
  if (now.status === 'failed') return now.code === 'wallet.none' ? <Empty icon="wallet" title={t('wallet.none')} /> : <Failure code={now.code} retry={again} />
  const asset = now.value.find((one) => one.asset === chosen) ?? now.value[0]
  if (asset === undefined) return <Empty icon="wallet" title={t('wallet.none')} />
  return (
    <>
      <p className="soft">{t('deposit.lead')}</p>
      {now.value.length === 1 ? null : (
        <fieldset className="choice">
          <legend>{t('money.asset')}</legend>
          {now.value.map((one) => (
            <label key={one.asset}><input type="radio" name="deposit-asset" checked={one === asset} onChange={() => { choose(one.asset) }} /><span><bdi>{one.symbol}</bdi> · <bdi>{chainName(one.chain, texts)}</bdi></span></label>
          ))}
        </fieldset>
      )}
      <Place key={asset.chain} asset={asset} />
    </>
  )
}

function Place({ asset }: { readonly asset: WalletAsset }): ReactElement {
  const { wallet } = useClient()
  const { now, again } = useLoaded(useCallback(() => wallet.depositPlace(asset.chain), [wallet, asset.chain]))
  if (now.status === 'loading') return <Loading />
  if (now.status === 'failed') return <Failure code={now.code} retry={again} />
  return <PlaceOf place={now.value} asset={asset} />
}

function PlaceOf({ place: { chain, address, memo }, asset }: { readonly place: DepositPlace; readonly asset: WalletAsset }): ReactElement {
  const texts = useTexts()
  const { t, amountText } = texts
  return (
    <>
      <p className="warning"><Icon name="warn" />{t('deposit.memo.needed')}</p>
      <Section title={t('deposit.place', { chain: chainName(chain, texts) })} hint={t('deposit.least', { amount: amountText(asset.depositMin, asset) })}>
        <dl className="facts">
          <div><dt>{t('deposit.address')}</dt><dd><code className="address" dir="ltr">{address}</code><CopyButton text={address} /></dd></div>
          <div><dt>{t('deposit.memo')}</dt><dd><code className="address" dir="ltr">{memo}</code><CopyButton text={memo} /></dd></div>
        </dl>
        <p className="soft small">{t('deposit.only', { symbol: asset.symbol, chain: chainName(chain, texts) })}</p>
      </Section>
      {chain === 'simulated' ? <FaucetButton /> : <Link key={asset.asset} address={address} memo={memo} asset={asset} />}
    </>
  )
}

/** The link and its code, with address, memo and, where one is written, the amount. */
function Link({ address, memo, asset }: { readonly address: string; readonly memo: string; readonly asset: WalletAsset }): ReactElement | null {
  const { t } = useTexts()
  const [text, setText] = useState('')
  const read = useAmount(text, asset)
  const amount = read.status === 'amount' ? read.amount : undefined
  const { now, again } = useLoaded(useCallback(async () => linkOf(address, memo, asset, amount), [address, memo, asset, amount]))
  if (now.status === 'loading') return null
  // An address that is none of its chain is not to be paid to.
  if (now.status === 'failed') return <Failure code={now.code} retry={again} />
  if (now.value === undefined) return <Section title={t('deposit.code')} hint={t('deposit.code.address')}><QrCode text={address} label={t('deposit.code.address')} /></Section>
  return (
    <Section title={t('deposit.link')} hint={t('deposit.link.hint')}>
      <AmountField label={t('deposit.amount')} asset={asset} text={text} onText={setText} />
      <QrCode text={now.value} label={t('deposit.code')} />
      <p><code className="address" dir="ltr">{now.value}</code></p>
      <div className="buttons"><a className="button primary" href={now.value}>{t('deposit.open')}</a><CopyButton text={now.value} /></div>
    </Section>
  )
}

async function linkOf(address: string, memo: string, { asset, decimals }: WalletAsset, amount: bigint | undefined): Promise<string | undefined> {
  const link = paymentLink({ address, asset, decimals, memo, network: await readNetwork(), ...(amount === undefined ? {} : { amount }) })
  if (link !== undefined && !LINK.test(link)) throw new EvegramError('invalid.response', { operation: 'make payment link' })
  return link
}
