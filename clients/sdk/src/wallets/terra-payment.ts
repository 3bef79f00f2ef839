import { concatBytes, EvegramError, utf8 } from '@evegram/protocol'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import type { LocalPayment, PayerFacts, SignedLocalPayment } from './local-payment.js'

/** More than a transfer of coins takes on today's network. */
const GAS = 200_000n
const GAS_PRICE_UNIT = 1_000_000n
const TAX_RATE_UNIT = 10n ** 18n
const SIGN_MODE_DIRECT = 1n
/** Signatures are bound to the chain id: one of a local chain is worth nothing on another. */
const LOCAL_CHAIN_ID = /^local[a-z0-9-]{0,40}$/

/** A bank transfer of uluna that pays gas and tax beside the amount (SIGN_MODE_DIRECT). Throws `invalid.argument` for a chain that is not a local one. */
export function terraPayment(
  privateKey: Uint8Array, { from, to, amount, memo = '' }: LocalPayment & { readonly from: string }, { chainId, accountNumber, sequence, gasPrice, taxRate }: PayerFacts & { readonly chain: 'terra' },
): SignedLocalPayment {
  if (!LOCAL_CHAIN_ID.test(chainId)) throw new EvegramError('invalid.argument', { operation: 'sign payment', advice: 'This is not a local chain of Terra Classic.' })
  const fee = shareOf(GAS, gasPrice, GAS_PRICE_UNIT) + shareOf(amount, taxRate, TAX_RATE_UNIT)
  const transfer = concatBytes(text(1, from), text(2, to), bytes(3, coin(amount)))
  const body = concatBytes(bytes(1, any('/cosmos.bank.v1beta1.MsgSend', transfer)), text(2, memo))
  const key = any('/cosmos.crypto.secp256k1.PubKey', bytes(1, secp256k1.getPublicKey(privateKey, true)))
  const mode = bytes(1, number(1, SIGN_MODE_DIRECT))
  const signer = concatBytes(bytes(1, key), bytes(2, mode), number(3, BigInt(sequence)))
  const auth = concatBytes(bytes(1, signer), bytes(2, concatBytes(bytes(1, coin(fee)), number(2, GAS))))
  const signed = concatBytes(bytes(1, body), bytes(2, auth), text(3, chainId), number(4, BigInt(accountNumber)))
  const signature = secp256k1.sign(signed, privateKey, { prehash: true, lowS: true, format: 'compact' })
  return { bytes: concatBytes(bytes(1, body), bytes(2, auth), bytes(3, signature)), fee }
}

/** Rounded up: never less than the network takes. */
function shareOf(amount: bigint, part: bigint, whole: bigint): bigint {
  return (amount * part + whole - 1n) / whole
}

function coin(amount: bigint): Uint8Array {
  return concatBytes(text(1, 'uluna'), text(2, amount.toString()))
}

/** `google.protobuf.Any`. */
function any(type: string, value: Uint8Array): Uint8Array {
  return concatBytes(text(1, type), bytes(2, value))
}

/** A field of protobuf with a length before it. Empty texts are left out, as the one form of a transaction wants (ADR-027). */
function bytes(field: number, value: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(field << 3 | 2), varint(BigInt(value.length)), value)
}

function text(field: number, value: string): Uint8Array {
  return value === '' ? new Uint8Array() : bytes(field, utf8(value))
}

/** A number, which is left out when it is 0. */
function number(field: number, value: bigint): Uint8Array {
  return value === 0n ? new Uint8Array() : concatBytes(Uint8Array.of(field << 3), varint(value))
}

function varint(value: bigint): Uint8Array {
  const groups: number[] = []
  let rest = value
  for (; rest >= 0x80n; rest >>= 7n) groups.push(Number(rest & 0x7fn) | 0x80)
  return Uint8Array.of(...groups, Number(rest))
}
