import { beginCell, external, storeMessage } from '@ton/core'
import { EvegramError, type Random } from '@evegram/protocol'
import { amountOf } from '../../ledger/amount.js'
import type { AssetId } from '../../ledger/ids.js'
import { chainAmountOf } from '../amount.js'
import {
  checkPaymentIntent, checkWatchRequest, parseChainTxid,
  type BalanceAnswer, type BalanceRequest, type BroadcastAnswer, type ChainAdapter, type ChainAddress, type ChainName, type ConfirmedTransfer, type FinalTransfer,
  type PaymentExpiry, type PaymentIntent, type PaymentSighting, type SignAnswer, type SignedPayment, type WatchPage, type WatchRequest,
} from '../chain-adapter.js'
import { requireEd25519, signWithEd25519 } from '../ed25519-signature.js'
import type { ChainHead, Height } from '../finality.js'
import { requireNearEnd } from '../require-near-end.js'
import { sealFinal } from '../seal-final.js'
import type { Signer } from '../signer.js'
import { accountOf, masterOfAsset, parseTonAddress, TON, tonAddressOf, TONCOIN, tonJetton } from './address.js'
import { HIGHLOAD_TIMEOUT_SECONDS, HIGHLOAD_TIMEOUT_SECONDS_MAX, highloadBody, highloadRequest, highloadWallet, lastSecondOf, QUERY_IDS, type HighloadWallet } from './highload-wallet.js'
import { isProcessed } from './is-processed.js'
import { JettonWallets } from './jetton-wallets.js'
import { MessageEnds } from './message-ends.js'
import { PAYMENT_SEARCH_MAX } from './payment-search.js'
import { PaymentSightings } from './payment-sightings.js'
import { preparePayment } from './prepare-payment.js'
import { readBlocks } from './read-blocks.js'
import { TonRpc, type AccountFacts, type TonRpcOptions } from './rpc.js'
import { requestOf } from './settle.js'
import { wrong } from './wrong.js'
import { externalHash } from './transaction.js'
import { transfersOf, type Watched, type WatchSource } from './watch.js'

/** Options of {@link TonChainAdapter}. */
export interface TonAdapterOptions extends TonRpcOptions {
  readonly random: Random
  /** Masters of the jettons that are watched, as text; one that is not named is not seen. None when left out. */
  readonly jettons?: readonly string[] | undefined
  /** Blocks of the masterchain on top of one that make it final, {@link FINAL_AFTER} when left out. */
  readonly finalAfter?: number | undefined
  /** Seconds in which a signed payment may land, 4 or more, {@link HIGHLOAD_TIMEOUT_SECONDS} when left out. Part of the address that a signer pays from. */
  readonly timeoutSeconds?: number | undefined
  /** Transactions of a wallet that one look for a payment reads, {@link PAYMENT_SEARCH_MAX} when left out; the next look goes on from there. */
  readonly searchMax?: number | undefined
}

/** Blocks of the masterchain that one page looks at. */
export const WATCH_BLOCKS_MAX = 64
/** Jettons that are watched. */
export const JETTONS_MAX = 32
/** A block of the masterchain is final by itself; these protect against an endpoint that calls one so too early. */
export const FINAL_AFTER = 3

/** The wallet refuses a payment that was made in the future, and shards are not equally far: so much earlier it is said to be made, or a part of the timeout. */
const CREATED_BEFORE_SECONDS = 30
const CREATED_BEFORE_PART = 4
const QUERY_ATTEMPTS_MAX = 8

/**
 * TON through one endpoint of toncenter v2: TON and jettons (TEP-74), in the base workchain.
 *
 * Heights are blocks of the masterchain. What moved is read from whole blocks of the shards that they take in, by the change of balances: of an address, and of the
 * jetton wallets that the masters name for it. What a message says of itself (a notification, a comment) moves nothing. A transaction that began by a signature is
 * known by the message that was signed, every other one by its own hash. Payments go out through highload wallet v3 of the signer's key.
 */
export class TonChainAdapter implements ChainAdapter {
  readonly chain: ChainName = TON
  readonly nativeAsset: AssetId = TONCOIN
  readonly #rpc: TonRpc
  readonly #random: Random
  readonly #jettons: readonly AssetId[]
  readonly #wallets: JettonWallets
  readonly #source: WatchSource
  readonly #sightings: PaymentSightings
  readonly #finalAfter: number
  readonly #timeoutSeconds: number
  /** The highest final block that the endpoint showed. */
  #finalSeen: Height = 0

  /** Throws `invalid.config`, and `invalid.address` for a master that is none. */
  constructor({ random, jettons = [], finalAfter = FINAL_AFTER, timeoutSeconds = HIGHLOAD_TIMEOUT_SECONDS, searchMax = PAYMENT_SEARCH_MAX, ...rpc }: TonAdapterOptions) {
    const isTimeout = Number.isInteger(timeoutSeconds) && timeoutSeconds >= CREATED_BEFORE_PART && timeoutSeconds <= HIGHLOAD_TIMEOUT_SECONDS_MAX
    if (jettons.length > JETTONS_MAX || !Number.isInteger(finalAfter) || finalAfter < 0 || !isTimeout || !Number.isInteger(searchMax) || searchMax < 1) throw new EvegramError('invalid.config', { operation: 'configure TON' })
    this.#rpc = new TonRpc(rpc)
    this.#random = random
    this.#jettons = jettons.map(tonJetton)
    this.#wallets = new JettonWallets(this.#rpc)
    this.#source = { rpc: this.#rpc, ends: new MessageEnds(this.#rpc), jettons: this.#wallets }
    this.#sightings = new PaymentSightings({ rpc: this.#rpc, source: this.#source, searchMax })
    this.#finalAfter = finalAfter
    this.#timeoutSeconds = timeoutSeconds
  }

  parseAddress(text: string): ChainAddress {
    return parseTonAddress(text)
  }

  addressOf(signer: Signer): ChainAddress {
    return tonAddressOf(this.#walletOf(signer).address)
  }

  async head(): Promise<ChainHead> {
    const latest = await this.#rpc.newest()
    if (latest < this.#finalSeen) throw wrong('final blocks went back')
    // Where the newest blocks went away again, what was final before still is.
    this.#finalSeen = Math.max(this.#finalSeen, latest - this.#finalAfter)
    return { latest, final: this.#finalSeen }
  }

  async watch(request: WatchRequest): Promise<WatchPage> {
    checkWatchRequest(request)
    const { final } = await this.head()
    const upTo = Math.min(request.upTo, final, request.after + WATCH_BLOCKS_MAX)
    if (upTo <= request.after) return { through: request.after, transfers: [] }
    const watched = await this.#watched(request.addresses, final)
    const transfers: FinalTransfer[] = []
    for (const block of await readBlocks(this.#rpc, request.after, upTo)) {
      if (transfers.length >= request.limit) return { through: block.seqno - 1, transfers }
      const told = await transfersOf(this.#source, block, watched)
      transfers.push(...told.map((transfer) => sealFinal(transfer, { final })))
    }
    return { through: upTo, transfers }
  }

  async confirmed(addresses: ReadonlySet<ChainAddress>): Promise<readonly ConfirmedTransfer[]> {
    const { final, latest } = await this.head()
    const watched = await this.#watched(addresses, final)
    const told: ConfirmedTransfer[] = []
    for (const block of await readBlocks(this.#rpc, final, latest)) told.push(...await transfersOf(this.#source, block, watched))
    return told
  }

  /** As the port says; of the past as far back as the endpoint keeps states. */
  async balance({ address, asset, at }: BalanceRequest): Promise<BalanceAnswer> {
    const { final } = await this.head()
    const height = at ?? final
    if (height > final) return { status: 'unavailable' }
    const amount = asset === TONCOIN
      ? (await this.#rpc.account(accountOf(address), height))?.balance : await this.#wallets.balance(await this.#wallets.wallet(address, asset, final), height)
    return amount === undefined ? { status: 'unavailable' } : { status: 'known', amount: chainAmountOf(amount), height }
  }

  async sign(intent: PaymentIntent, signer: Signer): Promise<SignAnswer> {
    checkPaymentIntent(intent, TONCOIN)
    for (const { asset } of intent.outputs) masterOfAsset(asset)
    const wallet = this.#walletOf(signer)
    const from = tonAddressOf(wallet.address)
    const { latest, final: signedAt } = await this.head()
    const prepared = await preparePayment(intent, { from, wallet, wallets: this.#wallets, latest, final: signedAt })
    const { cost, jettons, message } = prepared
    if (cost > intent.feeMax) return { status: 'fee_exceeds_max', fee: chainAmountOf(cost) }
    const state = await this.#account(from, latest)
    const leaving = [...intent.outputs, ...intent.inFlight.flatMap(({ outputs }) => outputs)]
    const needed = (asset: AssetId): bigint => leaving.reduce<bigint>((sum, output) => output.asset === asset ? sum + output.amount : sum, 0n)
    if (state.balance < intent.inFlight.reduce<bigint>((sum, { feeMax }) => sum + feeMax, needed(TONCOIN) + cost)) return { status: 'insufficient_funds', asset: TONCOIN }
    const missing = jettons.find(({ asset, available }) => available < needed(asset))
    if (missing !== undefined) return { status: 'insufficient_funds', asset: missing.asset }

    const createdAt = state.seconds - secondsBefore(this.#timeoutSeconds)
    const request = highloadRequest(wallet, message, { queryId: await this.#newQuery(wallet, state, intent.inFlight, latest), createdAt })
    const signature = await signWithEd25519(request.hash(), signer)
    const outer = external({ to: wallet.address, body: highloadBody(request, signature), ...(state.isActive ? {} : { init: wallet.init }) })
    const payment: SignedPayment = {
      chain: TON, txid: parseChainTxid(externalHash(outer)), from, outputs: intent.outputs, feeMax: amountOf(cost), signedAt,
      expiry: { by: 'time', lastSecond: lastSecondOf(createdAt, wallet.timeoutSeconds) },
      bytes: new Uint8Array(beginCell().store(storeMessage(outer, { forceRef: true })).endCell().toBoc()),
    }
    return { status: 'signed', payment }
  }

  async expiryOf(payment: SignedPayment): Promise<PaymentExpiry> {
    const { createdAt, timeoutSeconds } = requestOf(payment)
    const lastSecond = lastSecondOf(createdAt, timeoutSeconds)
    const { latest } = await this.head()
    requireNearEnd({ end: lastSecond, newest: (await this.#account(payment.from, latest)).seconds, lifetime: this.#timeoutSeconds })
    return { by: 'time', lastSecond }
  }

  broadcast(payment: SignedPayment): Promise<BroadcastAnswer> {
    return this.#rpc.send(payment.bytes)
  }

  async lookUp(payment: SignedPayment): Promise<PaymentSighting> {
    return this.#sightings.of(payment, await this.head())
  }

  async close(): Promise<void> {
    // Nothing is open: each request is one of its own.
  }

  #walletOf(signer: Signer): HighloadWallet {
    requireEd25519(signer)
    return highloadWallet(signer.publicKey, this.#timeoutSeconds)
  }

  async #watched(addresses: ReadonlySet<ChainAddress>, final: Height): Promise<Watched> {
    return {
      addresses: new Map([...addresses].map((address) => [accountOf(address).toRawString(), address])),
      wallets: await this.#wallets.of(addresses, this.#jettons, final),
    }
  }

  async #account(address: ChainAddress, seqno: Height): Promise<AccountFacts> {
    const account = await this.#rpc.account(accountOf(address), seqno)
    if (account === undefined) throw wrong('an account is not known')
    return account
  }

  /** A query id that the wallet has not used within two timeouts, as far as this endpoint says: one that it has used makes a payment that never lands. */
  async #newQuery(wallet: HighloadWallet, state: AccountFacts, inFlight: readonly SignedPayment[], latest: Height): Promise<number> {
    const taken = new Set(inFlight.map((payment) => requestOf(payment).queryId))
    for (let attempt = 0; attempt < QUERY_ATTEMPTS_MAX; attempt++) {
      const queryId = Buffer.from(this.#random.bytes(4)).readUInt32BE() % QUERY_IDS
      if (!taken.has(queryId) && !(state.isActive && await this.#hasUsed(wallet, queryId, latest))) return queryId
    }
    throw wrong('no query id is free')
  }

  async #hasUsed(wallet: HighloadWallet, queryId: number, latest: Height): Promise<boolean> {
    const answer = await isProcessed(this.#rpc, wallet.address, queryId, latest)
    if (answer === undefined) throw wrong('a wallet that does not say what it has done')
    return answer
  }
}

function secondsBefore(timeoutSeconds: number): number {
  return Math.min(CREATED_BEFORE_SECONDS, Math.floor(timeoutSeconds / CREATED_BEFORE_PART))
}

/** Seconds of the chain in which a payment can land that is signed now, by a wallet with this timeout. */
export function validSecondsOf(timeoutSeconds: number): number {
  return lastSecondOf(0, timeoutSeconds) - secondsBefore(timeoutSeconds)
}
