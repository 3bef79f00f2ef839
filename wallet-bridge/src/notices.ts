import { subjectOf, type EventStream } from '@evegram/platform'
import { parseAccountId, utf8, type AccountId } from '@evegram/protocol'
import { decodeLedgerEvent, type LedgerEvent } from './ledger/event.js'
import { payoutIdOfTransfer } from './flows/payout/payout-transfers.js'
import type { LedgerStore } from './ledger/ledger-store.js'
import type { LedgerAccountId } from './ledger/ids.js'

/** Name of the cursor of {@link NoticeRelay}. */
export const NOTICES_CURSOR = 'notices'
/** Events of one step: what is told again, at most, after a process died. */
const STEP_EVENTS = 256
const USER_ACCOUNT = /^user:([0-9a-f]{32}):/

/** What a person is told about their own money. `payout_released`: what was reserved for a payout came back, because it was refused or failed. */
export const NOTICE_KINDS = ['deposit_credited', 'payout_paid', 'payout_released'] as const
/** What a notice is about. */
export type NoticeKind = (typeof NOTICE_KINDS)[number]

/** Something that happened to the money of one account, for its owner alone. */
export interface Notice {
  /** The same for the same happening, however often it is told. */
  readonly id: string
  readonly kind: NoticeKind
  readonly account: AccountId
  readonly asset: string
  readonly amount: bigint
  /** The payout, of the two last kinds. */
  readonly payout: string | undefined
  readonly atMs: number
}

/** Where notices go. At least once, in the order of the ledger; who delivers them recognises repetitions by the id. Rejects what a repetition may mend. */
export interface Notices {
  tell(notice: Notice): Promise<void>
}

/** {@link Notices} on the event stream, on the subject `wally.notice.<kind>`: JSON with amounts as text. Whoever brings them into people's conversations consumes them there. */
export class StreamNotices implements Notices {
  readonly #stream: Pick<EventStream, 'publish'>

  constructor(stream: Pick<EventStream, 'publish'>) {
    this.#stream = stream
  }

  async tell({ id, kind, account, asset, amount, payout, atMs }: Notice): Promise<void> {
    const bytes = utf8(JSON.stringify({ v: 1, kind, account, asset, amount: String(amount), payout, atMs }))
    await this.#stream.publish({ id, subject: subjectOf('wally', 'notice', kind), bytes, headers: {} })
  }
}

/** Tells people what happened to their money: made of the events of the ledger, so that nothing is left out whenever a process dies. */
export class NoticeRelay {
  readonly #ledger: Pick<LedgerStore, 'cursor' | 'moveCursor' | 'events'>
  readonly #notices: Notices

  constructor(ledger: Pick<LedgerStore, 'cursor' | 'moveCursor' | 'events'>, notices: Notices) {
    this.#ledger = ledger
    this.#notices = notices
  }

  /** Tells what is next, up to a bound; how many events it read. Rejects as the ledger and {@link Notices} do; what was told then is told again. */
  async step(): Promise<number> {
    const from = await this.#ledger.cursor(NOTICES_CURSOR)
    const events = await this.#ledger.events(from, STEP_EVENTS)
    const last = events.at(-1)
    if (last === undefined) return 0
    for (const event of events) {
      const notice = await this.#noticeOf(event)
      if (notice !== undefined) await this.#notices.tell(notice)
    }
    await this.#ledger.moveCursor(NOTICES_CURSOR, from, last.number)
    return events.length
  }

  async #noticeOf({ bytes }: LedgerEvent): Promise<Notice | undefined> {
    const { ledger, number, change } = decodeLedgerEvent(bytes)
    if (!('ends' in change)) return undefined
    const told = (kind: NoticeKind, account: AccountId | undefined, amount: bigint, payout?: string): Notice | undefined =>
      account === undefined ? undefined : { id: `notice:${ledger}:${String(number)}`, kind, account, asset: change.asset, amount, payout, atMs: change.atMs }
    if (change.kind === 'transfer') return change.id.startsWith('d:') ? told('deposit_credited', ownerOf(change.credit), change.amount) : undefined
    const payout = payoutIdOfTransfer(change)
    if (payout === undefined) return undefined
    if (change.kind === 'post') return told('payout_paid', ownerOf(change.debit), change.amount, payout)
    return told('payout_released', ownerOf(change.debit), change.ends?.reserved ?? 0n, payout)
  }
}

function ownerOf(account: LedgerAccountId): AccountId | undefined {
  const [, owner] = USER_ACCOUNT.exec(account) ?? []
  return owner === undefined ? undefined : parseAccountId(owner)
}
