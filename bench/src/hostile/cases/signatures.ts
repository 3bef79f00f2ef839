import { accountIdOf, emptyAccountState, type WalletId } from '@evegram/protocol'
import { parseAddress, type WalletProof } from '@evegram/protocol/proof'
import type { Wallet } from '@evegram/sdk/parts'
import { ed25519 } from '@noble/curves/ed25519.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { base58 } from '@scure/base'
import { attempt } from '../../attempt.js'
import type { HostileCase, HostileContext } from '../case.js'
import { postForged, type Forgery } from '../forge.js'

const ED25519_ORDER = ed25519.Point.Fn.ORDER
const SECP256K1_ORDER = secp256k1.Point.Fn.ORDER
/** Encodings of points whose order divides 8: the neutral one, and one of order 8. */
const SMALL_ORDER = ['0100000000000000000000000000000000000000000000000000000000000000', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'] as const
/** y = p + 1: reads as the neutral point where encodings are not checked. */
const NOT_CANONICAL = 'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

/** S + L of an Ed25519 signature: the same to a verifier that reduces S. */
function aboveOrder(signature: Uint8Array): Uint8Array {
  let s = 0n
  for (let index = 63; index >= 32; index--) s = (s << 8n) | BigInt(signature[index] ?? 0)
  s += ED25519_ORDER
  const changed = signature.slice()
  for (let index = 32; index < 64; index++, s >>= 8n) changed[index] = Number(s & 255n)
  return changed
}

/** n - s of an ECDSA signature: the other valid one. */
function highS(signature: Uint8Array): Uint8Array {
  const s = SECP256K1_ORDER - BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`)
  return Uint8Array.from([...signature.subarray(0, 32), ...bytesOf(s.toString(16).padStart(64, '0'))])
}

const flipped = (signature: Uint8Array, at: number): Uint8Array => signature.map((byte, index) => (index === at ? byte ^ 1 : byte))
const withSignature = (change: (signature: Uint8Array) => Uint8Array): Pick<Forgery, 'proof'> => ({
  proof: (signed: WalletProof) => ({ ...signed, signature: change(signed.signature) }),
})

/** A Solana "wallet" whose key is `key` and whose signature is always `signature`: no secret is known. */
function keylessWallet(key: Uint8Array, signature: Uint8Array): Wallet {
  const { walletId, address } = parseAddress(base58.encode(key))
  return { chain: 'solana', walletId, address, signProof: (request) => Promise.resolve({ ...request, walletId, form: 'siws', signature }) }
}

function foundedBy(context: HostileContext, key: string, signature: Uint8Array): Promise<string> {
  const wallet = keylessWallet(bytesOf(key), signature)
  return postForged(context, { wallet, state: emptyAccountState(accountIdOf(wallet.walletId satisfies WalletId)) })
}

/** Signatures that a lax verifier takes. */
export const SIGNATURE_CASES: readonly HostileCase[] = [
  {
    name: 'ed25519-small-order', claim: 'keys of small order, which verify what nobody signed',
    async run(context) {
      const attempts = []
      for (const key of SMALL_ORDER) {
        // With A of small order, R = A' and S = 0 satisfies the equation for one message in eight, or all.
        attempts.push(await attempt(`key ${key.slice(0, 8)}`, '401 proof.small_order_key', () => foundedBy(context, key, Uint8Array.from([...bytesOf(SMALL_ORDER[0]), ...new Uint8Array(32)]))))
      }
      return attempts
    },
  },
  {
    name: 'ed25519-encoding', claim: 'S + L, R and A in other encodings than the one',
    async run(context) {
      const expected = '401 proof.signature_encoding'
      return [
        await attempt('S + L of a Solana wallet', expected, () => postForged(context, { chain: 'solana', ...withSignature(aboveOrder) })),
        await attempt('S + L of a TON wallet', expected, () => postForged(context, { chain: 'ton', ...withSignature(aboveOrder) })),
        await attempt('R not canonical', expected, () => postForged(context, {
          ...withSignature((signature) => Uint8Array.from([...bytesOf(NOT_CANONICAL), ...signature.subarray(32)])),
        })),
        await attempt('A not canonical', expected, () => foundedBy(context, NOT_CANONICAL, Uint8Array.from([...bytesOf(SMALL_ORDER[0]), ...new Uint8Array(32)]))),
        await attempt('63 bytes', expected, () => postForged(context, withSignature((signature) => signature.subarray(0, 63)))),
        await attempt('S + L of the device key', expected, () => postForged(context, { keySignatures: (identity, signing) => [identity, aboveOrder(signing)] })),
        await attempt('S + L of the identity key', expected, () => postForged(context, { keySignatures: (identity, signing) => [xeddsaAboveOrder(identity), signing] })),
      ]
    },
  },
  {
    name: 'secp256k1-encoding', claim: 'high S, zeros, and keys in other forms',
    async run(context) {
      const terra = (forgery: Forgery): Promise<string> => postForged(context, { chain: 'terra', ...forgery })
      const withKey = (change: (key: Uint8Array) => Uint8Array): Forgery => ({
        proof: (signed) => (signed.form === 'adr036' ? { ...signed, publicKey: change(signed.publicKey) } : signed),
      })
      const other = secp256k1.getPublicKey(secp256k1.utils.randomSecretKey(), true)
      return [
        await attempt('high S', '401 proof.high_s', () => terra(withSignature(highS))),
        await attempt('r = 0', '401 proof.signature_encoding', () => terra(withSignature((signature) => signature.map((byte, index) => (index < 32 ? 0 : byte))))),
        await attempt('r = n', '401 proof.signature_encoding', () => terra(withSignature((signature) => Uint8Array.from([...bytesOf(SECP256K1_ORDER.toString(16)), ...signature.subarray(32)])))),
        await attempt('65-byte key', '401 proof.signature_encoding', () => terra(withKey((key) => secp256k1.Point.fromBytes(key).toBytes(false)))),
        await attempt('key of another address', '401 proof.address', () => terra(withKey(() => other))),
      ]
    },
  },
  {
    name: 'signature-flipped', claim: 'one bit of each signature of an entry',
    async run(context) {
      const expected = '401 proof.signature'
      const attempts = []
      for (const chain of ['solana', 'ton', 'terra'] as const) {
        attempts.push(await attempt(`${chain} wallet`, expected, () => postForged(context, { chain, ...withSignature((signature) => flipped(signature, 40)) })))
      }
      return [
        ...attempts,
        await attempt('device key', expected, () => postForged(context, { keySignatures: (identity, signing) => [identity, flipped(signing, 40)] })),
        await attempt('identity key', expected, () => postForged(context, { keySignatures: (identity, signing) => [flipped(identity, 40), signing] })),
        await attempt('keys exchanged', expected, () => postForged(context, { keySignatures: (identity, signing) => [signing, identity] })),
      ]
    },
  },
]

/** As {@link aboveOrder}, with the sign bit that XEdDSA keeps in the top bit of S. */
function xeddsaAboveOrder(signature: Uint8Array): Uint8Array {
  const sign = (signature[63] ?? 0) & 0x80
  const plain = signature.map((byte, index) => (index === 63 ? byte & 0x7f : byte))
  const changed = aboveOrder(plain)
  changed[63] = (changed[63] ?? 0) | sign
  return changed
}
