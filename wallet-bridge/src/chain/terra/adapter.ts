import { Tx } from '@terra-money/terra.js'
import { EvegramError, type Random } from '@evegram/protocol'
import { amountOf } from '../../ledger/amount.js'
import { assetIdOf, type AssetId } from '../../ledger/ids.js'
import { chainAmountOf, type ChainAmount } from '../amount.js'
import {
  checkPaymentIntent, checkWatchRequest, parseChainTxid,
  type BalanceAnswer, type BalanceRequest, type BroadcastAnswer, type ChainAdapter, type ChainAddress, type ChainName, type ConfirmedTransfer, type FinalTransfer,
  type OutputOutcome, type PaymentExpiry, type PaymentIntent, type PaymentSighting, type SignAnswer, type SignedPayment, type WatchPage, type WatchRequest,
} from '../chain-adapter.js'
import type { ChainHead, Height } from '../finality.js'
import { requireNearEnd } from '../require-near-end.js'
import { sealFinal } from '../seal-final.js'
import type { Signer } from '../signer.js'
import { LUNA, parseTerraAddress, TERRA, terraAddressBytes, terraAddressOf, terraAssetOf } from './address.js'
import { movesOf } from './events.js'
import { TERRA_GAS_PRICES } from './gas-price.js'
import { bodyOf, costOf, freeSequence, memoText, neededOf, type PaymentCost } from './prepare-payment.js'
import { readBlocks, readTransactions } from './read-blocks.js'
import { TerraRpc, type BlockFacts, type TerraRpcOptions, type TransactionFacts } from './rpc.js'
import { requireSecp256k1, sealTerraTransaction } from './signer.js'
import { readTaxTerms, type TaxTerms } from './tax-terms.js'
import { deltaOf, transfersOf } from './watch.js'

/** Options of {@link TerraChainAdapter}. */
export interface TerraAdapterOptions extends TerraRpcOptions {
  readonly random: Random
  /** CW20 contracts whose word is taken for what they moved. */
  readonly tokens?: readonly string[] | undefined
  /** Offered for a unit of gas, in millionths of uluna: 28,325,000 (the least that the network takes) when left out. */
  readonly gasPrice?: bigint | undefined
  /** Blocks in which a payment may land, 1 to 10,000: 100, about ten minutes, when left out. */
  readonly timeoutBlocks?: number | undefined
}

/** Blocks that one page looks at. */
export const WATCH_BLOCKS_MAX = 64
const TIMEOUT_BLOCKS = 100
const TIMEOUT_BLOCKS_MAX = 10_000
const NO_TOKENS = 'CW20 tokens, which a node of 0.5 does not have as they are today'

/**
 * Terra Classic through one endpoint: coins of the bank (uluna, uusd) and CW20 tokens of known contracts.
 *
 * Blocks of Tendermint stay, but what is in a block is told here once the next one names it, since that one carries the votes for it and the hash of its results: so
 * the newest block is confirmed and the one below it final. What moved is read from the records of the bank and of known contracts, never from messages: the
 * burn tax may have been taken from the recipient. A payment pays the tax beside what it sends, each coin in itself, as it is at signing; rises it before it
 * lands, the recipient gets less, which the settlement tells. Which tax it is, today's or that of 2022, the node says itself; one that says neither signs nothing.
 */
export class TerraChainAdapter implements ChainAdapter {
  readonly chain: ChainName = TERRA
  readonly nativeAsset: AssetId = LUNA
  readonly #rpc: TerraRpc
  readonly #random: Random
  readonly #tokens: ReadonlySet<string>
  readonly #gasPrice: bigint
  readonly #timeoutBlocks: number
  /** The highest final height that the endpoint showed. */
  #finalSeen: Height = 0
  /** Whether the endpoint showed that its contracts are those of today; not asked while none is configured. */
  #hasTokens = false

  /** Throws `invalid.config`. */
  constructor({ random, tokens = [], gasPrice = TERRA_GAS_PRICES.uluna, timeoutBlocks = TIMEOUT_BLOCKS, ...rpc }: TerraAdapterOptions) {
    const isBlocks = Number.isSafeInteger(timeoutBlocks) && timeoutBlocks >= 1 && timeoutBlocks <= TIMEOUT_BLOCKS_MAX
    if (gasPrice < 0n || !isBlocks || tokens.some((token) => terraAddressBytes(token) === undefined)) {
      throw new EvegramError('invalid.config', { operation: 'configure Terra endpoint' })
    }
    this.#rpc = new TerraRpc(rpc)
    this.#random = random
    this.#tokens = new Set(tokens)
    this.#gasPrice = gasPrice
    this.#timeoutBlocks = timeoutBlocks
  }

  parseAddress(text: string): ChainAddress {
    return parseTerraAddress(text)
  }

  addressOf(signer: Signer): ChainAddress {
    requireSecp256k1(signer)
    return terraAddressOf(signer.publicKey)
  }

  async head(): Promise<ChainHead> {
    await this.#requireTokens()
    const { height: latest } = await this.#rpc.latest()
    const final = Math.max(0, latest - 1)
    if (final < this.#finalSeen) throw wrong('final blocks went back')
    this.#finalSeen = final
    return { latest, final }
  }

  async watch(request: WatchRequest): Promise<WatchPage> {
    checkWatchRequest(request)
    const head = await this.head()
    const upTo = Math.min(request.upTo, head.final, request.after + WATCH_BLOCKS_MAX)
    if (upTo <= request.after) return { through: request.after, transfers: [] }
    const transfers: FinalTransfer[] = []
    for (const block of await readBlocks(this.#rpc, request.after, upTo)) {
      if (transfers.length >= request.limit) return { through: block.height - 1, transfers }
      transfers.push(...(await this.#transfersOf(block, request.addresses)).map((transfer) => sealFinal(transfer, head)))
    }
    return { through: upTo, transfers }
  }

  async confirmed(addresses: ReadonlySet<ChainAddress>): Promise<readonly ConfirmedTransfer[]> {
    await this.head()
    return this.#transfersOf(await this.#rpc.latest(), addresses)
  }

  async balance({ address, asset, at }: BalanceRequest): Promise<BalanceAnswer> {
    const { final } = await this.head()
    const height = at ?? final
    if (height > final) return { status: 'unavailable' }
    const amount = await this.#held(address, asset, height)
    return amount === undefined ? { status: 'unavailable' } : { status: 'known', amount: chainAmountOf(amount), height }
  }

  async sign(intent: PaymentIntent, signer: Signer): Promise<SignAnswer> {
    checkPaymentIntent(intent, LUNA)
    const from = this.addressOf(signer)
    const memo = memoText(intent.memo ?? new Uint8Array(0))
    if (memo === undefined) return { status: 'not_payable', problem: 'a memo that is no text' }
    const { latest, final } = await this.head()
    const assets = intent.outputs.map(({ asset }) => terraAssetOf(asset))
    const terms = await readTaxTerms(this.#rpc, assets.filter(({ kind }) => kind === 'coin').map(({ name }) => name))
    if (terms.kind === 'stability' && assets.some(({ kind }) => kind === 'token')) return { status: 'not_payable', problem: NO_TOKENS }
    const cost = costOf(intent.outputs, { gasPrice: this.#gasPrice, terms, random: this.#random })
    const isTaxTooHigh = [...cost.fee].some(([denom, tax]) => denom !== 'uluna' && tax > 0n && tax > (intent.taxMax?.get(assetIdOf(TERRA, denom)) ?? 0n))
    if (cost.native > intent.feeMax || isTaxTooHigh) return { status: 'fee_exceeds_max', fee: chainAmountOf(cost.native) }
    const missing = await this.#missing(from, intent, cost, terms)
    if (missing !== undefined) return { status: 'insufficient_funds', asset: missing }
    const account = await this.#rpc.account(from)
    if (account === undefined) throw wrong('an account that has money and is not there')
    const [sequence, lastHeight] = [freeSequence(account.sequence, intent.inFlight, from), latest + this.#timeoutBlocks]
    const signing = { chainId: this.#rpc.chainId, accountNumber: account.number, sequence, gas: cost.gas, fee: cost.fee }
    const { txid, bytes } = await sealTerraTransaction(bodyOf(intent.outputs, memo, from, lastHeight), signing, signer)
    const payment: SignedPayment = {
      chain: TERRA, txid: parseChainTxid(txid), from, outputs: intent.outputs, feeMax: amountOf(cost.native), signedAt: final,
      expiry: { by: 'sequence', sequence, lastHeight }, bytes,
    }
    return { status: 'signed', payment }
  }

  async expiryOf(payment: SignedPayment): Promise<PaymentExpiry> {
    const expiry = expiryIn(payment)
    requireNearEnd({ end: expiry.lastHeight, newest: (await this.head()).latest, lifetime: this.#timeoutBlocks })
    const account = await this.#rpc.account(payment.from)
    if (account === undefined || account.sequence > expiry.sequence) throw wrong('a number that was used, or of an account that is not known')
    return expiry
  }

  broadcast(payment: SignedPayment): Promise<BroadcastAnswer> {
    return this.#rpc.send(payment.bytes)
  }

  async lookUp(payment: SignedPayment): Promise<PaymentSighting> {
    const { expiry, txid } = payment
    if (expiry.by !== 'sequence') throw new EvegramError('invalid.argument', { operation: 'look payment up' })
    // The head first: what is asked afterwards is at least as new, so that a payment which landed before its end is found.
    const { final } = await this.head()
    const facts = await this.#rpc.transaction(txid)
    if (facts !== undefined && (!facts.failed || isAdmitted(facts, payment, expiry.sequence))) {
      return facts.height <= final ? this.#settled(payment, facts, final) : { status: 'confirmed', height: facts.height }
    }
    if (!await this.#isOver(payment.from, expiry, final)) return { status: 'unknown' }
    // The index of a node is kept apart from its blocks: those are searched too. One that was in a block without being admitted did nothing there.
    const last = Math.min(final, expiry.lastHeight)
    const blocks = await readBlocks(this.#rpc, Math.min(payment.signedAt, last), last)
    const seen = blocks.findLast(({ txids }) => txids.includes(txid))
    if (seen !== undefined && (facts === undefined || facts.height < seen.height)) return { status: 'unknown' }
    return { status: 'expired', expiration: sealFinal({ txid, height: final }, { final }) }
  }

  async close(): Promise<void> {
    // Nothing is open: each request is one of its own.
  }

  /** The contracts of an old node speak in another way: what they moved would be missed. */
  async #requireTokens(): Promise<void> {
    if (this.#tokens.size === 0 || this.#hasTokens) return
    if ((await readTaxTerms(this.#rpc, [])).kind === 'stability') throw wrong(NO_TOKENS)
    this.#hasTokens = true
  }

  /** Whether no block behind `final` can hold the payment: its last one has passed, or its number was used. */
  async #isOver(from: ChainAddress, { sequence, lastHeight }: Extract<PaymentExpiry, { readonly by: 'sequence' }>, final: Height): Promise<boolean> {
    if (final >= lastHeight) return true
    const account = await this.#rpc.account(from, final)
    return account !== undefined && account.sequence > sequence
  }

  async #transfersOf(block: BlockFacts, addresses: ReadonlySet<ChainAddress>): Promise<readonly ConfirmedTransfer[]> {
    const transactions = await readTransactions(this.#rpc, block)
    return transactions.flatMap((facts) => transfersOf(facts, addresses, this.#tokens))
  }

  #held(address: ChainAddress, asset: AssetId, height?: Height): Promise<bigint | undefined> {
    const { kind, name } = terraAssetOf(asset)
    return kind === 'coin' ? this.#rpc.coins(address, name, height) : this.#rpc.tokens(address, name, height)
  }

  /** The first asset of which the payer has too little, as far as this endpoint says, with what is in flight taken off. */
  async #missing(from: ChainAddress, intent: PaymentIntent, cost: PaymentCost, terms: TaxTerms): Promise<AssetId | undefined> {
    for (const asset of new Set([LUNA, ...intent.outputs.map((output) => output.asset)])) {
      if ((await this.#held(from, asset) ?? 0n) < neededOf(asset, intent, cost, terms)) return asset
    }
    return undefined
  }

  #settled(payment: SignedPayment, facts: TransactionFacts, final: Height): PaymentSighting {
    const { txid, outputs } = payment
    const coins = new Set(outputs.map(({ asset }) => asset).filter((asset) => asset !== LUNA && terraAssetOf(asset).kind === 'coin'))
    const taxes = [...coins].map((asset) => ({ asset, amount: this.#costIn(asset, payment, facts) })).filter(({ amount }) => amount > 0n)
    const settlement = { txid, height: facts.height, outputs: outcomesOf(payment, facts), fee: this.#costIn(LUNA, payment, facts), taxes }
    return { status: 'final', settlement: sealFinal(settlement, { final }) }
  }

  /** What left us of a coin beside what was sent: fee and tax, by balance change. */
  #costIn(asset: AssetId, { from, outputs }: SignedPayment, facts: TransactionFacts): ChainAmount {
    const sent = outputs.reduce<bigint>((sum, output) => output.asset === asset && output.to !== from ? sum + output.amount : sum, 0n)
    const cost = -deltaOf(facts, from, asset, this.#tokens) - (facts.failed ? 0n : sent)
    if (cost < 0n) throw wrong('a transaction that is not the payment')
    return chainAmountOf(cost)
  }
}

/** What arrived of each output, by the records of its own message. */
function outcomesOf({ outputs }: SignedPayment, { failed, logs }: TransactionFacts): readonly OutputOutcome[] {
  if (failed) return outputs.map(() => ({ status: 'failed', reason: 'transaction_failed' }))
  if (logs.length !== outputs.length) throw wrong('a transaction without the records of its messages')
  return outputs.map(({ to, asset }, index): OutputOutcome => {
    const { kind, name } = terraAssetOf(asset)
    const moves = movesOf(logs[index] ?? [])
    if (moves === undefined) throw wrong('events that cannot be read')
    const arrived = moves.filter((move) => move.holder === to && move.kind === kind && move.name === name && move.delta > 0n)
    return { status: 'paid', received: chainAmountOf(arrived.reduce((sum, { delta }) => sum + delta, 0n)) }
  })
}

/** Whether a failed transaction used its number up. One that could not even pay its fee is in a block and may yet land in another. */
function isAdmitted({ events }: TransactionFacts, { from }: SignedPayment, sequence: number): boolean {
  return events.some(({ type, attributes }) => type === 'tx' && attributes.some(({ key, value }) => key === 'acc_seq' && value === `${from}/${String(sequence)}`))
}

/** The end of a payment as its bytes fix it. */
function expiryIn({ bytes }: SignedPayment): Extract<PaymentExpiry, { readonly by: 'sequence' }> {
  try {
    const { body, auth_info: information } = Tx.fromBuffer(Buffer.from(bytes), true)
    const [lastHeight, sequence] = [body.timeout_height ?? 0, information.signer_infos[0]?.sequence]
    if (lastHeight === 0 || sequence === undefined) throw new Error('no end')
    return { by: 'sequence', sequence, lastHeight }
  } catch (cause) {
    throw new EvegramError('invalid.argument', { operation: 'read expiry of payment', cause })
  }
}

function wrong(problem: string): EvegramError {
  return new EvegramError('unavailable.chain', { operation: 'ask a Terra endpoint', details: { problem } })
}
