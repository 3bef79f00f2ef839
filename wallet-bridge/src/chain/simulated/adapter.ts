import { EvegramError, type Random } from '@evegram/protocol'
import { amountOf } from '../../ledger/amount.js'
import type { AssetId } from '../../ledger/ids.js'
import { chainAmountOf } from '../amount.js'
import {
  checkPaymentIntent, checkWatchRequest,
  type BalanceAnswer, type BalanceRequest, type BroadcastAnswer, type ChainAdapter, type ChainAddress, type ChainName, type ChainTxid, type ConfirmedTransfer,
  type FinalTransfer, type OutputOutcome, type PaymentExpiry, type PaymentIntent, type PaymentSighting, type SignAnswer, type SignedPayment,
  type WatchPage, type WatchRequest,
} from '../chain-adapter.js'
import type { ChainHead, Height } from '../finality.js'
import { requireNearEnd } from '../require-near-end.js'
import { sealFinal } from '../seal-final.js'
import type { Signer } from '../signer.js'
import { parseSimulatedAddress, simulatedAddressOf } from './address.js'
import type { OutputRecord, SimulatedRecord } from './record.js'
import type { RpcStatus, SimulatedRpc } from './rpc.js'
import type { SimulatedRules } from './rules.js'
import { taxesIn } from './taxes.js'
import { NONCE_BYTES, openTransaction, sealTransaction, type Validity } from './transaction.js'
import { transfersOf } from './watch.js'

type KnownRules = Pick<SimulatedRules, 'chain' | 'nativeAsset' | 'validity' | 'validFor'>

/** Options of {@link SimulatedChainAdapter}. */
export interface SimulatedAdapterOptions {
  readonly rpc: SimulatedRpc
  /** What everybody knows of the chain, as from a specification. Fees and taxes are asked for. */
  readonly rules: KnownRules
  readonly random: Random
}

/** The simulated chain through one endpoint. */
export class SimulatedChainAdapter implements ChainAdapter {
  readonly #rpc: SimulatedRpc
  readonly #rules: KnownRules
  readonly #random: Random
  /** The highest final height that the endpoint showed. */
  #finalSeen: Height = 0

  constructor({ rpc, rules, random }: SimulatedAdapterOptions) {
    this.#rpc = rpc
    this.#rules = rules
    this.#random = random
  }

  get chain(): ChainName {
    return this.#rules.chain
  }

  get nativeAsset(): AssetId {
    return this.#rules.nativeAsset
  }

  parseAddress(text: string): ChainAddress {
    return parseSimulatedAddress(text)
  }

  addressOf(signer: Signer): ChainAddress {
    if (signer.algorithm !== 'ed25519') throw new EvegramError('invalid.argument', { operation: 'derive simulated address' })
    return simulatedAddressOf(signer.publicKey)
  }

  async head(): Promise<ChainHead> {
    const { latest, final } = await this.#status()
    return { latest, final }
  }

  async watch(request: WatchRequest): Promise<WatchPage> {
    checkWatchRequest(request)
    const head = await this.#status()
    const upTo = Math.min(request.upTo, head.final)
    if (upTo <= request.after) return { through: request.after, transfers: [] }
    const transfers: FinalTransfer[] = []
    let through = upTo
    for (const { height, record } of await this.#rpc.blocks(request.after, upTo)) {
      if (transfers.length >= request.limit && height !== transfers.at(-1)?.height) {
        through = height - 1
        break
      }
      transfers.push(...transfersOf(height, record, request.addresses, this.#rules).map((transfer) => sealFinal(transfer, head)))
    }
    return { through, transfers }
  }

  async confirmed(addresses: ReadonlySet<ChainAddress>): Promise<readonly ConfirmedTransfer[]> {
    const { final, latest } = await this.#status()
    const blocks = await this.#rpc.blocks(final, latest)
    return blocks.flatMap(({ height, record }) => transfersOf(height, record, addresses, this.#rules))
  }

  async balance({ address, asset, at }: BalanceRequest): Promise<BalanceAnswer> {
    const { final } = await this.#status()
    const height = at ?? final
    const amount = height > final ? undefined : await this.#rpc.balance(address, asset, height)
    return amount === undefined ? { status: 'unavailable' } : { status: 'known', amount: chainAmountOf(amount), height }
  }

  async sign(intent: PaymentIntent, signer: Signer): Promise<SignAnswer> {
    checkPaymentIntent(intent, this.nativeAsset)
    const from = this.addressOf(signer)
    const status = await this.#status()
    const cost = await this.#rpc.cost(intent.outputs)
    const native = cost.get(this.nativeAsset) ?? 0n
    const taxed = [...cost].filter(([asset]) => asset !== this.nativeAsset)
    if (native > intent.feeMax || taxed.some(([asset, tax]) => tax > (intent.taxMax?.get(asset) ?? 0n))) return { status: 'fee_exceeds_max', fee: chainAmountOf(native) }
    const fee = amountOf(native)
    const taxes = new Map(taxed.map(([asset, tax]) => [asset, amountOf(tax)]))
    const missing = await this.#missing(from, intent, cost, status)
    if (missing !== undefined) return { status: 'insufficient_funds', asset: missing }

    const validity = await this.#validity(from, intent.inFlight, status)
    const { chain } = this
    const { txid, bytes } = await sealTransaction(
      { chain, publicKey: signer.publicKey, nonce: this.#random.bytes(NONCE_BYTES), outputs: intent.outputs, memo: intent.memo, fee, taxes, validity }, signer,
    )
    const expiry = this.#expiryOf(validity, status)
    return { status: 'signed', payment: { chain, txid, from, outputs: intent.outputs, feeMax: fee, signedAt: status.final, expiry, bytes } }
  }

  async expiryOf(payment: SignedPayment): Promise<PaymentExpiry> {
    // Only read: whoever holds the payment signed it, and every endpoint verifies it when it is broadcast.
    const opened = openTransaction(payment.bytes, () => true)
    if (opened === undefined) throw new EvegramError('invalid.argument', { operation: 'read expiry of payment' })
    const status = await this.#status()
    const expiry = this.#expiryOf(opened.transaction.validity, status)
    const lifetime = this.#rules.validFor
    if (expiry.by === 'time') requireNearEnd({ end: expiry.lastSecond, newest: status.finalSecond, lifetime })
    if (expiry.by === 'sequence') requireNearEnd({ end: expiry.lastHeight, newest: status.latest, lifetime })
    return expiry
  }

  async broadcast(payment: SignedPayment): Promise<BroadcastAnswer> {
    try {
      return await this.#rpc.submit(payment.bytes)
    } catch (error) {
      if (error instanceof EvegramError && error.code === 'unavailable.chain') return { status: 'unknown' }
      throw error
    }
  }

  async lookUp(payment: SignedPayment): Promise<PaymentSighting> {
    // The head first: what is searched afterwards is at least as new, so that a payment which landed before its end is found.
    const status = await this.#status()
    const { found, after, through } = await this.#rpc.transaction(payment.txid)
    if (found !== undefined) return this.#sightingOf(payment, found, status)
    if (after > payment.signedAt || through < status.final) return { status: 'unknown' }
    return await this.#isOver(payment, status)
      ? { status: 'expired', expiration: sealFinal({ txid: payment.txid, height: status.final }, status) }
      : { status: 'unknown' }
  }

  async close(): Promise<void> {
    // Nothing is open: the chain is in this process.
  }

  async #status(): Promise<RpcStatus> {
    const status = await this.#rpc.status()
    if (status.final < this.#finalSeen || status.latest < status.final) {
      throw new EvegramError('unavailable.chain', { operation: 'ask for the head', details: { problem: 'final blocks went back' } })
    }
    this.#finalSeen = status.final
    return status
  }

  async #sightingOf(payment: SignedPayment, found: { readonly height: Height; readonly record: SimulatedRecord }, status: RpcStatus): Promise<PaymentSighting> {
    const confirmed: PaymentSighting = { status: 'confirmed', height: found.height }
    if (found.height > status.final) return confirmed
    let height = found.height
    for (const [index, output] of found.record.outputs.entries()) {
      if (output !== 'bounced') continue
      // Money that is on its way back is not at its end.
      const bounce = await this.#rpc.transaction(`${payment.txid}-bounce-${String(index)}` as ChainTxid)
      if (bounce.found === undefined || bounce.found.height > status.final) return confirmed
      height = Math.max(height, bounce.found.height)
    }
    const { txid } = payment
    const { outputs, fee } = found.record
    const taxes = [...taxesIn(found.record, this.#rules)].map(([asset, amount]) => ({ asset, amount: chainAmountOf(amount) }))
    return { status: 'final', settlement: sealFinal({ txid, height, outputs: outputs.map(outcomeOf), fee: chainAmountOf(fee), taxes }, status) }
  }

  async #isOver({ from, expiry }: SignedPayment, status: RpcStatus): Promise<boolean> {
    switch (expiry.by) {
      case 'height':
        return status.final > expiry.lastHeight
      case 'time':
        return status.finalSecond > expiry.lastSecond
      case 'sequence':
        return status.final > expiry.lastHeight || await this.#rpc.sequence(from, status.final) > expiry.sequence
    }
  }

  async #validity(from: ChainAddress, inFlight: readonly SignedPayment[], status: RpcStatus): Promise<Validity> {
    const { validity, validFor } = this.#rules
    switch (validity) {
      case 'reference':
        return { by: 'reference', hash: status.reference.hash }
      case 'second':
        return { by: 'second', lastSecond: status.finalSecond + validFor }
      case 'sequence': {
        const used = new Set(inFlight.map(({ expiry }) => expiry.by === 'sequence' ? expiry.sequence : undefined))
        // The first free number: one that a payment held which has expired must be filled again, or those behind it never land.
        let sequence = await this.#rpc.sequence(from, status.latest)
        while (used.has(sequence)) sequence++
        return { by: 'sequence', sequence, lastHeight: status.latest + validFor }
      }
    }
  }

  #expiryOf(validity: Validity, status: RpcStatus): PaymentExpiry {
    switch (validity.by) {
      case 'reference':
        // Whatever block the hash is of, this endpoint has seen it: it is not above the newest one.
        return { by: 'height', lastHeight: status.reference.height + this.#rules.validFor }
      case 'second':
        return { by: 'time', lastSecond: validity.lastSecond }
      case 'sequence':
        return { by: 'sequence', sequence: validity.sequence, lastHeight: validity.lastHeight }
    }
  }

  /** The first asset of which the payer has too little, as far as this endpoint says, with what is in flight taken off. */
  async #missing(from: ChainAddress, { outputs, inFlight }: PaymentIntent, cost: ReadonlyMap<AssetId, bigint>, { latest }: RpcStatus): Promise<AssetId | undefined> {
    const needed = new Map([...cost, [this.nativeAsset, inFlight.reduce<bigint>((sum, { feeMax }) => sum + feeMax, cost.get(this.nativeAsset) ?? 0n)]])
    for (const { asset, amount } of [...outputs, ...inFlight.flatMap((payment) => payment.outputs)]) needed.set(asset, (needed.get(asset) ?? 0n) + amount)
    for (const [asset, amount] of needed) if ((await this.#rpc.balance(from, asset, latest) ?? 0n) < amount) return asset
    return undefined
  }
}

function outcomeOf(output: OutputRecord): OutputOutcome {
  return typeof output === 'string' ? { status: 'failed', reason: output } : { status: 'paid', received: chainAmountOf(output.received) }
}
