import { EvegramError } from '@evegram/protocol'
import { chainAmountOf, NO_AMOUNT } from '../amount.js'
import type { ChainAddress, ChainTransfer, ChainTxid } from '../chain-adapter.js'
import type { AssetId } from '../../ledger/ids.js'
import type { Height } from '../finality.js'
import { SOL, solanaToken } from './address.js'
import { WRAPPED_SOL_MINT } from './programs.js'
import type { TransactionFacts } from './rpc.js'

/** What a transaction did to the balance of one address in one asset. */
export interface BalanceChange {
  readonly address: string
  readonly asset: AssetId
  readonly delta: bigint
  readonly index: number
}

/** Index of the first token change: a transaction names at most 256 accounts. */
const TOKEN_INDEX_MIN = 1_000

/**
 * Every balance that a transaction changed, whoever's it is: lamports by account, tokens by owner and mint over all token accounts. The index of lamports is
 * the place of the account in the transaction; that of tokens the place of (mint, owner) among all that the transaction shows, in the order of their texts.
 * Throws `unavailable.chain` for an amount that JSON did not carry exactly, at an address of `exactFor`.
 */
export function changesOf(facts: TransactionFacts, exactFor: ReadonlySet<string>): readonly BalanceChange[] {
  const lamports = facts.keys.flatMap((address, index): readonly BalanceChange[] => {
    const [pre, post] = [facts.pre[index] ?? 0, facts.post[index] ?? 0]
    if (exactFor.has(address) && !(Number.isSafeInteger(pre) && Number.isSafeInteger(post))) {
      throw new EvegramError('unavailable.chain', { operation: 'read balance changes', details: { problem: 'lamports above 2^53' } })
    }
    // A failed transaction takes its fee and gives nothing, whatever it is said to have done.
    if (pre === post || (facts.failed && index !== 0)) return []
    return [{ address, asset: SOL, delta: BigInt(post) - BigInt(pre), index }]
  })
  return facts.failed ? lamports : [...lamports, ...tokenChanges(facts)]
}

function tokenChanges({ preTokens, postTokens }: TransactionFacts): readonly BalanceChange[] {
  const groups = new Map<string, { readonly mint: string; readonly owner: string; delta: bigint }>()
  for (const [sign, balances] of [[-1n, preTokens], [1n, postTokens]] as const) {
    for (const { mint, owner, amount } of balances) {
      const key = `${mint} ${owner}`
      const group = groups.get(key) ?? { mint, owner, delta: 0n }
      group.delta += sign * amount
      groups.set(key, group)
    }
  }
  return [...groups].sort(([left], [right]) => left < right ? -1 : 1).flatMap(([, { mint, owner, delta }], place): readonly BalanceChange[] =>
    delta === 0n ? [] : [{ address: owner, asset: solanaToken(mint), delta, index: TOKEN_INDEX_MIN + place }])
}

/** What a transaction did to `addresses`. `memos`: as many as it has; only a single one says what it is for. */
export function transfersOf(height: Height, facts: TransactionFacts, addresses: ReadonlySet<ChainAddress>, memos: readonly Uint8Array[]): readonly ChainTransfer[] {
  const changes = changesOf(facts, addresses)
  return changes.flatMap(({ address, asset, delta, index }): readonly ChainTransfer[] => {
    // The set holds addresses in their one form: a text that is in it is one of them.
    const ours = address as ChainAddress
    if (!addresses.has(ours)) return []
    const isOut = delta < 0n
    const amount = chainAmountOf(isOut ? -delta : delta)
    const cost = isOut && asset === SOL && index === 0 ? costOf(facts) : 0n
    return [{
      txid: facts.signature as ChainTxid, index, height, address: ours, asset, amount,
      direction: isOut ? 'out' : 'in',
      fee: cost === 0n ? NO_AMOUNT : chainAmountOf(cost < amount ? cost : amount),
      from: isOut ? ours : payerOf(changes, asset, facts),
      memo: memos.length === 1 ? memos[0] : undefined,
      returnOf: undefined,
    }]
  })
}

/** What the payer of a transaction paid to the network, and what he left in token accounts that it opened: nobody can spend that while they are open. */
export function costOf({ fee, failed, pre, post, preTokens, postTokens }: TransactionFacts): bigint {
  const opened = failed ? [] : postTokens.filter(({ accountIndex }) => pre[accountIndex] === 0 && !preTokens.some((token) => token.accountIndex === accountIndex))
  const rent = opened.map(({ accountIndex, mint, amount }) => BigInt(post[accountIndex] ?? 0) - (mint === WRAPPED_SOL_MINT ? amount : 0n))
  return rent.reduce((sum, one) => sum + one, BigInt(fee))
}

/** Who paid, when there is exactly one whose balance of the asset went down by more than the fee. */
function payerOf(changes: readonly BalanceChange[], asset: AssetId, facts: TransactionFacts): ChainAddress | undefined {
  const cost = costOf(facts)
  const payers = changes.filter((change) => change.asset === asset && change.delta < 0n && !(asset === SOL && change.index === 0 && -change.delta <= cost))
  // Addresses that a node names are in their one form.
  return payers.length === 1 ? payers[0]?.address as ChainAddress : undefined
}
