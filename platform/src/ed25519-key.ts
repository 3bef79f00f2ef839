import { createPrivateKey, type KeyObject } from 'node:crypto'
import { EvegramError } from '@evegram/protocol'

const SEED_BYTES = 32
/** DER in front of a seed (RFC 8410 section 10.3). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')

/**
 * The Ed25519 private key of a seed of 32 bytes (RFC 8032 section 5.1.5). Throws `invalid.argument` for another length.
 *
 * Keys are made by this and not by `generateKeyPairSync`: in Node 20 the export of a key made by that stands still for good when a garbage collection falls
 * into it, which takes the job that made the key while the export holds its lock.
 */
export function ed25519KeyOfSeed(seed: Uint8Array): KeyObject {
  if (seed.length !== SEED_BYTES) throw new EvegramError('invalid.argument', { operation: 'make Ed25519 key' })
  return createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' })
}
