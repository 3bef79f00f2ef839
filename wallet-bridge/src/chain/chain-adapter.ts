import { EvegramError } from '@evegram/protocol'
import type { Amount } from '../ledger/amount.js'
import type { AssetId } from '../ledger/ids.js'
import type { ChainAmount } from './amount.js'
import type { ChainHead, Final, Height } from './finality.js'
import type { Signer } from './signer.js'

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** A chain, as assets and transfer ids of the ledger name it: `solana`, `ton`, `terra`, `simulated`. */
export type ChainName = Branded<'ChainName'>
/** An address in the one form that its chain writes it, so that equal texts are equal addresses. Made by {@link ChainAdapter.parseAddress} and by adapters alone. */
export type ChainAddress = Branded<'ChainAddress'>
/** What a transaction is known by, fixed when it is signed: letters, digits, `_`, `.` and `-` (hashes in hex where the chain writes base64). */
export type ChainTxid = Branded<'ChainTxid'>

/** Transfers that one page may be asked for. It may hold more: a block is never cut. */
export const WATCH_TRANSFERS_MAX = 1_000
/** Outputs of one payment. A highload v3 wallet of TON sends 254 messages. */
export const PAYMENT_OUTPUTS_MAX = 254
/** Bytes of the memo of a payment: what Terra takes. */
export const PAYMENT_MEMO_BYTES_MAX = 256
/** Index of a transfer inside its transaction, at most. Above it the ledger has ids of its own (deposits that conflict). */
export const TRANSFER_INDEX_MAX = 999_999_999

const CHAIN_NAME = /^[a-z][a-z0-9]{0,15}$/
const TXID = /^[A-Za-z0-9_.-]{1,128}$/

/** Brands the name of a chain: 1 to 16 small letters and digits. Throws `invalid.argument`. */
export function parseChainName(text: string): ChainName {
  if (!CHAIN_NAME.test(text)) throw new EvegramError('invalid.argument', { operation: 'parse chain name' })
  return text as ChainName
}

/** Brands the id of a transaction. Throws `invalid.argument`. */
export function parseChainTxid(text: string): ChainTxid {
  if (!TXID.test(text)) throw new EvegramError('invalid.argument', { operation: 'parse transaction id' })
  return text as ChainTxid
}

/**
 * What one transaction did to the balance of one address of ours in one asset. It is the change of the balance as the chain recorded it, never what the
 * transaction says of itself: a failed one moved nothing but its fee, a tax or a transfer fee is off, an inner transfer is in.
 */
export interface ChainTransfer {
  readonly txid: ChainTxid
  /** Which of the changes of this transaction: the same from every source and on every reading, 0 to {@link TRANSFER_INDEX_MAX}. */
  readonly index: number
  readonly height: Height
  /** The address of ours. */
  readonly address: ChainAddress
  readonly direction: 'in' | 'out'
  readonly asset: AssetId
  /** How much the balance changed; never 0. */
  readonly amount: ChainAmount
  /** Of an `amount` that went out: how much of it the network kept for itself. */
  readonly fee: ChainAmount
  /** Who paid, where the chain tells it beyond doubt; never something to decide by, since anybody may pay through somebody else. */
  readonly from: ChainAddress | undefined
  /** Memo, comment or text of the transaction as it was written: bytes of a stranger, of any length that the chain takes. */
  readonly memo: Uint8Array | undefined
  /** Money of ours that came back (a bounced message of TON): the transaction that had sent it. */
  readonly returnOf: ChainTxid | undefined
}

/** A transfer in a block that may go away again: to be shown, never to be credited. */
export type ConfirmedTransfer = ChainTransfer
/** A transfer that stays. */
export type FinalTransfer = Final<ChainTransfer>

/** What to watch. */
export interface WatchRequest {
  /** Addresses of ours. Read by the caller after `upTo` was: an address that was given out later cannot have been paid before. */
  readonly addresses: ReadonlySet<ChainAddress>
  /** The cursor: everything up to and in this block was told before. */
  readonly after: Height
  /** No block behind this one. */
  readonly upTo: Height
  /** Transfers after which a page ends at the next border of blocks, 1 to {@link WATCH_TRANSFERS_MAX}. */
  readonly limit: number
}

/** Everything that moved at the addresses in the blocks (`after`, `through`]. `through` is the next cursor. */
export interface WatchPage {
  readonly through: Height
  /** In the order of blocks, in a block in the order of the chain. */
  readonly transfers: readonly FinalTransfer[]
}

/** A balance to be asked for. */
export interface BalanceRequest {
  readonly address: ChainAddress
  readonly asset: AssetId
  /** At the end of which block; undefined: of the newest final one. */
  readonly at?: Height | undefined
}

/** `unavailable`: this source does not keep what it was at that height, or has not got there. */
export type BalanceAnswer =
  | { readonly status: 'known'; readonly amount: ChainAmount; readonly height: Height }
  | { readonly status: 'unavailable' }

/** One recipient of a payment. */
export interface PaymentOutput {
  readonly to: ChainAddress
  readonly asset: AssetId
  /** What is to arrive, fees and taxes paid beside it; not 0. */
  readonly amount: Amount
}

/** A payment to be signed. */
export interface PaymentIntent {
  readonly outputs: readonly PaymentOutput[]
  readonly memo?: Uint8Array | undefined
  /** What the network and the tax may cost together at most, in the native asset: reserved by the caller before. */
  readonly feeMax: Amount
  /** What a tax that is paid in another asset may come to at most, likewise; nothing in assets that are not named. */
  readonly taxMax?: ReadonlyMap<AssetId, Amount> | undefined
  /** Payments of this signer whose end is not known yet: the new one must be able to land beside them (sequences, query ids). */
  readonly inFlight: readonly SignedPayment[]
}

/**
 * When a payment can land no more. `height`: in no block behind `lastHeight` (Solana: last valid block height; it counts blocks and not slots, so it is not to
 * be compared with a head). `time`: in no block whose time is behind `lastSecond` (TON: created_at and timeout). `sequence`: once the account used the number
 * for another transaction, or behind `lastHeight` (Terra).
 */
export type PaymentExpiry =
  | { readonly by: 'height'; readonly lastHeight: Height }
  | { readonly by: 'time'; readonly lastSecond: number }
  | { readonly by: 'sequence'; readonly sequence: number; readonly lastHeight: Height }

/** A payment that can be broadcast: to be stored before it is. The same bytes land once, however often they are broadcast. */
export interface SignedPayment {
  readonly chain: ChainName
  readonly txid: ChainTxid
  readonly from: ChainAddress
  readonly outputs: readonly PaymentOutput[]
  /** What it may cost at most: signed for, not more. */
  readonly feeMax: Amount
  /** Final height at signing: it is in no block up to this one. */
  readonly signedAt: Height
  readonly expiry: PaymentExpiry
  /** What goes out. Holds signatures, no key. */
  readonly bytes: Uint8Array
}

/**
 * What became of signing. `fee_exceeds_max`: today it costs `fee`, or a tax in another asset is above `taxMax`. `insufficient_funds`: as far as this source sees. `not_payable`: this chain does not pay that to
 * this recipient, as far as this source sees (too little for a new account of Solana, a token that cannot be moved, a memo that is no text). `problem` names no amount,
 * address or memo.
 */
export type SignAnswer =
  | { readonly status: 'signed'; readonly payment: SignedPayment }
  | { readonly status: 'fee_exceeds_max'; readonly fee: ChainAmount }
  | { readonly status: 'insufficient_funds'; readonly asset: AssetId }
  | { readonly status: 'not_payable'; readonly problem: string }

/**
 * What a source says to a broadcast. None of the answers proves anything: `accepted` may be lost, `refused` (this source would not take the bytes again) and
 * `unknown` (no answer, or one that is not understood) may land. Only {@link PaymentSighting} says what happened.
 */
export type BroadcastAnswer =
  | { readonly status: 'accepted' }
  | { readonly status: 'refused'; readonly reason: string }
  | { readonly status: 'unknown' }

/**
 * What became of one output. `received`: what arrived by balance change, which may be less than was meant (a tax on the recipient).
 * `bounced`: it came back. `not_sent`: a batch that went out without this one. `transaction_failed`: nothing moved but the fee.
 */
export type OutputOutcome =
  | { readonly status: 'paid'; readonly received: ChainAmount }
  | { readonly status: 'failed'; readonly reason: 'transaction_failed' | 'not_sent' | 'bounced' }

/** A tax that was paid in another asset than the native one. */
export interface TaxTaken {
  readonly asset: AssetId
  /** Not 0. */
  readonly amount: ChainAmount
}

/** How a payment ended, for good. */
export interface Settlement {
  readonly txid: ChainTxid
  readonly height: Height
  /** In the order of the outputs of the payment. */
  readonly outputs: readonly OutputOutcome[]
  /** What the network and the tax cost us, in the native asset, by balance change. */
  readonly fee: ChainAmount
  /** What a tax cost us beside the outputs in other assets, by balance change: each asset once, in the order of the outputs. */
  readonly taxes: readonly TaxTaken[]
}

/** That a payment is in no block and can get into none: at the final block `height` it was over. */
export interface Expiration {
  readonly txid: ChainTxid
  readonly height: Height
}

/** What a source knows of a payment. `unknown`: nothing yet, it may land at any time. `confirmed`: in a block that may go away again, or not at its end yet. */
export type PaymentSighting =
  | { readonly status: 'unknown' }
  | { readonly status: 'confirmed'; readonly height: Height }
  | { readonly status: 'final'; readonly settlement: Final<Settlement> }
  | { readonly status: 'expired'; readonly expiration: Final<Expiration> }

/**
 * One chain through one source (an RPC endpoint). All that an adapter says is what its source told it: a source may lag, lie, forget and lose. What a lie or
 * a lag can do is written at each method; who moves money asks two sources through `AgreedChain`.
 *
 * - Finality: only what the source calls final in the sense of its chain becomes {@link Final}. The adapter keeps the highest final height that it saw and
 *   never goes below it: a source that goes back behind it is refused (`unavailable.chain`).
 * - Duplicates: reading is repeatable. The same range gives the same transfers with the same `txid` and `index`, from every honest source and after every
 *   restart; cursors are heights of the chain, not of a source.
 * - State: an adapter keeps nothing that a restart may lose. What must survive (cursor, signed payments) is in the hands of the caller.
 * - Failure: no answer, half an answer or one that does not parse is `unavailable.chain`, never an empty page and never `expired`.
 * - Keys: only through {@link Signer}. No error, log line or answer holds a key.
 */
export interface ChainAdapter {
  readonly chain: ChainName
  /** What fees are paid in. */
  readonly nativeAsset: AssetId
  /** The address in the one form that is used here. Throws `invalid.address` for another chain, network or form, a wrong checksum, or one that nobody holds. */
  parseAddress(text: string): ChainAddress
  /** The address that `signer` pays from. Throws `invalid.argument` for another algorithm. */
  addressOf(signer: Signer): ChainAddress
  /** How far the chain is. A lagging source says less, a lying one may say more. Rejects `unavailable.chain`. */
  head(): Promise<ChainHead>
  /**
   * What moved at our addresses, in and out, in final blocks alone. Complete: what it leaves out inside (`after`, `through`] did not happen. `through` is
   * `after` when nothing new is final. A lagging source ends earlier; a lying one may hide, invent and alter. At least once: a caller that lost its cursor
   * gets the same again. Rejects `unavailable.chain`, also when the source no longer keeps the blocks behind `after`.
   */
  watch(request: WatchRequest): Promise<WatchPage>
  /** What moved at our addresses in blocks that are not final yet. Some of it may never become final. Rejects `unavailable.chain`. */
  confirmed(addresses: ReadonlySet<ChainAddress>): Promise<readonly ConfirmedTransfer[]>
  /** A balance at the end of a final block. A lying source may say anything. Rejects `unavailable.chain`. */
  balance(request: BalanceRequest): Promise<BalanceAnswer>
  /**
   * Signs a payment that pays exactly its outputs and nothing else, with an expiry. Asks the source for what it must know (a block hash, a sequence, a tax):
   * a lying source can make it land never or cost up to `feeMax`, not pay another. Each call makes another payment: the caller stores it before anything goes
   * out, and signs the same intent again only when the one before has proved `expired`. Throws `invalid.argument` for outputs that no chain pays (none, too
   * many, of nothing, of an asset of another chain). Rejects `unavailable.chain`.
   */
  sign(intent: PaymentIntent, signer: Signer): Promise<SignAnswer>
  /**
   * The latest end that this source gives the payment. What the bytes fix is read from them (TON, Terra); where a source had to be asked at signing (the
   * height of a block hash of Solana) each source answers for itself and never too early, so that one which lied then is found out by another. To be asked
   * right after signing. Rejects `unavailable.chain`, also for a payment that by what this source shows ends much later than one that is signed now, or builds
   * on what the source knows as used (a sequence): such a one might land never and be over never.
   */
  expiryOf(payment: SignedPayment): Promise<PaymentExpiry>
  /**
   * Hands the bytes to the source; safe at any time and any number of times. Never rejects for a failure of the source: that is `unknown`. Where payments have an
   * order (account numbers of Terra) one whose turn has not come is not kept by the source: it is to be broadcast again.
   */
  broadcast(payment: SignedPayment): Promise<BroadcastAnswer>
  /**
   * What became of a payment. `expired` only when the source shows the chain final behind the expiry and its records cover every block in which the payment
   * could have landed; a lying source may say so of one that landed. Rejects `unavailable.chain`.
   */
  lookUp(payment: SignedPayment): Promise<PaymentSighting>
  /** Ends what it has open. */
  close(): Promise<void>
}

/** Throws `invalid.argument` for an intent that no chain pays. `native` and the outputs must be of one chain. */
export function checkPaymentIntent(intent: PaymentIntent, native: AssetId): void {
  const refuse = (problem: string): never => { throw new EvegramError('invalid.argument', { operation: 'sign payment', details: { problem } }) }
  const chain = native.slice(0, native.indexOf('/') + 1)
  if (intent.outputs.length === 0) refuse('no outputs')
  if (intent.outputs.length > PAYMENT_OUTPUTS_MAX) refuse(`more than ${String(PAYMENT_OUTPUTS_MAX)} outputs`)
  if (intent.outputs.some(({ amount }) => amount === 0n)) refuse('an output of nothing')
  if (intent.outputs.some(({ asset }) => !asset.startsWith(chain))) refuse('an asset of another chain')
  if ((intent.memo?.length ?? 0) > PAYMENT_MEMO_BYTES_MAX) refuse(`a memo of more than ${String(PAYMENT_MEMO_BYTES_MAX)} bytes`)
}

/** Throws `invalid.argument` for a request that no adapter answers. */
export function checkWatchRequest({ after, upTo, limit }: WatchRequest): void {
  const isHeight = (height: Height): boolean => Number.isSafeInteger(height) && height >= 0
  if (!isHeight(after) || !isHeight(upTo) || !Number.isSafeInteger(limit) || limit < 1 || limit > WATCH_TRANSFERS_MAX) {
    throw new EvegramError('invalid.argument', { operation: 'watch addresses' })
  }
}
