import { PublicKey, VersionedTransaction } from '@solana/web3.js'
import { EvegramError, isEvegramError, type Random } from '@evegram/protocol'
import { amountOf } from '../../ledger/amount.js'
import type { AssetId } from '../../ledger/ids.js'
import { chainAmountOf } from '../amount.js'
import {
  checkPaymentIntent, checkWatchRequest, parseChainTxid,
  type BalanceAnswer, type BalanceRequest, type BroadcastAnswer, type ChainAdapter, type ChainAddress, type ChainName, type ConfirmedTransfer, type FinalTransfer,
  type OutputOutcome, type PaymentExpiry, type PaymentIntent, type PaymentSighting, type SignAnswer, type SignedPayment, type WatchPage, type WatchRequest,
} from '../chain-adapter.js'
import { requireEd25519 } from '../ed25519-signature.js'
import type { ChainHead, Height } from '../finality.js'
import { sealFinal } from '../seal-final.js'
import type { Signer } from '../signer.js'
import { mintOfAsset, parseSolanaAddress, SOL, SOLANA, solanaAddressOf } from './address.js'
import { preparePayment, type PreparedPayment } from './prepare-payment.js'
import { readBlocks } from './read-blocks.js'
import { SolanaRpc, type BlockFacts, type SolanaProgress, type SolanaRpcOptions, type TransactionFacts } from './rpc.js'
import { sealTransaction } from './signer.js'
import { changesOf, transfersOf } from './watch.js'

/** Options of {@link SolanaChainAdapter}. */
export interface SolanaAdapterOptions extends SolanaRpcOptions {
  readonly random: Random
  /** Offered for each compute unit, in millionths of a lamport: what a busy network asks for. Nothing when left out. */
  readonly computeUnitPrice?: bigint | undefined
}

/** Slots that one page looks at. */
export const WATCH_SLOTS_MAX = 64
/** Slots over which a balance of the past is computed back from the newest one. */
export const PAST_BALANCE_SLOTS_MAX = 512
/** Blocks for which a block hash can be used (MAX_PROCESSING_AGE). */
const BLOCKHASH_AGE_MAX = 150
const LAMPORTS_PER_SIGNATURE = 5_000n

/**
 * Solana through one endpoint: SOL, SPL Token and Token-2022.
 *
 * Heights are slots, but for the expiry of a payment, which is a height in blocks (`lastValidBlockHeight`). Final is what the endpoint calls `finalized`. What
 * moved is read from whole blocks that name each other, by the balances before and after: so no transfer is missed for how it was made, and none is believed for
 * what it says. Tokens count for their owner, in whichever of his token accounts they are; payments take them from the associated one. A transfer fee of
 * Token-2022 is the recipient's: the outcome of a payment tells what arrived.
 */
export class SolanaChainAdapter implements ChainAdapter {
  readonly chain: ChainName = SOLANA
  readonly nativeAsset: AssetId = SOL
  readonly #rpc: SolanaRpc
  readonly #random: Random
  readonly #computeUnitPrice: bigint
  /** The highest final slot that the endpoint showed. */
  #finalSeen: Height = 0

  /** Throws `invalid.config`. */
  constructor({ random, computeUnitPrice = 0n, ...rpc }: SolanaAdapterOptions) {
    if (computeUnitPrice < 0n || computeUnitPrice >> 64n !== 0n) throw new EvegramError('invalid.config', { operation: 'configure Solana endpoint' })
    this.#rpc = new SolanaRpc(rpc)
    this.#random = random
    this.#computeUnitPrice = computeUnitPrice
  }

  parseAddress(text: string): ChainAddress {
    return parseSolanaAddress(text)
  }

  addressOf(signer: Signer): ChainAddress {
    requireEd25519(signer)
    return solanaAddressOf(signer.publicKey)
  }

  async head(): Promise<ChainHead> {
    // The final one first: the newest is read later and cannot be below it.
    const final = await this.#final()
    const { slot: latest } = await this.#rpc.progress('confirmed')
    if (latest < final.slot) throw wrong('the newest block is below the final one')
    return { latest, final: final.slot }
  }

  async watch(request: WatchRequest): Promise<WatchPage> {
    checkWatchRequest(request)
    const { slot: final } = await this.#final()
    const upTo = Math.min(request.upTo, final, request.after + WATCH_SLOTS_MAX)
    if (upTo <= request.after) return { through: request.after, transfers: [] }
    const transfers: FinalTransfer[] = []
    for (const block of await readBlocks(this.#rpc, request.after, upTo, 'finalized', final)) {
      if (transfers.length >= request.limit) return { through: block.slot - 1, transfers }
      const told = await this.#transfersOf(block, request.addresses, 'finalized')
      transfers.push(...told.map((transfer) => sealFinal(transfer, { final })))
    }
    return { through: upTo, transfers }
  }

  async confirmed(addresses: ReadonlySet<ChainAddress>): Promise<readonly ConfirmedTransfer[]> {
    const { final, latest } = await this.head()
    const blocks = await readBlocks(this.#rpc, final, latest, 'confirmed', latest)
    const told = await Promise.all(blocks.map((block) => this.#transfersOf(block, addresses, 'confirmed')))
    return told.flat()
  }

  /** As the port says; of the past, no further back than {@link PAST_BALANCE_SLOTS_MAX}: a node keeps the newest balance alone, what moved since is taken off. */
  async balance({ address, asset, at }: BalanceRequest): Promise<BalanceAnswer> {
    await this.#final()
    const newest = await this.#newestBalance(address, asset)
    const height = at ?? newest.slot
    if (height > newest.slot || newest.slot - height > PAST_BALANCE_SLOTS_MAX) return { status: 'unavailable' }
    let { amount } = newest
    for (const { transactions } of await readBlocks(this.#rpc, height, newest.slot, 'finalized', newest.slot)) {
      for (const facts of transactions) amount -= deltaOf(facts, address, asset)
    }
    if (amount < 0n) throw wrong('a balance that cannot be')
    return { status: 'known', amount: chainAmountOf(amount), height }
  }

  async sign(intent: PaymentIntent, signer: Signer): Promise<SignAnswer> {
    checkPaymentIntent(intent, SOL)
    const from = this.addressOf(signer)
    const { slot: signedAt } = await this.#final()
    const prepared = await this.#prepare(intent, from)
    if ('status' in prepared) return prepared
    const { hash, lastHeight } = await this.#rpc.blockhash()
    const message = prepared.message(hash)
    const [asked, least] = [BigInt(await this.#rpc.fee(message)), LAMPORTS_PER_SIGNATURE + prepared.priority]
    const cost = (asked > least ? asked : least) + prepared.rent
    if (cost > intent.feeMax) return { status: 'fee_exceeds_max', fee: chainAmountOf(cost) }
    const missing = await this.#missing(from, intent, prepared, cost)
    if (missing !== undefined) return { status: 'insufficient_funds', asset: missing }
    const { txid, bytes } = await sealTransaction(message, signer)
    const payment: SignedPayment = {
      chain: SOLANA, txid: parseChainTxid(txid), from, outputs: intent.outputs, feeMax: amountOf(cost), signedAt, expiry: { by: 'height', lastHeight }, bytes,
    }
    return { status: 'signed', payment }
  }

  async #prepare(intent: PaymentIntent, from: ChainAddress): Promise<PreparedPayment | Extract<SignAnswer, { readonly status: 'not_payable' }>> {
    try {
      return await preparePayment(intent, new PublicKey(from), this.#rpc, { random: this.#random, computeUnitPrice: this.#computeUnitPrice })
    } catch (error) {
      if (!isEvegramError(error, 'invalid.argument')) throw error
      const { problem } = error.details ?? {}
      return { status: 'not_payable', problem: typeof problem === 'string' ? problem : error.code }
    }
  }

  async expiryOf(payment: SignedPayment): Promise<PaymentExpiry> {
    const hash = blockhashOf(payment)
    const height = await this.#rpc.newestHeight()
    // Only of a hash that it knows can an endpoint say that its block is not above the newest one; one that is behind has to wait.
    if (!await this.#rpc.isBlockhashValid(hash)) throw wrong('a block hash that is not known, or over')
    return { by: 'height', lastHeight: height + BLOCKHASH_AGE_MAX }
  }

  broadcast(payment: SignedPayment): Promise<BroadcastAnswer> {
    return this.#rpc.send(payment.bytes, payment.txid)
  }

  async lookUp(payment: SignedPayment): Promise<PaymentSighting> {
    const { txid, expiry, signedAt } = payment
    if (expiry.by !== 'height') throw new EvegramError('invalid.argument', { operation: 'look payment up' })
    // The head first: what is searched afterwards is at least as new, so that a payment which landed before its end is found.
    const final = await this.#final()
    const { contextSlot, found } = await this.#rpc.signature(txid)
    if (found !== undefined) {
      if (found.commitment === 'processed') return { status: 'unknown' }
      return found.commitment === 'finalized' && found.slot <= final.slot ? this.#settled(payment, final) : { status: 'confirmed', height: found.slot }
    }
    if (final.height <= expiry.lastHeight || contextSlot < final.slot) return { status: 'unknown' }
    // Asked by two methods, since nodes keep signatures and transactions in different places; of a history that reaches back to the signing.
    const [first, transaction] = await Promise.all([this.#rpc.firstAvailable(), this.#rpc.transaction(txid, 'finalized')])
    if (first > signedAt + 1 || transaction !== undefined) return { status: 'unknown' }
    return { status: 'expired', expiration: sealFinal({ txid, height: final.slot }, { final: final.slot }) }
  }

  async close(): Promise<void> {
    // Nothing is open: each request is one of its own.
  }

  async #final(): Promise<SolanaProgress> {
    const final = await this.#rpc.progress('finalized')
    if (final.slot < this.#finalSeen) throw wrong('final blocks went back')
    this.#finalSeen = final.slot
    return final
  }

  async #transfersOf(block: BlockFacts, addresses: ReadonlySet<ChainAddress>, commitment: 'confirmed' | 'finalized'): Promise<readonly ConfirmedTransfer[]> {
    const transfers: ConfirmedTransfer[] = []
    for (const facts of block.transactions) {
      if (transfersOf(block.slot, facts, addresses, []).length === 0) continue
      const detailed = await this.#rpc.transaction(facts.signature, commitment)
      if (detailed?.slot !== block.slot) throw wrong('a transaction of a block is not there')
      transfers.push(...transfersOf(block.slot, facts, addresses, detailed.memos))
    }
    return transfers
  }

  async #newestBalance(address: ChainAddress, asset: AssetId): Promise<{ readonly slot: Height; readonly amount: bigint }> {
    const mint = mintOfAsset(asset)
    if (mint === undefined) {
      const { slot, lamports } = await this.#rpc.balance(address, 'finalized')
      if (!Number.isSafeInteger(lamports)) throw wrong('lamports above 2^53')
      return { slot, amount: BigInt(lamports) }
    }
    const { slot, accounts } = await this.#rpc.tokenAccounts(address, mint, 'finalized')
    return { slot, amount: accounts.reduce((sum, { amount }) => sum + amount, 0n) }
  }

  /** The first asset of which the payer has too little, as far as this endpoint says, with what is in flight taken off. */
  async #missing(from: ChainAddress, { outputs, inFlight }: PaymentIntent, { tokens }: PreparedPayment, cost: bigint): Promise<AssetId | undefined> {
    const leaving = [...outputs, ...inFlight.flatMap((payment) => payment.outputs)]
    const needed = (asset: AssetId): bigint => leaving.reduce<bigint>((sum, output) => output.asset === asset ? sum + output.amount : sum, 0n)
    const lamports = needed(SOL) + inFlight.reduce<bigint>((sum, { feeMax }) => sum + feeMax, cost)
    const [balance, minimum] = await Promise.all([this.#rpc.balance(from, 'confirmed'), this.#rpc.rentExemptMinimum(0)])
    const left = BigInt(balance.lamports) - lamports
    // What stays must be enough for an account, or nothing at all: else the whole payment fails.
    if (left < 0n || (left > 0n && left < BigInt(minimum))) return SOL
    return tokens.find(({ asset, available }) => available < needed(asset))?.asset
  }

  async #settled(payment: SignedPayment, final: SolanaProgress): Promise<PaymentSighting> {
    const { txid, from, outputs } = payment
    const transaction = await this.#rpc.transaction(txid, 'finalized')
    if (transaction === undefined || transaction.slot > final.slot) throw wrong('a final transaction is not there')
    const { slot: height, facts } = transaction
    const sent = outputs.reduce<bigint>((sum, { to, asset, amount }) => asset === SOL && to !== from ? sum + amount : sum, 0n)
    const fee = -deltaOf(facts, from, SOL) - (facts.failed ? 0n : sent)
    if (facts.signature !== txid || fee < 0n) throw wrong('a transaction that is not the payment')
    const settlement = { txid, height, outputs: outcomesOf(payment, facts), fee: chainAmountOf(fee), taxes: [] }
    return { status: 'final', settlement: sealFinal(settlement, { final: final.slot }) }
  }
}

/**
 * What arrived of each output: the change of the recipient's balance, divided among several outputs to him by what they were meant to be. Who pays himself has
 * what he paid.
 */
function outcomesOf({ from, outputs }: SignedPayment, facts: TransactionFacts): readonly OutputOutcome[] {
  if (facts.failed) return outputs.map(() => ({ status: 'failed', reason: 'transaction_failed' }))
  const left = new Map<string, { meant: bigint; arrived: bigint }>()
  const keyOf = ({ to, asset }: SignedPayment['outputs'][number]): string => `${to} ${asset}`
  for (const output of outputs) {
    const before = left.get(keyOf(output))
    left.set(keyOf(output), { meant: (before?.meant ?? 0n) + output.amount, arrived: before?.arrived ?? deltaOf(facts, output.to, output.asset) })
  }
  return outputs.map((output): OutputOutcome => {
    const rest = left.get(keyOf(output))
    if (output.to === from || rest === undefined) return { status: 'paid', received: chainAmountOf(output.amount) }
    const received = rest.arrived * output.amount / rest.meant
    rest.meant -= output.amount
    rest.arrived -= received
    return { status: 'paid', received: chainAmountOf(received) }
  })
}

function deltaOf(facts: TransactionFacts, address: string, asset: AssetId): bigint {
  return changesOf(facts, new Set([address])).reduce((sum, change) => change.address === address && change.asset === asset ? sum + change.delta : sum, 0n)
}

function blockhashOf({ bytes }: SignedPayment): string {
  try {
    return VersionedTransaction.deserialize(bytes).message.recentBlockhash
  } catch (cause) {
    throw new EvegramError('invalid.argument', { operation: 'read expiry of payment', cause })
  }
}

function wrong(problem: string): EvegramError {
  return new EvegramError('unavailable.chain', { operation: 'ask a Solana endpoint', details: { problem } })
}
