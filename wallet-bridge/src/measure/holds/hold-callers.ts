import { amountOf } from '../../ledger/amount.js'
import { openingOf } from '../../ledger/account.js'
import { assetIdOf, parsePurpose, payoutTransferId } from '../../ledger/ids.js'
import type { LedgerStore } from '../../ledger/ledger-store.js'

const asset = assetIdOf('solana', 'sol')
/** Whose units are fought for, where holds go, and where the units came from. */
export const HOLDER = openingOf('user', 'holder', asset)
export const RECEIVER = openingOf('hot', 'receiver', asset)
export const SOURCE = openingOf('hot', 'source', asset)

/** How often each answer came, errors by their kind. */
export type Answers = Readonly<Record<string, number>>

/** Asks for a hold of one unit for each number from `from` to `to`, all at once, on `stores` in turn. Never rejects. */
export async function askForHolds(stores: readonly LedgerStore[], from: number, to: number): Promise<Answers> {
  const answers: Record<string, number> = {}
  await Promise.all(Array.from({ length: to - from }, async (_, index) => {
    const store = stores[index % stores.length]
    const answer = await (store?.submit({ linked: false, transfers: [{
      kind: 'pending', id: payoutTransferId(`hold-${String(from + index)}`), debit: HOLDER.id, credit: RECEIVER.id, amount: amountOf(1n), purpose: parsePurpose('hold'),
    }] }) ?? Promise.resolve([])).then(([result]) => result?.status ?? 'no answer', (failure: unknown) => String(failure))
    answers[answer] = (answers[answer] ?? 0) + 1
  }))
  return answers
}
