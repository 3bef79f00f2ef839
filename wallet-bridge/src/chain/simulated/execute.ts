import type { AssetId } from '../../ledger/ids.js'
import type { ChainAddress, ChainTxid, PaymentOutput } from '../chain-adapter.js'
import { simulatedAddressOf } from './address.js'
import type { SimulatedBalances } from './balances.js'
import type { BalanceChange, OutputRecord, SimulatedRecord } from './record.js'
import { networkFee, taxesOn, taxOn, transferFee, type SimulatedRules } from './rules.js'
import type { SimulatedTransaction } from './transaction.js'

/** Sums changes by address and asset, in the order in which they first came up: that order is the index of a transfer. */
class Changes {
  readonly #changes = new Map<string, BalanceChange>()

  add(address: ChainAddress, asset: AssetId, delta: bigint): void {
    const key = `${address} ${asset}`
    const before = this.#changes.get(key)
    this.#changes.set(key, { address, asset, delta: (before?.delta ?? 0n) + delta })
  }

  of(address: ChainAddress, asset: AssetId): bigint {
    return this.#changes.get(`${address} ${asset}`)?.delta ?? 0n
  }

  /** Changes of zero keep their place in the list, so that the index of the others does not depend on amounts. */
  list(): readonly BalanceChange[] {
    return [...this.#changes.values()]
  }
}

/**
 * What a payment does to `balances`, which are only read. Fee and taxes that were offered are taken whole, also of a payment that fails. The caller has
 * checked that the payer has them and that the fee covers the network.
 */
export function executePayment(
  txid: ChainTxid, transaction: SimulatedTransaction, balances: SimulatedBalances, rules: SimulatedRules, refusers: ReadonlySet<ChainAddress>,
): SimulatedRecord {
  const from = simulatedAddressOf(transaction.publicKey)
  const { outputs, memo, taxes, validity } = transaction
  const fee: bigint = transaction.fee
  const { nativeAsset } = rules
  // x/tax of Terra Classic: an offered fee that does not cover the tax is no fault; the recipients then pay it.
  const isTaxCovered = [...taxesOn(rules, outputs)].every(([asset, tax]) =>
    asset === nativeAsset ? fee >= networkFee(rules, outputs) + tax : (taxes.get(asset) ?? 0n) >= tax)
  const arriving = (output: PaymentOutput): bigint =>
    output.amount - transferFee(rules, output.asset, output.amount) - (isTaxCovered ? 0n : taxOn(rules, output))

  const changes = new Changes()
  changes.add(from, nativeAsset, -fee)
  for (const [asset, tax] of taxes) changes.add(from, asset, 0n - tax)
  const cost = changes.list()
  const canPay = ({ asset, amount }: PaymentOutput): boolean => balances.of(from, asset) + changes.of(from, asset) >= amount
  const pay = (output: PaymentOutput): OutputRecord => {
    if (!canPay(output)) return 'not_sent'
    changes.add(from, output.asset, 0n - output.amount)
    if (rules.batch === 'each' && refusers.has(output.to)) return 'bounced'
    const received = arriving(output)
    changes.add(output.to, output.asset, received)
    return { received }
  }
  const paid = outputs.map(pay)
  const failed = rules.batch === 'whole' && paid.includes('not_sent')
  return {
    txid, failed, from, fee, memo, returnOf: undefined,
    claims: outputs,
    outputs: failed ? outputs.map(() => 'transaction_failed') : paid,
    changes: failed ? cost : changes.list(),
    sequence: validity.by === 'sequence' ? validity.sequence : undefined,
  }
}

/** What comes back in the block behind a payment whose recipients refused it. */
export function bouncesOf(record: SimulatedRecord): readonly SimulatedRecord[] {
  const { txid, from, claims } = record
  if (from === undefined) return []
  return record.outputs.flatMap((output, index): readonly SimulatedRecord[] => {
    const claim = claims[index]
    if (output !== 'bounced' || claim === undefined) return []
    return [{
      txid: `${txid}-bounce-${String(index)}` as ChainTxid, failed: false, from: claim.to, fee: 0n, memo: undefined, returnOf: txid, sequence: undefined,
      claims: [{ ...claim, to: from }], outputs: [], changes: [{ address: from, asset: claim.asset, delta: claim.amount }],
    }]
  })
}
