import type { ChainName } from '../../chain/chain-adapter.js'
import type { TransferId } from '../../ledger/ids.js'
import { LEDGER_PAGE_MAX, type LedgerStore } from '../../ledger/ledger-store.js'
import { isDone } from '../../ledger/transfer-status.js'
import { parsePayoutId, type Payout, type PayoutId } from './payout.js'
import type { PayoutStore } from './payout-store.js'
import { releaseOf } from './payout-transfers.js'

/** How often the open reservations of a chain are looked through. */
export const STRAYS_LOOK_MS = 60_000
const RESERVATION = /^p:([^:]+)(?::[a-z]+)?$/

/** Parts of {@link StrayReservations}. */
export interface StrayReservationsParts {
  readonly chain: ChainName
  readonly ledger: Pick<LedgerStore, 'openPendings' | 'submit'>
  readonly payouts: Pick<PayoutStore, 'get'>
  /** Hears of each before it is released. Must not throw. May hear of one again, never not. */
  readonly found: (payout: PayoutId) => void
}

/**
 * Releases what is reserved for payouts that have ended. A process that lost its lease, and did not hear of it yet, may ask the ledger to reserve for a payout that the
 * next one has refused meanwhile. It releases that itself, unless it ends in between: then the money would stay reserved for ever.
 */
export class StrayReservations {
  readonly #parts: StrayReservationsParts

  constructor(parts: StrayReservationsParts) {
    this.#parts = parts
  }

  /** Looks through all open reservations, page by page; the payouts whose money was released. Rejects `unavailable.store`. */
  async release(): Promise<readonly PayoutId[]> {
    const { ledger, found } = this.#parts
    const released: PayoutId[] = []
    for (let after: TransferId | undefined; ;) {
      const open = await ledger.openPendings(after, LEDGER_PAGE_MAX)
      for (const payout of await this.#ended(open)) {
        found(payout.id)
        const results = await ledger.submit(releaseOf(payout))
        if (results.every((result) => isDone(result))) released.push(payout.id)
      }
      after = open.at(-1)
      if (open.length < LEDGER_PAGE_MAX) return released
    }
  }

  /** Reservations were open before the payout is read: nothing is reserved for it any more when it has ended. One that was paid has both ends in one commit. */
  async #ended(open: readonly TransferId[]): Promise<readonly Payout[]> {
    const ids = new Set(open.flatMap((id) => RESERVATION.exec(id)?.[1] ?? []))
    const ended: Payout[] = []
    for (const id of ids) {
      const payout = await this.#parts.payouts.get(parsePayoutId(id))
      if (payout?.chain === this.#parts.chain && (payout.state === 'refused' || payout.state === 'failed')) ended.push(payout)
    }
    return ended
  }
}
