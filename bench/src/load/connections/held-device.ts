import { createPrivateKey, type KeyObject } from 'node:crypto'
import type { AccountId, DeviceId } from '@evegram/protocol'

/** A device as a process needs it that holds its connection: structured-clone data, so that it crosses processes. */
export interface HeldDevice {
  readonly account: AccountId
  readonly device: DeviceId
  readonly token: string
  /** The Ed25519 seed that its hellos are signed with, 32 bytes. */
  readonly seed: Uint8Array
}

/** PrivateKeyInfo of an Ed25519 seed up to the seed itself (RFC 8410 section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The key of a seed, for `node:crypto`. */
export function signingKeyOf(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
}
