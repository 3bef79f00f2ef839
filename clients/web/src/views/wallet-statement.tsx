import type { StatementLine } from '@evegram/sdk'
import { useClient, useContactNames, useConversations } from '@evegram/sdk/react'
import { useCallback, useEffect, useState, type ReactElement } from 'react'
import { codeOf } from '../i18n/error-text.js'
import type { TextKey } from '../i18n/en.js'
import { useTexts } from '../i18n/texts.js'
import { hrefOf } from '../route.js'
import { shortAddress } from '../ui/address.js'
import { Failure, Loading } from '../ui/feedback.js'
import { Section } from '../ui/panel.js'
import type { Holding } from './wallet-money.js'

/** Lines of one page. */
const PAGE = 25

/** What moved one's money, an asset at a time, the newest first. `revision`: another number means that there may be more. */
export function Statement({ holdings, revision }: { readonly holdings: readonly Holding[]; readonly revision: number }): ReactElement | null {
  const { t } = useTexts()
  const [chosen, choose] = useState(holdings[0]?.asset.asset)
  const holding = holdings.find(({ asset }) => asset.asset === chosen) ?? holdings[0]
  if (holding === undefined) return null
  return (
    <Section title={t('wallet.statement')}>
      {holdings.length === 1 ? null : (
        <fieldset className="choice">
          <legend className="only-heard">{t('money.asset')}</legend>
          {holdings.map(({ asset }) => (
            <label key={asset.asset}><input type="radio" name="statement-asset" checked={asset === holding.asset} onChange={() => { choose(asset.asset) }} /><span><bdi>{asset.symbol}</bdi></span></label>
          ))}
        </fieldset>
      )}
      <Lines key={holding.asset.asset} holding={holding} revision={revision} />
    </Section>
  )
}

function Lines({ holding: { asset }, revision }: { readonly holding: Holding; readonly revision: number }): ReactElement {
  const { t } = useTexts()
  const { lines, isWhole, code, isBusy, older, again } = useLines(asset.asset, revision)
  if (lines === undefined) return code === undefined ? <Loading /> : <Failure code={code} retry={again} />
  return (
    <>
      {lines.length === 0 ? <p className="soft">{t('wallet.empty')}</p> : <ul className="people statement">{lines.map((line) => <Line key={line.number} line={line} asset={asset} />)}</ul>}
      {code === undefined ? null : <Failure code={code} retry={again} />}
      {isWhole ? null : <button type="button" className="button" disabled={isBusy} onClick={older}>{t('money.older')}</button>}
    </>
  )
}

interface Read {
  readonly lines?: readonly StatementLine[]
  /** Nothing is older than the last of them. */
  readonly isWhole: boolean
  readonly code?: string
}

/** The lines that were read, from the newest on without a gap. */
function useLines(asset: string, revision: number): Read & { readonly isBusy: boolean; readonly older: () => void; readonly again: () => void } {
  const { wallet } = useClient()
  const [read, setRead] = useState<Read>({ isWhole: true })
  const [isBusy, setBusy] = useState(false)
  const [times, setTimes] = useState(0)
  useEffect(() => {
    let isCurrent = true
    wallet.statement(asset, { limit: PAGE }).then((page) => {
      if (isCurrent) setRead((known) => joined(known, page))
    }, (failure: unknown) => {
      if (isCurrent) setRead((known) => ({ ...known, code: codeOf(failure) }))
    })
    return () => { isCurrent = false }
  }, [wallet, asset, revision, times])
  const before = read.lines?.at(-1)?.number
  const older = (): void => {
    if (isBusy || before === undefined) return
    setBusy(true)
    wallet.statement(asset, { limit: PAGE, before }).then((page) => {
      setRead((known) => (known.lines?.at(-1)?.number === before ? { lines: [...known.lines, ...page], isWhole: page.length < PAGE } : known))
    }, (failure: unknown) => { setRead((known) => ({ ...known, code: codeOf(failure) })) }).finally(() => { setBusy(false) })
  }
  return { ...read, isBusy, older, again: useCallback(() => { setTimes((count) => count + 1) }, []) }
}

/** The newest page before what is known; alone, where more came meanwhile than a page has. */
function joined(known: Read, page: readonly StatementLine[]): Read {
  const last = page.at(-1)?.number
  const rest = (known.lines ?? []).filter(({ number }) => last !== undefined && number < last)
  const overlaps = known.lines?.some(({ number }) => page.some((line) => line.number === number)) === true
  return overlaps && rest.length > 0 ? { lines: [...page, ...rest], isWhole: known.isWhole } : { lines: page, isWhole: page.length < PAGE }
}

function Line({ line, asset }: { readonly line: StatementLine; readonly asset: Holding['asset'] }): ReactElement {
  const { t, date, time, amountText } = useTexts()
  const moves = line.kind === 'transfer' || line.kind === 'post'
  const isIn = line.side === 'credit'
  return (
    <li>
      <span className="person-name">
        {t(kindOf(line))}
        {line.other === undefined ? null : <Other account={line.other} />}
        <time className="soft small" dateTime={new Date(line.atMs).toISOString()}>{date(line.atMs)} {time(line.atMs)}</time>
      </span>
      {moves ? <b className={isIn ? 'amount amount-in' : 'amount amount-out'}>{isIn ? '+' : '−'}{amountText(line.amount, asset)}</b> : <span className="amount soft">{amountText(line.amount, asset)}</span>}
    </li>
  )
}

/** Who is on the other side, as one calls them, with the way to the conversation where there is one. */
function Other({ account }: { readonly account: NonNullable<StatementLine['other']> }): ReactElement {
  const { conversations } = useConversations()
  const name = useContactNames().get(account)
  const found = conversations.find(({ kind, peer }) => kind === 'direct' && peer?.account === account)
  const label = name ?? (found === undefined ? account.slice(0, 8) : shortAddress(found.title))
  return found === undefined ? <span className="small"><bdi>{label}</bdi></span> : <a className="small" href={hrefOf({ view: 'conversation', id: found.id })}><bdi>{label}</bdi></a>
}

/** What a line is called, by the beginning of its transfer's id. */
function kindOf({ transfer, kind, side }: StatementLine): TextKey {
  if (transfer.startsWith('d:')) return 'wallet.kind.deposit'
  if (transfer.startsWith('u:')) return side === 'credit' ? 'wallet.kind.transfer_in' : 'wallet.kind.transfer_out'
  if (!/^(?:x:)?p:/.test(transfer)) return 'wallet.kind.other'
  // The steps of a payout: `post` is the amount, `feepost` and `taxpost` what the chain took beside it.
  const part = /:(fee|tax)post$/.exec(transfer)?.[1]
  if (kind === 'post' && part !== undefined) return part === 'fee' ? 'money.kind.fee' : 'money.kind.tax'
  switch (kind) {
    case 'pending': return 'money.kind.reserved'
    case 'void': case 'expire': return 'money.kind.released'
    case 'post': case 'transfer': return 'wallet.kind.payout'
    default: return kind satisfies never
  }
}
