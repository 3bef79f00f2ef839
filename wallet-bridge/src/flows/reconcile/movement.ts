import { isEvegramError } from '@evegram/protocol'
import { TRANSFER_INDEX_MAX, type ChainName, type ChainTransfer } from '../../chain/chain-adapter.js'
import type { AssetId } from '../../ledger/ids.js'
import type { Transfer } from '../../ledger/transfer.js'
import { custodyOf } from '../deposit/deposit-flow.js'
import { parsePayoutId, type PayoutId } from '../payout/payout.js'

/** A change of what we hold of one asset, as the chain or the ledger tells it. What has the same asset and subject on both sides must add up to the same. */
export interface Movement {
  readonly asset: AssetId
  /** `<transaction>:<index>` of what came in, `<transaction>` of what went out and what came back from it. */
  readonly subject: string
  /** Above 0: we hold more. */
  readonly delta: bigint
}

/**
 * What transfers at our addresses mean. All transfers of one transaction must be among them, as they are on a page of a chain. What a transaction moved from
 * one address of ours to another one counts as one change of both.
 */
export function chainMovements(transfers: readonly ChainTransfer[]): readonly Movement[] {
  const left = new Set(transfers.filter(({ direction }) => direction === 'out').map(({ txid, asset }) => `${txid} ${asset}`))
  return transfers.map(({ txid, index, asset, direction, amount, returnOf }) => {
    const isDeposit = direction === 'in' && returnOf === undefined && !left.has(`${txid} ${asset}`)
    return { asset, subject: isDeposit ? depositSubject(txid, index) : returnOf ?? txid, delta: direction === 'in' ? amount : 0n - amount }
  })
}

/** What a transfer of the ledger means for what we hold. `payout`: its transaction stands with the payout. `unknown`: it names no transaction of this chain. */
export type LedgerMovement =
  | { readonly status: 'none' }
  | { readonly status: 'movement'; readonly movement: Movement }
  | { readonly status: 'payout'; readonly payout: PayoutId; readonly delta: bigint }
  | { readonly status: 'unknown'; readonly delta: bigint }

/**
 * Reads a transfer of the ledger. Only what moved over the custody account changes what we hold. An id of a deposit or payout on other accounts is `unknown`:
 * no flow of ours makes one.
 */
export function ledgerMovement(transfer: Transfer, chain: ChainName): LedgerMovement {
  const { id, asset, kind, amount, debit, credit } = transfer
  if (kind === 'pending' || kind === 'void' || kind === 'expire') return { status: 'none' }
  const [namespace, first, second, third] = id.split(':')
  const custody = custodyOf(asset).id
  if (debit !== custody && credit !== custody) return namespace === 'd' || namespace === 'p' ? { status: 'unknown', delta: 0n } : { status: 'none' }
  const delta = debit === custody ? amount : 0n - amount
  if (namespace === 'd' && first === chain && second !== undefined && third !== undefined) {
    const index = Number(third)
    // What a deposit could not book under an id that was taken stands under a higher index, see DepositFlow.
    return { status: 'movement', movement: { asset, subject: depositSubject(second, index > TRANSFER_INDEX_MAX ? index - TRANSFER_INDEX_MAX - 1 : index), delta } }
  }
  const payout = namespace === 'p' && first !== undefined && kind === 'post' ? payoutOf(first) : undefined
  return payout === undefined ? { status: 'unknown', delta } : { status: 'payout', payout, delta }
}

function depositSubject(txid: string, index: number): string {
  return `${txid}:${String(index)}`
}

function payoutOf(text: string): PayoutId | undefined {
  try {
    return parsePayoutId(text)
  } catch (error) {
    if (isEvegramError(error, 'invalid.argument')) return undefined
    throw error
  }
}
