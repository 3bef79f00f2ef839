import { EvegramError, hexOf } from '@evegram/protocol'
import type { AssetId } from '../ledger/ids.js'
import type {
  BalanceAnswer, BalanceRequest, BroadcastAnswer, ChainAdapter, ChainAddress, ChainName, FinalTransfer, PaymentExpiry, PaymentIntent, PaymentSighting, SignAnswer,
  SignedPayment, WatchRequest,
} from './chain-adapter.js'
import type { ChainHead, Height } from './finality.js'
import type { Signer } from './signer.js'

declare const agreedBrand: unique symbol

/** Facts that every configured source of the chain states alike. Money moves on nothing less; {@link AgreedChain} alone makes them. */
export type Agreed<Facts> = Facts & { readonly [agreedBrand]: true }
/** A final transfer that all sources tell. */
export type AgreedTransfer = Agreed<FinalTransfer>

/** Everything that all sources tell of the blocks (`after`, `through`]. */
export interface AgreedPage {
  readonly through: Height
  readonly transfers: readonly AgreedTransfer[]
}

/** What sources say differently. At least one of them lies, is broken or is on another chain. */
export interface Disagreement {
  readonly chain: ChainName
  readonly about: 'transfers' | 'balance' | 'payment'
  /** Names of two sources that differ. */
  readonly sources: readonly [string, string]
  /** What they differ on: the id of a transaction, or a height. */
  readonly subject: string
}

/** All sources say the same, or nothing may be done. */
export type Agreement<Value> =
  | { readonly status: 'agreed'; readonly value: Value }
  | { readonly status: 'disagreed'; readonly disagreement: Disagreement }

/** A source with the name that alarms call it by: no address of an endpoint, which may hold a key. */
export interface NamedSource {
  readonly name: string
  readonly adapter: ChainAdapter
}

/** Options of {@link AgreedChain}. */
export interface AgreedChainOptions {
  /** 1 to {@link SOURCES_MAX} of one chain. Each is asked every time. */
  readonly sources: readonly NamedSource[]
  /** Hears every disagreement. Must not throw. */
  readonly alarm: (disagreement: Disagreement) => void
}

/** Sources of one chain. */
export const SOURCES_MAX = 4
/** Blocks between the ends that two sources give one payment: above it one of them made up how far the chain is. */
const ENDS_APART_MAX = 1_000

/**
 * One chain through several sources that must agree before money moves.
 *
 * - A source that is behind makes everybody wait; a source that does not answer makes the call reject `unavailable.chain`. Neither is a disagreement.
 * - Sources that state different facts of one final block disagree: the answer says so, the alarm hears it, and nothing is decided by majority.
 * - With one source all is agreed: what it lies is believed.
 */
export class AgreedChain {
  readonly #first: NamedSource
  readonly #sources: readonly NamedSource[]
  readonly #alarm: (disagreement: Disagreement) => void

  /** Throws `invalid.config` for no source, too many, or sources of different chains. */
  constructor({ sources, alarm }: AgreedChainOptions) {
    const [first] = sources
    const areOne = sources.every(({ adapter }) => adapter.chain === first?.adapter.chain && adapter.nativeAsset === first.adapter.nativeAsset)
    if (first === undefined || sources.length > SOURCES_MAX || !areOne) throw new EvegramError('invalid.config', { operation: 'combine sources of a chain' })
    this.#first = first
    this.#sources = sources
    this.#alarm = alarm
  }

  /** The chain of all sources. */
  get chain(): ChainName {
    return this.#first.adapter.chain
  }

  /** What fees are paid in. */
  get nativeAsset(): AssetId {
    return this.#first.adapter.nativeAsset
  }

  /** As {@link ChainAdapter.parseAddress}: no source is asked. */
  parseAddress(text: string): ChainAddress {
    return this.#first.adapter.parseAddress(text)
  }

  /** As {@link ChainAdapter.addressOf}: no source is asked. */
  addressOf(signer: Signer): ChainAddress {
    return this.#first.adapter.addressOf(signer)
  }

  /** How far every source is at least. Rejects `unavailable.chain`. */
  async head(): Promise<ChainHead> {
    const heads = await this.#all((adapter) => adapter.head())
    return { latest: Math.min(...heads.map(({ latest }) => latest)), final: Math.min(...heads.map(({ final }) => final)) }
  }

  /** What all sources tell of the blocks that all of them have final. Rejects `unavailable.chain`. */
  async watch(request: WatchRequest): Promise<Agreement<AgreedPage>> {
    const pages = await this.#all((adapter) => adapter.watch(request))
    const through = Math.min(...pages.map((page) => page.through))
    const told = pages.map((page) => page.transfers.filter(({ height }) => height <= through))
    const transfers = told[0] ?? []
    for (const [index, others] of told.entries()) {
      const subject = firstDifference(transfers, others)
      if (subject !== undefined) return this.#disagreed('transfers', index, subject)
    }
    // Compared above: this is where the brand is given.
    return { status: 'agreed', value: { through, transfers: transfers.map((transfer) => transfer as AgreedTransfer) } }
  }

  /** A balance at one height, by default the newest that is final for all. Rejects `unavailable.chain`. */
  async balance(request: BalanceRequest): Promise<Agreement<BalanceAnswer>> {
    const at = request.at ?? (await this.head()).final
    const answers = await this.#all((adapter) => adapter.balance({ ...request, at }))
    const known = answers.flatMap((answer) => answer.status === 'known' ? [answer] : [])
    const [first] = known
    if (first === undefined || known.length < answers.length) return { status: 'agreed', value: { status: 'unavailable' } }
    const different = known.findIndex(({ amount, height }) => amount !== first.amount || height !== first.height)
    return different === -1 ? { status: 'agreed', value: first } : this.#disagreed('balance', different, String(at))
  }

  /**
   * Signs with what the first source knows. The payment gets the latest end and the earliest beginning that any source gives it, so that no single source can
   * make it seem over while it may still land, nor keep it open for long: each refuses an end that is far away for it. Rejects `unavailable.chain`: nothing was
   * signed that anybody else has seen.
   */
  async sign(intent: PaymentIntent, signer: Signer): Promise<SignAnswer> {
    const { final } = await this.head()
    const answer = await this.#first.adapter.sign(intent, signer)
    if (answer.status !== 'signed') return answer
    const { payment } = answer
    const expiries = [payment.expiry, ...await this.#all((adapter) => adapter.expiryOf(payment))]
    const ends = expiries.map(endAt)
    if (Math.max(...ends) - Math.min(...ends) > ENDS_APART_MAX) {
      throw new EvegramError('unavailable.chain', { operation: 'sign payment', details: { problem: 'sources give a payment ends that are far apart' } })
    }
    return { status: 'signed', payment: { ...payment, signedAt: Math.min(final, payment.signedAt), expiry: expiries.reduce(laterOf) } }
  }

  /** Hands the bytes to every source. `refused` when all of them do. Proves nothing, as {@link BroadcastAnswer} says. */
  async broadcast(payment: SignedPayment): Promise<BroadcastAnswer> {
    const answers = await this.#all((adapter) => adapter.broadcast(payment))
    const [first] = answers
    if (answers.some(({ status }) => status === 'accepted')) return { status: 'accepted' }
    return first?.status === 'refused' && answers.every(({ status }) => status === 'refused') ? first : { status: 'unknown' }
  }

  /**
   * What became of a payment. `final` and `expired` only when every source says so, and the same; until then `confirmed` when some source has it in a block,
   * else `unknown`. One that says paid and one that says expired disagree. Rejects `unavailable.chain`.
   */
  async lookUp(payment: SignedPayment): Promise<Agreement<PaymentSighting>> {
    const sightings = await this.#all((adapter) => adapter.lookUp(payment))
    const ends = sightings.map((sighting, index) => ({ sighting, index })).filter(({ sighting: { status } }) => status === 'final' || status === 'expired')
    const [end] = ends
    if (end !== undefined) {
      const other = ends.find(({ sighting }) => endOf(sighting) !== endOf(end.sighting))
      if (other !== undefined) return this.#disagreed('payment', other.index, payment.txid, end.index)
      if (ends.length === sightings.length) return { status: 'agreed', value: end.sighting }
    }
    return { status: 'agreed', value: sightings.reduce<PaymentSighting>(strongerOf, { status: 'unknown' }) }
  }

  /** Closes all sources. */
  async close(): Promise<void> {
    await this.#all((adapter) => adapter.close())
  }

  #all<Answer>(ask: (adapter: ChainAdapter) => Promise<Answer>): Promise<readonly Answer[]> {
    return Promise.all(this.#sources.map(({ adapter }) => ask(adapter)))
  }

  #disagreed(about: Disagreement['about'], index: number, subject: string, than = 0): { readonly status: 'disagreed'; readonly disagreement: Disagreement } {
    const nameOf = (source: number): string => this.#sources[source]?.name ?? String(source)
    const disagreement: Disagreement = { chain: this.chain, about, sources: [nameOf(than), nameOf(index)], subject }
    this.#alarm(disagreement)
    return { status: 'disagreed', disagreement }
  }
}

/** Every field of a transfer as text: sources that differ in any of them differ. */
function factsOf({ txid, index, height, address, direction, asset, amount, fee, from, memo, returnOf }: FinalTransfer): string {
  return JSON.stringify([
    txid, index, height, address, direction, asset, String(amount), String(fee), from ?? null, memo === undefined ? null : hexOf(memo), returnOf ?? null,
  ])
}

/** The transaction of the first transfer that one of them tells and the other does not, or tells otherwise. The order inside a block is the chain's: it counts. */
function firstDifference(left: readonly FinalTransfer[], right: readonly FinalTransfer[]): string | undefined {
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const [one, other] = [left[index], right[index]]
    if (one === undefined || other === undefined || factsOf(one) !== factsOf(other)) return (one ?? other)?.txid
  }
  return undefined
}

/** How a payment ended, as text. The height of an expiration is when a source looked: it may differ. */
function endOf(sighting: PaymentSighting): string {
  if (sighting.status !== 'final') return sighting.status
  const { txid, height, outputs, fee, taxes } = sighting.settlement
  return JSON.stringify([
    txid, height, String(fee), taxes.map(({ asset, amount }) => [asset, String(amount)]), outputs.map((output) => output.status === 'paid' ? ['paid', String(output.received)] : ['failed', output.reason]),
  ])
}

/** While sources are not equally far: that one of them has it in a block is worth telling, and no more than confirmed. */
function strongerOf(before: PaymentSighting, sighting: PaymentSighting): PaymentSighting {
  if (sighting.status === 'final') return { status: 'confirmed', height: sighting.settlement.height }
  return sighting.status === 'confirmed' ? sighting : before
}

/** The later of two ends of one payment. */
function laterOf(left: PaymentExpiry, right: PaymentExpiry): PaymentExpiry {
  return endAt(right) > endAt(left) ? right : left
}

/** The second or the height behind which a payment can land no more. */
function endAt(expiry: PaymentExpiry): number {
  return expiry.by === 'time' ? expiry.lastSecond : expiry.lastHeight
}
