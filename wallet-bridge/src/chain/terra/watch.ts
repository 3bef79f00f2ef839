import { createHash } from 'node:crypto'
import { EvegramError, hexOf, utf8 } from '@evegram/protocol'
import { assetIdOf, type AssetId } from '../../ledger/ids.js'
import { CHAIN_AMOUNT_BITS_MAX, chainAmountOf, NO_AMOUNT } from '../amount.js'
import type { ChainAddress, ChainTransfer, ChainTxid } from '../chain-adapter.js'
import { LUNA, TERRA } from './address.js'
import { coinsOf, movesOf, type TerraEvent, type TerraMove } from './events.js'
import type { TransactionFacts } from './rpc.js'

/** What a transaction did to the balance of one address in one asset. */
export interface BalanceChange {
  readonly address: string
  readonly asset: AssetId
  readonly delta: bigint
  readonly index: number
}

/** Index of the first token change: far behind what one transaction can hold of coins. */
const TOKEN_INDEX_MIN = 100_000_000
/** Above this place in a transaction no change of a token can be told apart: a block of the chain does not hold as much. */
const PLACES_MAX = 800_000_000
const TOKEN_NAME = /^[A-Za-z0-9_./-]{1,128}$/

/**
 * Every balance that a transaction changed, whoever's it is, of coins and of the contracts `tokens`: the sums of what the bank and those contracts recorded. The
 * index of a coin is the place of (holder, denomination) among all that the transaction shows, in the order of their texts; that of a token where its contract
 * first named the holder: neither depends on what is watched. A failed transaction takes its fee and gives nothing, whatever it is said to have done. Throws
 * `unavailable.chain` for records that cannot be read.
 */
export function changesOf({ events, failed }: Pick<TransactionFacts, 'events' | 'failed'>, tokens: ReadonlySet<string>): readonly BalanceChange[] {
  const moves = movesOf(events)
  if (moves === undefined || moves.some(({ place }) => place > PLACES_MAX)) throw unreadable()
  const sums = new Map<string, TerraMove & { sum: bigint }>()
  for (const move of moves) {
    const key = `${move.kind} ${move.holder} ${move.name}`
    const sum = sums.get(key) ?? { ...move, sum: 0n }
    sum.sum += move.delta
    sums.set(key, sum)
  }
  const coins = [...sums].filter(([, { kind }]) => kind === 'coin').sort(([left], [right]) => left < right ? -1 : 1).map(([, sum], index) => ({ sum, index }))
  const told = [...sums.values()].filter(({ kind, name }) => kind === 'token' && tokens.has(name) && !failed).map((sum) => ({ sum, index: TOKEN_INDEX_MIN + sum.place }))
  return [...coins, ...told].flatMap(({ sum: { holder, name, sum }, index }): readonly BalanceChange[] =>
    sum === 0n || (failed && sum > 0n) ? [] : [{ address: holder, asset: assetOf(name), delta: sum, index }])
}

/** What a transaction did to `addresses`. */
export function transfersOf(facts: TransactionFacts, addresses: ReadonlySet<ChainAddress>, tokens: ReadonlySet<string>): readonly ChainTransfer[] {
  const changes = changesOf(facts, tokens)
  const paid = feePaid(facts.events)
  const memo = facts.memo === '' ? undefined : utf8(facts.memo)
  return changes.flatMap(({ address, asset, delta, index }): readonly ChainTransfer[] => {
    // The set holds addresses in their one form: a text that is in it is one of them.
    const ours = address as ChainAddress
    if (!addresses.has(ours)) return []
    const size = delta < 0n ? -delta : delta
    if (size >> BigInt(CHAIN_AMOUNT_BITS_MAX) !== 0n) throw unreadable()
    const amount = chainAmountOf(size)
    const cost = delta < 0n && paid.payer === address ? paid.fees.get(asset) ?? 0n : 0n
    return [{
      txid: facts.txid as ChainTxid, index, height: facts.height, address: ours, asset, amount, memo,
      direction: delta < 0n ? 'out' : 'in',
      fee: cost === 0n ? NO_AMOUNT : chainAmountOf(cost < amount ? cost : amount),
      from: delta < 0n ? ours : payerOf(changes, asset, paid),
      returnOf: undefined,
    }]
  })
}

/** What a transaction changed for one address in one asset. */
export function deltaOf(facts: Pick<TransactionFacts, 'events' | 'failed'>, address: string, asset: AssetId, tokens: ReadonlySet<string>): bigint {
  return changesOf(facts, tokens).reduce((sum, change) => change.address === address && change.asset === asset ? sum + change.delta : sum, 0n)
}

interface FeePaid {
  readonly payer: string | undefined
  readonly fees: ReadonlyMap<AssetId, bigint>
}

/**
 * Who paid which fee, as the node recorded it. Old nodes name the fee and not who paid it: that is who spent exactly so much, right before it was noted and before any
 * message was executed.
 */
function feePaid(events: readonly TerraEvent[]): FeePaid {
  const placeOf = (wanted: string): number => events.findIndex(({ type, attributes }) => type === 'tx' && attributes.some(({ key }) => key === wanted))
  const place = placeOf('fee_payer') === -1 ? placeOf('fee') : placeOf('fee_payer')
  const fee = valueIn(events[place], 'fee')
  const spent = events.slice(0, Math.max(0, place)).find((event) => event.type === 'coin_spent' && fee !== undefined && valueIn(event, 'amount') === fee)
  const payer = valueIn(events[place], 'fee_payer') ?? valueIn(spent, 'spender')
  return { payer, fees: new Map((coinsOf(fee ?? '') ?? []).map(({ denom, amount }) => [assetOf(denom), amount])) }
}

function valueIn(event: TerraEvent | undefined, key: string): string | undefined {
  return event?.attributes.find((attribute) => attribute.key === key)?.value
}

/** Who paid, when there is exactly one whose balance of the asset went down by more than the fee. */
function payerOf(changes: readonly BalanceChange[], asset: AssetId, { payer, fees }: FeePaid): ChainAddress | undefined {
  const payers = changes.filter((change) => change.asset === asset && change.delta + (change.address === payer ? fees.get(asset) ?? 0n : 0n) < 0n)
  // Addresses that a node names are in their one form.
  return payers.length === 1 ? payers[0]?.address as ChainAddress : undefined
}

/** A denomination may hold colons, which no asset of the ledger does: such a one is known by its hash. */
function assetOf(name: string): AssetId {
  if (name === 'uluna') return LUNA
  return assetIdOf(TERRA, TOKEN_NAME.test(name) ? name : `sha256.${hexOf(createHash('sha256').update(name).digest())}`)
}

function unreadable(): EvegramError {
  return new EvegramError('unavailable.chain', { operation: 'read balance changes', details: { problem: 'events that cannot be read' } })
}
