import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { concatBytes, EvegramError, idBytes, lengthPrefixed, uint64Of, utf8, type AccountId, type DeviceId, type WalletId } from '@evegram/protocol'

/** One side of a safety number: what its verified account log says now. */
export interface SafetyParty {
  readonly account: AccountId
  /** Active wallets, any order. */
  readonly wallets: readonly WalletId[]
  /** Active devices, any order. */
  readonly devices: readonly DeviceId[]
}

/** Rounds of libsignal's numeric fingerprint. */
export const SAFETY_NUMBER_ITERATIONS = 5_200

/**
 * 32 bytes that stand for one account: SHA-256(lp("evegram/safety/v1") lp(account16) lp(wallet count u64) lp(wallet)... lp(device
 * count u64) lp(device16)...), wallets sorted by their UTF-8 bytes and devices by theirs. "Verified" stores this value: any
 * wallet or device that is added or removed changes it. Throws `invalid.argument` on a list with a repeated entry.
 */
export function safetySetHash(party: SafetyParty): Uint8Array {
  const wallets = sortedOnce(party.wallets)
  const devices = sortedOnce(party.devices)
  return sha256(
    lengthPrefixed(
      'evegram/safety/v1', idBytes(party.account),
      uint64Of(wallets.length), ...wallets,
      uint64Of(devices.length), ...devices.map((device) => idBytes(device)),
    ),
  )
}

function sortedOnce<Text extends string>(texts: readonly Text[]): readonly Text[] {
  if (new Set(texts).size !== texts.length) throw new EvegramError('invalid.argument', { operation: 'make safety number' })
  // Wallet ids and device ids are ASCII: the order of their code units is that of their bytes.
  return [...texts].sort((left, right) => (left < right ? -1 : 1))
}

/**
 * libsignal's numeric fingerprint, version 0, of one party: 30 digits. SHA-512 over (u16 0, key, identifier, key), then again
 * over (digest, key) until `iterations` rounds are done; each 5 bytes of the first 30 give 5 digits.
 */
export function numericHalf({ identifier, key }: { readonly identifier: string; readonly key: Uint8Array }, iterations: number = SAFETY_NUMBER_ITERATIONS): string {
  let digest: Uint8Array = concatBytes(new Uint8Array(2), key, utf8(identifier))
  for (let round = 0; round < iterations; round++) digest = sha512(concatBytes(digest, key))
  const view = new DataView(digest.buffer, digest.byteOffset)
  let digits = ''
  for (let offset = 0; offset < 30; offset += 5) {
    const chunk = (view.getUint8(offset) * 2 ** 32 + view.getUint32(offset + 1)) % 100_000
    digits += String(chunk).padStart(5, '0')
  }
  return digits
}

/** The 60 digits of libsignal's FingerprintGenerator: the halves of both sides, sorted, so that both see the same. */
export function numericFingerprint(
  one: { readonly identifier: string; readonly key: Uint8Array },
  other: { readonly identifier: string; readonly key: Uint8Array },
  iterations: number = SAFETY_NUMBER_ITERATIONS,
): string {
  return [numericHalf(one, iterations), numericHalf(other, iterations)].sort().join('')
}

/**
 * The safety number of two accounts: 60 digits, the same on both sides, whole sets of wallets and devices included. The
 * identifier of a side is its AccountId in hex, the key its {@link safetySetHash}. Takes some tens of milliseconds.
 */
export function safetyNumber(own: SafetyParty, peer: SafetyParty): string {
  return numericFingerprint({ identifier: own.account, key: safetySetHash(own) }, { identifier: peer.account, key: safetySetHash(peer) })
}
