import { sha256 } from '@noble/hashes/sha2.js'
import { bytesOfHex, compareBytes, concatBytes, hexOf, lengthPrefixed, uint64Of, utf8 } from './bytes.js'
import { EvegramError } from './errors.js'

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** 32 lower-case hex digits: an account, see {@link accountIdOf}. */
export type AccountId = Branded<'AccountId'>
/** 32 lower-case hex digits: a device, see {@link deviceIdOf}. */
export type DeviceId = Branded<'DeviceId'>
/** 32 lower-case hex digits: a conversation, see {@link directConversationIdOf}, {@link groupConversationIdOf}, {@link channelIdOf} and {@link noticesConversationIdOf}. */
export type ConversationId = Branded<'ConversationId'>
/** 32 lower-case hex digits: a message, see {@link messageIdOf}. */
export type MessageId = Branded<'MessageId'>
/** A wallet as CAIP-10 of its canonical form: `solana:<genesis>:<base58>`, `ton:-239:<UQ address>`, `cosmos:columbus-5:<bech32>`. */
export type WalletId = Branded<'WalletId'>

/** Bytes of every id on the wire. */
export const ID_BYTES = 16

const ID_PATTERN = /^[0-9a-f]{32}$/

function parseId(text: string): string {
  if (!ID_PATTERN.test(text)) throw new EvegramError('invalid.id', { operation: 'parse id' })
  return text
}

/** Brands an account id. Throws `invalid.id`. */
export function parseAccountId(text: string): AccountId {
  return parseId(text) as AccountId
}
/** Brands a device id. Throws `invalid.id`. */
export function parseDeviceId(text: string): DeviceId {
  return parseId(text) as DeviceId
}
/** Brands a conversation id. Throws `invalid.id`. */
export function parseConversationId(text: string): ConversationId {
  return parseId(text) as ConversationId
}
/** Brands a message id. Throws `invalid.id`. */
export function parseMessageId(text: string): MessageId {
  return parseId(text) as MessageId
}

/** The 16 wire bytes of any id. */
export function idBytes(id: AccountId | DeviceId | ConversationId | MessageId): Uint8Array<ArrayBuffer> {
  return bytesOfHex(id)
}

function firstSixteen(...parts: readonly Uint8Array[]): string {
  return hexOf(sha256(concatBytes(...parts)), 0, ID_BYTES)
}

/** First 16 bytes of SHA-256("evegram/account/v1" 0x00 CAIP-10 of the founding wallet). */
export function accountIdOf(foundingWallet: WalletId): AccountId {
  return firstSixteen(utf8('evegram/account/v1\0'), utf8(foundingWallet)) as AccountId
}

/** First 16 bytes of SHA-256("evegram/device/v1" 0x00 identityKey33 signingKey32). Throws `invalid.argument` on other key lengths. */
export function deviceIdOf(identityKey: Uint8Array, signingKey: Uint8Array): DeviceId {
  if (identityKey.length !== 33 || signingKey.length !== 32) {
    throw new EvegramError('invalid.argument', { operation: 'derive device id' })
  }
  return firstSixteen(utf8('evegram/device/v1\0'), identityKey, signingKey) as DeviceId
}

/** First 16 bytes of SHA-256("evegram/direct/v1" smaller larger AccountId, 16 bytes each): the same for both sides. */
export function directConversationIdOf(one: AccountId, other: AccountId): ConversationId {
  const [left, right] = [idBytes(one), idBytes(other)]
  const [smaller, larger] = compareBytes(left, right) <= 0 ? [left, right] : [right, left]
  return firstSixteen(utf8('evegram/direct/v1'), smaller, larger) as ConversationId
}

/**
 * First 16 bytes of SHA-256("evegram/group/v1" 0x00 founder account16 founder device16 salt16): an id that only the founding device can
 * begin, and that nobody can make equal to the id of a direct conversation. Throws `invalid.argument` on another length of `salt`.
 */
export function groupConversationIdOf(account: AccountId, device: DeviceId, salt: Uint8Array): ConversationId {
  if (salt.length !== ID_BYTES) throw new EvegramError('invalid.argument', { operation: 'derive group id' })
  return firstSixteen(utf8('evegram/group/v1\0'), idBytes(account), idBytes(device), salt) as ConversationId
}

/**
 * First 16 bytes of SHA-256("evegram/channel/v1" 0x00 founder account16 founder device16 salt16), as for groups: one id is never both. The salt
 * is made of the key of the channel, see `channelSaltOf`. Throws `invalid.argument` on another length of `salt`.
 */
export function channelIdOf(account: AccountId, device: DeviceId, salt: Uint8Array): ConversationId {
  if (salt.length !== ID_BYTES) throw new EvegramError('invalid.argument', { operation: 'derive channel id' })
  return firstSixteen(utf8('evegram/channel/v1\0'), idBytes(account), idBytes(device), salt) as ConversationId
}

/**
 * First 16 bytes of SHA-256("evegram/notices/v1" 0x00 account16): the conversation of what the server tells one account. Nobody opens it, and no direct
 * conversation, group or channel can have its id.
 */
export function noticesConversationIdOf(account: AccountId): ConversationId {
  return firstSixteen(utf8('evegram/notices/v1\0'), idBytes(account)) as ConversationId
}

/**
 * First 16 bytes of SHA-256("evegram/notice-source/v1" 0x00 source16): what stands for the sending device in an envelope of a notice. It is not made of the
 * key that signs, so that a notice keeps its message id when that key is replaced. Throws `invalid.id` unless `source` is 16 bytes in hex.
 */
export function noticeSourceIdOf(source: string): DeviceId {
  return firstSixteen(utf8('evegram/notice-source/v1\0'), bytesOfHex(parseId(source))) as DeviceId
}

/** What a message is: the fields that its id is made of. Numbered messages have epoch >= 1; control traffic has epoch 0 and a random number. */
export interface MessageKey {
  readonly conversation: ConversationId
  readonly device: DeviceId
  /** Chain epoch, unsigned 32 bits. */
  readonly epoch: number
  /** Number in the chain, a non-negative integer below 2^53. */
  readonly number: number
}

/** First 16 bytes of SHA-256(lp("evegram/message/v1") lp(conversation16) lp(device16) lp(epoch u64) lp(number u64)). */
export function messageIdOf(key: MessageKey): MessageId {
  return firstSixteen(
    lengthPrefixed('evegram/message/v1', idBytes(key.conversation), idBytes(key.device), uint64Of(key.epoch), uint64Of(key.number)),
  ) as MessageId
}
