import { base64UrlOf } from '../base64url.js'
import { bytesOfHex, hexOf } from '../bytes.js'

/** A TON account: workchain (0 or -1) and 32-byte hash of its first state. */
export interface TonAddress {
  readonly workchain: number
  readonly hash: Uint8Array
}

/** Why a text is no TON address. */
export type TonAddressFault = 'syntax' | 'checksum' | 'workchain' | 'test_only'

const FRIENDLY = /^(?:[A-Za-z0-9+/]{48}|[A-Za-z0-9_-]{48})$/
const RAW = /^(0|-1):([0-9a-fA-F]{64})$/
const BOUNCEABLE = 0x11
const NON_BOUNCEABLE = 0x51
const TEST_ONLY = 0x80

/** What eight steps of the checksum make of each byte. */
const CRC_OF_BYTE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? (crc << 1) & 0xffff : ((crc << 1) ^ 0x1021) & 0xffff
  return crc
})

/** CRC-16/XMODEM, polynomial 0x1021, as TEP-2 uses it. */
function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ (CRC_OF_BYTE[(crc >> 8) ^ byte] ?? 0)
  return crc
}

/** Value of each character of base64 or base64url by its code; the form was checked before. */
const VALUE_OF = new Uint8Array(128)
Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789').forEach((character, value) => { VALUE_OF[character.charCodeAt(0)] = value })
for (const [character, value] of [['+', 62], ['-', 62], ['/', 63], ['_', 63]] as const) VALUE_OF[character.charCodeAt(0)] = value

/** The 36 bytes of 48 characters of {@link FRIENDLY}. */
function friendlyBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(36)
  const valueAt = (index: number): number => VALUE_OF[text.charCodeAt(index)] ?? 0
  for (let from = 0, to = 0; from < text.length; from += 4, to += 3) {
    const group = (valueAt(from) << 18) | (valueAt(from + 1) << 12) | (valueAt(from + 2) << 6) | valueAt(from + 3)
    bytes[to] = group >> 16
    bytes[to + 1] = group >> 8
    bytes[to + 2] = group
  }
  return bytes
}

/**
 * Reads a TON address in any form of TEP-2: raw `0:hex`, or 48 characters of base64 or base64url, bounceable or not.
 * `allowTestOnly` says whether the test-network flag is acceptable. The result is the account, equal for all its forms.
 */
export function readTonAddress(text: string, allowTestOnly: boolean): TonAddress | TonAddressFault {
  const raw = RAW.exec(text)
  if (raw !== null) return { workchain: Number(raw[1]), hash: bytesOfHex(raw[2] ?? '') }
  if (!FRIENDLY.test(text)) return 'syntax'
  const bytes = friendlyBytes(text)
  if (crc16(bytes.subarray(0, 34)) !== ((bytes[34] ?? 0) << 8 | (bytes[35] ?? 0))) return 'checksum'
  const tag = bytes[0] ?? 0
  const plainTag = tag & ~TEST_ONLY
  if (plainTag !== BOUNCEABLE && plainTag !== NON_BOUNCEABLE) return 'syntax'
  if ((tag & TEST_ONLY) !== 0 && !allowTestOnly) return 'test_only'
  const workchain = ((bytes[1] ?? 0) << 24) >> 24
  if (workchain !== 0 && workchain !== -1) return 'workchain'
  return { workchain, hash: Uint8Array.from(bytes.subarray(2, 34)) }
}

/** The printed form: base64url, not bounceable (`UQ...` in workchain 0), with the test flag on a test network (`0Q...`). */
export function printTonAddress(address: TonAddress, testOnly: boolean): string {
  const bytes = new Uint8Array(36)
  bytes[0] = testOnly ? NON_BOUNCEABLE | TEST_ONLY : NON_BOUNCEABLE
  bytes[1] = address.workchain & 0xff
  bytes.set(address.hash, 2)
  const crc = crc16(bytes.subarray(0, 34))
  bytes[34] = crc >> 8
  bytes[35] = crc & 0xff
  return base64UrlOf(bytes)
}

/** The raw form `workchain:hex`, lower case. */
export function rawTonAddress(address: TonAddress): string {
  return `${String(address.workchain)}:${hexOf(address.hash)}`
}
