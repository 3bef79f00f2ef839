import { sha256 } from '@noble/hashes/sha2.js'
import { compareBytes, lengthPrefixed, uint64Of } from './bytes.js'
import { EvegramError } from './errors.js'
import { idBytes, type AccountId, type DeviceId, type MessageKey } from './ids.js'

/** One link of a chain: the message, what it says, and the link before it. */
export interface ChainLink extends MessageKey {
  /** 16 random bytes of the payload. */
  readonly salt: Uint8Array
  /** Body of the payload, as encoded. */
  readonly body: Uint8Array
  /** Hash of the link before, 32 bytes; zeros for the first of an epoch. */
  readonly prev: Uint8Array
}

/** `prev` of the first message of a chain: 32 zero bytes. A fresh copy each time. */
export function chainStart(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(32)
}

/**
 * Hash of one message in the chain of its device, 32 bytes: SHA-256(lp("evegram/chain/v1") lp(conversation16) lp(device16)
 * lp(epoch u64) lp(number u64) lp(SHA-256(lp(salt) lp(body))) lp(prev)). It is `prev` of the next message.
 */
export function chainHash(link: ChainLink): Uint8Array {
  const content = sha256(lengthPrefixed(link.salt, link.body))
  return sha256(lengthPrefixed(
    'evegram/chain/v1', idBytes(link.conversation), idBytes(link.device), uint64Of(link.epoch), uint64Of(link.number), content, link.prev,
  ))
}

/**
 * Hash of who is in a conversation, 32 bytes: SHA-256(lp("evegram/membership/v1") lp(account16)…), accounts in byte order whatever
 * the order given. Throws `invalid.argument` when an account is named twice.
 */
export function membershipHash(members: readonly AccountId[]): Uint8Array {
  const sorted = members.map((account) => idBytes(account)).sort(compareBytes)
  if (new Set(members).size !== members.length) throw new EvegramError('invalid.argument', { operation: 'hash membership' })
  return sha256(lengthPrefixed('evegram/membership/v1', ...sorted))
}

/** The newest message that a device has seen of one chain. */
export interface ChainHead {
  readonly device: DeviceId
  readonly epoch: number
  readonly number: number
  /** {@link chainHash} of that message. */
  readonly hash: Uint8Array
}

/**
 * Digest of the chain heads that a sender has seen in a conversation, 32 bytes: SHA-256(lp("evegram/seen/v1") and for each head
 * lp(device16) lp(epoch u64) lp(number u64) lp(hash)), sorted by device, then epoch. Throws `invalid.argument` when a chain is named twice.
 */
export function seenHeadsDigest(heads: readonly ChainHead[]): Uint8Array {
  const sorted = [...heads].sort((left, right) => compareBytes(idBytes(left.device), idBytes(right.device)) || left.epoch - right.epoch)
  sorted.forEach((head, index) => {
    const before = sorted[index - 1]
    if (before?.device === head.device && before.epoch === head.epoch) throw new EvegramError('invalid.argument', { operation: 'digest seen heads' })
  })
  return sha256(lengthPrefixed(
    'evegram/seen/v1', ...sorted.flatMap(({ device, epoch, number, hash }) => [idBytes(device), uint64Of(epoch), uint64Of(number), hash]),
  ))
}
