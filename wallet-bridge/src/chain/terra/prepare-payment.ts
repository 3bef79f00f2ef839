import { Coin, MsgExecuteContract, MsgSend, TxBody, type Msg } from '@terra-money/terra.js'
import { EvegramError, type Random } from '@evegram/protocol'
import type { ChainAddress, PaymentIntent, PaymentOutput, SignedPayment } from '../chain-adapter.js'
import { LUNA, terraAssetOf } from './address.js'
import { ceilShare } from './share.js'
import { taxOf, type TaxTerms } from './tax-terms.js'

/** Gas that is signed for: half as much again as today's network was seen to take. */
const GAS_PER_PAYMENT = 120_000
const GAS_PER_SEND = 120_000
const GAS_PER_TOKEN_TRANSFER = 350_000
/** Two payments alike must differ, or one would be taken for the other: by up to this much gas. */
const GAS_SPREAD = 4_096

/** What a payment costs. */
export interface PaymentCost {
  readonly gas: number
  /** Fee and tax together, by denomination. */
  readonly fee: ReadonlyMap<string, bigint>
  /** Of that, in the native asset. */
  readonly native: bigint
}

/** What the outputs cost at a gas price (millionths of uluna) and what the network takes of each. */
export function costOf(outputs: readonly PaymentOutput[], { gasPrice, terms, random }: { readonly gasPrice: bigint; readonly terms: TaxTerms; readonly random: Random }): PaymentCost {
  const [high = 0, low = 0] = random.bytes(2)
  const gas = outputs.reduce((sum, { asset }) => sum + (terraAssetOf(asset).kind === 'coin' ? GAS_PER_SEND : GAS_PER_TOKEN_TRANSFER), GAS_PER_PAYMENT) + (high * 256 + low) % GAS_SPREAD
  const fee = new Map([['uluna', ceilShare(BigInt(gas), gasPrice, 1_000_000n)]])
  for (const { asset, amount } of outputs) {
    const { kind, name } = terraAssetOf(asset)
    if (kind === 'coin') fee.set(name, (fee.get(name) ?? 0n) + taxOf(name, amount, terms))
  }
  return { gas, fee, native: fee.get('uluna') ?? 0n }
}

/** One message for each output. Throws `invalid.argument` for an amount that the SDK does not carry exactly. */
export function bodyOf(outputs: readonly PaymentOutput[], memo: string, from: ChainAddress, timeoutHeight: number): TxBody {
  return new TxBody(outputs.map((output) => messageOf(output, from)), memo, timeoutHeight)
}

/** The lowest number from `next` on that no payment in flight has: a gap would hold up all that is behind it. */
export function freeSequence(next: number, inFlight: readonly SignedPayment[], from: ChainAddress): number {
  const taken = new Set(inFlight.flatMap((payment) => payment.from === from && payment.expiry.by === 'sequence' ? [payment.expiry.sequence] : []))
  let sequence = next
  while (taken.has(sequence)) sequence++
  return sequence
}

/** What must be there of an asset for the payment and those in flight, fees and taxes with it. */
export function neededOf(asset: PaymentOutput['asset'], { outputs, inFlight }: PaymentIntent, cost: PaymentCost, terms: TaxTerms): bigint {
  const leaving = [...outputs, ...inFlight.flatMap((payment) => payment.outputs)].filter((output) => output.asset === asset)
  const sum = leaving.reduce<bigint>((total, { amount }) => total + amount, 0n)
  if (asset === LUNA) return sum + inFlight.reduce<bigint>((total, { feeMax }) => total + feeMax, cost.native)
  const { kind, name } = terraAssetOf(asset)
  return kind === 'token' ? sum : sum + leaving.reduce<bigint>((total, { amount }) => total + taxOf(name, amount, terms), 0n)
}

function messageOf({ to, asset, amount }: PaymentOutput, from: ChainAddress): Msg {
  const { kind, name } = terraAssetOf(asset)
  const text = String(amount)
  if (kind === 'token') return new MsgExecuteContract(from, name, { transfer: { recipient: to, amount: text } })
  // The SDK rounds coins above some twenty digits.
  if (new Coin(name, text).amount.toFixed() !== text) throw new EvegramError('invalid.argument', { operation: 'sign payment', details: { problem: 'an amount with too many digits' } })
  return new MsgSend(from, to, { [name]: text })
}

/** A memo as Terra carries it; undefined for one that is no text. */
export function memoText(memo: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(memo)
  } catch {
    return undefined
  }
}
