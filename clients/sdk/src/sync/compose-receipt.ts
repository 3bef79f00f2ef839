import { RECEIPT_CHAINS_MAX, RECEIPT_MISSING_MAX, type AccountId, type DeviceId, type MissingNumbers, type ReceiptBody } from '@evegram/protocol'
import { numberSet, type NumberSet } from '../core/number-set.js'
import type { OwedReceipts } from '../core/receipt-row.js'
import { CHAIN_EPOCH, type ChainRow } from './chain-row.js'
import { missingRanges } from './chain-state.js'

/** Devices that one receipt is encrypted for; authors beyond it get the next one. */
export const RECEIPT_DEVICES_MAX = 128

/** A receipt, whom it is for, and what is owed after it. */
export interface DraftReceipt {
  readonly body: ReceiptBody
  /** Authors of the chains that it names. */
  readonly accounts: ReadonlySet<AccountId>
  readonly left: Pick<OwedReceipts, 'received' | 'read'>
}

/** What this device has of a chain. */
export function receivedOf(chain: ChainRow): NumberSet {
  return numberSet(chain.ahead.at(-1)?.number ?? chain.head.number, [...chain.gaps, ...missingRanges(chain)])
}

/**
 * The next receipt of what is owed: what was read goes first, and says that it was received. `chains` are those of the devices that are owed something;
 * `devicesOf` counts the devices of an account. Undefined where nothing can be said: `left` is then empty.
 */
export function composeReceipt(owed: OwedReceipts, chains: ReadonlyMap<DeviceId, ChainRow>, devicesOf: (account: AccountId) => number): DraftReceipt | undefined {
  const kind = owed.read.size > 0 ? 'read' : 'received'
  const upTo: ReceiptBody['upTo'][number][] = []
  const missing: MissingNumbers[] = []
  const accounts = new Set<AccountId>()
  const left = { received: new Set(owed.received), read: new Map(owed.read) }
  let devices = 0
  for (const device of kind === 'read' ? owed.read.keys() : owed.received) {
    const chain = chains.get(device)
    const has = chain === undefined ? undefined : receivedOf(chain)
    const said = has === undefined ? undefined : cutTo(has, kind === 'read' ? owed.read.get(device) ?? 0 : has.upTo, RECEIPT_MISSING_MAX - missing.length)
    if (chain !== undefined && said !== undefined && said.upTo > 0) {
      const added = accounts.has(chain.account) ? 0 : devicesOf(chain.account)
      if (upTo.length >= RECEIPT_CHAINS_MAX || (upTo.length > 0 && devices + added > RECEIPT_DEVICES_MAX)) break
      devices += added
      accounts.add(chain.account)
      upTo.push({ device, epoch: CHAIN_EPOCH, number: said.upTo })
      missing.push(...said.missing.map(({ from, to }) => ({ device, epoch: CHAIN_EPOCH, from, to })))
    }
    left[kind].delete(device)
    // Nothing more came than was read.
    if (kind === 'read' && (has === undefined || said?.upTo === has.upTo)) left.received.delete(device)
  }
  return upTo.length === 0 ? undefined : { body: { kind, upTo, ...(missing.length === 0 ? {} : { missing }) }, accounts, left }
}

/** The part of a set up to a number that names at most so many holes: beyond them nothing is said. */
function cutTo(has: NumberSet, number: number, holesMax: number): NumberSet {
  const cut = numberSet(Math.min(number, has.upTo), has.missing)
  const beyond = cut.missing[holesMax]
  return beyond === undefined ? cut : numberSet(beyond.from - 1, cut.missing)
}
