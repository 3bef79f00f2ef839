import { isEnded, type Client, type UnansweredWithdrawal, type WalletAsset, type WalletBalance, type Withdrawal } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useCallback, useEffect, useRef, useState } from 'react'
import { codeOf } from '../i18n/error-text.js'
import type { Loaded } from '../ui/use-loaded.js'
import { useVisible } from '../use-visible.js'

/** How often the server is asked while a withdrawal is on its way, and otherwise: deposits and payments are told by notices as well. */
const [OPEN_MS, IDLE_MS] = [1_000, 10_000]
/** Withdrawals that are read, the newest. */
const WITHDRAWALS_READ = 50

/** What the account holds of one asset. */
export interface Holding {
  readonly asset: WalletAsset
  readonly balance: WalletBalance
}

/** The own money, as the server says. */
export interface Money {
  /** What can be held here. */
  readonly assets: readonly WalletAsset[]
  /** What was ever held. */
  readonly holdings: readonly Holding[]
  /** The newest first. */
  readonly withdrawals: readonly Withdrawal[]
  /** Asked for on this device, with no answer yet. */
  readonly unanswered: readonly UnansweredWithdrawal[]
}

/** What {@link useMoney} gives. */
export interface MoneyNow {
  readonly now: Loaded<Money>
  /** Why what is shown is no longer new; undefined while it is. */
  readonly stale: string | undefined
  readonly again: () => void
  /** Counts looks that found a change, and notices: what else follows the money reads again with it. */
  readonly revision: number
}

interface Seen {
  readonly now: Loaded<Money>
  readonly stale?: string
  readonly revision: number
}

/** The own money, followed live while somebody can see it: by the notices of the server, and by looking. What was read stays when a look fails. */
export function useMoney(): MoneyNow {
  const client = useClient()
  const isVisible = useVisible()
  const [seen, setSeen] = useState<Seen>({ now: { status: 'loading' }, revision: 0 })
  const wake = useRef<() => void>(() => undefined)
  useEffect(() => {
    if (!isVisible) return undefined
    let isOver = false
    let isLooking = false
    let isWanted = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const look = async (): Promise<void> => {
      isLooking = true
      let waitMs = IDLE_MS
      try {
        const value = await readMoney(client)
        if (value.unanswered.length > 0 || value.withdrawals.some((one) => !isEnded(one))) waitMs = OPEN_MS
        if (!isOver) setSeen(({ now, revision }) => ({ now: { status: 'ready', value }, revision: now.status === 'ready' && isSame(now.value, value) ? revision : revision + 1 }))
      } catch (failure) {
        const code = codeOf(failure)
        if (!isOver) setSeen(({ now, revision }) => (now.status === 'ready' ? { now, stale: code, revision } : { now: { status: 'failed', code }, revision }))
      }
      isLooking = false
      if (isOver) return
      timer = globalThis.setTimeout(next, isWanted ? 0 : waitMs)
    }
    // Never two at a time: an older answer must not hide a newer one.
    const next = (): void => {
      globalThis.clearTimeout(timer)
      isWanted = isLooking
      if (!isLooking) void look()
    }
    wake.current = next
    next()
    const stops = (['server-notice', 'wallet-notice'] as const).map((event) => client.on(event, () => {
      setSeen((known) => ({ ...known, revision: known.revision + 1 }))
      next()
    }))
    return () => {
      isOver = true
      globalThis.clearTimeout(timer)
      for (const stop of stops) stop()
    }
  }, [client, isVisible])
  return { now: seen.now, stale: seen.stale, revision: seen.revision, again: useCallback(() => { wake.current() }, []) }
}

/** Whether a person can take this asset out, and has some. */
export function canWithdraw({ asset, balance }: Holding): boolean {
  return asset.withdrawal !== undefined && balance.available > 0n
}

async function readMoney({ wallet }: Client): Promise<Money> {
  const [assets, balances, withdrawals] = [await wallet.assets(), await wallet.balances(), await wallet.withdrawals(WITHDRAWALS_READ)]
  // After the withdrawals: what the server has of them is unanswered no more.
  const unanswered = await wallet.unansweredWithdrawals()
  const holdings = assets.flatMap((asset) => balances.filter((balance) => balance.asset === asset.asset).map((balance) => ({ asset, balance })))
  return { assets, holdings, withdrawals, unanswered }
}

function isSame(left: Money, right: Money): boolean {
  return textOf(left) === textOf(right)
}

function textOf({ holdings, withdrawals }: Money): string {
  return [...holdings.map(({ balance: { asset, held, reserved } }) => `${asset} ${String(held)} ${String(reserved)}`), ...withdrawals.map(({ id, state }) => `${id} ${state}`)].join('\n')
}
