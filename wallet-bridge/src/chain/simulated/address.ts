import { createHash } from 'node:crypto'
import { EvegramError, utf8 } from '@evegram/protocol'
import type { ChainAddress } from '../chain-adapter.js'

const PREFIX = 'sim'
const BODY_DIGITS = 40
const CHECK_DIGITS = 8
const PATTERN = new RegExp(`^${PREFIX}([0-9a-f]{${String(BODY_DIGITS)}})([0-9a-f]{${String(CHECK_DIGITS)}})$`)

function digits(domain: string, bytes: Uint8Array, length: number): string {
  return createHash('sha256').update(utf8(`evegram/simulated/${domain}/v1\0`)).update(bytes).digest('hex').slice(0, length)
}

/** The address of a public key: `sim`, 40 hex digits of its hash, 8 digits of a checksum. */
export function simulatedAddressOf(publicKey: Uint8Array): ChainAddress {
  const body = digits('address', publicKey, BODY_DIGITS)
  return `${PREFIX}${body}${digits('check', utf8(body), CHECK_DIGITS)}` as ChainAddress
}

/** An address of the simulated chain. Throws `invalid.address` for another form (also capitals: there is one form of each) or a wrong checksum. */
export function parseSimulatedAddress(text: string): ChainAddress {
  const [, body = '', check] = PATTERN.exec(text) ?? []
  if (check === undefined || digits('check', utf8(body), CHECK_DIGITS) !== check) {
    throw new EvegramError('invalid.address', { operation: 'parse simulated address' })
  }
  return text as ChainAddress
}
