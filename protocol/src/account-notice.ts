import { sha256 } from '@noble/hashes/sha2.js'
import { bytesOfHex, concatBytes, hexOf, utf8 } from './bytes.js'
import { CborFields, decodeCbor, encodeCbor, type CborValue } from './cbor.js'
import { ALL_DEVICES, BODY_TYPE, ENVELOPE_KIND, type Envelope, type EnvelopeHeader } from './envelope.js'
import { EvegramError } from './errors.js'
import { ID_BYTES, idBytes, noticesConversationIdOf, noticeSourceIdOf, parseAccountId, type AccountId } from './ids.js'
import { LIMITS } from './limits.js'
import { verifyEd25519 } from './proof/ed25519.js'
import type { ProofPrimitives } from './proof/primitives.js'

/** What a notice tells of the money of its account. Names are fixed for ever. */
export const ACCOUNT_NOTICE_KINDS = {
  /** A deposit that is final on its chain was credited. */
  deposit_credited: 'a deposit was credited',
  /** Somebody on this server paid. */
  payment_received: 'a payment came in',
  /** The amount of a payout is held, until it is paid or released. */
  payout_reserved: 'the amount of a payout is reserved',
  /** A payout is final on its chain. */
  payout_paid: 'a payout was paid',
  /** A payout was refused or failed: its amount is free again. */
  payout_released: 'a payout ended without being paid, its amount came back',
} as const
/** Name of a kind. */
export type AccountNoticeKind = keyof typeof ACCOUNT_NOTICE_KINDS

/** A notice without its signature. */
export interface AccountNoticeDraft {
  readonly v: 1
  /** Whose it is. */
  readonly account: AccountId
  /** The books that it was made of: their random id, 16 bytes in hex. */
  readonly source: string
  /** Number of the event in those books, from 1. An account gets some of the numbers, in rising order. */
  readonly number: number
  /** When it was booked, in ms since 1970. */
  readonly atMs: number
  readonly kind: AccountNoticeKind
  /** As the wallet bridge names it, `<chain>/<token>`. */
  readonly asset: string
  /** Decimal digits in the smallest unit of the asset. */
  readonly amount: string
  /** The transfer in the own statement that it points to. */
  readonly transfer: string
  /** Of a deposit and of a paid payout: the transaction on the chain. */
  readonly transaction?: string
}

/** What the wallet bridge tells an account, signed. It points to a line of the own statement, which alone says what was paid. */
export interface AccountNotice extends AccountNoticeDraft {
  /** Ed25519 signature (64 bytes) of {@link accountNoticeHash} by a notice key of the server. */
  readonly signature: Uint8Array
}

const INVALID = 'invalid.notice' as const
/** Messages of epoch 0 are control traffic; notices have one epoch for ever, as their numbers never begin anew. */
const NOTICE_EPOCH = 1
const ASSET = /^[a-z][a-z0-9]{0,15}\/[A-Za-z0-9_./-]{1,128}$/
const AMOUNT = /^[1-9][0-9]{0,37}$/
/** Printable ASCII without blanks: what is shown in a terminal moves no cursor and turns no text. */
const NAME = /^[\x21-\x7e]{1,200}$/
const TEXT_CHARACTERS_MAX = 256

function draftMap(draft: AccountNoticeDraft): { readonly [key: string]: CborValue } {
  const { v, account, source, number, atMs, kind, asset, amount, transfer, transaction } = draft
  return { v, account: idBytes(account), source: bytesOfHex(source), number, atMs, kind, asset, amount, transfer, ...(transaction === undefined ? {} : { transaction }) }
}

/** What a notice key signs: SHA-256("evegram/notice/v1" 0x00, deterministic CBOR of the notice without `signature`), 32 bytes. */
export function accountNoticeHash(draft: AccountNoticeDraft): Uint8Array {
  return sha256(concatBytes(utf8('evegram/notice/v1\0'), encodeCbor(draftMap(draft))))
}

/** Deterministic CBOR of a notice. Throws `invalid.*` for what {@link decodeAccountNotice} would refuse. */
export function encodeAccountNotice(notice: AccountNotice): Uint8Array<ArrayBuffer> {
  const bytes = encodeCbor({ ...draftMap(notice), signature: notice.signature })
  decodeAccountNotice(bytes)
  return bytes
}

/** Parses one notice of at most `LIMITS.noticeBytesMax` bytes; checks its shape alone. Throws `invalid.cbor`, `invalid.notice`. */
export function decodeAccountNotice(bytes: Uint8Array): AccountNotice {
  if (bytes.length > LIMITS.noticeBytesMax) throw new EvegramError(INVALID, { operation: 'decode notice' })
  const fields: CborFields = new CborFields(decodeCbor(bytes, LIMITS.noticeBytesMax), INVALID)
  if (fields.uint('v') !== 1) fields.fail('version 1')
  const matching = (name: string, pattern: RegExp): string => {
    const text = fields.text(name, TEXT_CHARACTERS_MAX)
    return pattern.test(text) ? text : fields.fail(name)
  }
  const kind = fields.text('kind', TEXT_CHARACTERS_MAX)
  const notice: AccountNotice = {
    v: 1,
    account: parseAccountId(hexOf(fields.bytes('account', ID_BYTES))),
    source: hexOf(fields.bytes('source', ID_BYTES)),
    number: fields.uint('number'),
    atMs: fields.uint('atMs', 2 ** 48 - 1),
    kind: isNoticeKind(kind) ? kind : fields.fail('a known kind'),
    asset: matching('asset', ASSET),
    amount: matching('amount', AMOUNT),
    transfer: matching('transfer', NAME),
    ...(fields.has('transaction') ? { transaction: matching('transaction', NAME) } : {}),
    signature: fields.bytes('signature', 64),
  }
  fields.end()
  if (notice.number === 0) fields.fail('a number from 1')
  return notice
}

function isNoticeKind(name: string): name is AccountNoticeKind {
  return Object.hasOwn(ACCOUNT_NOTICE_KINDS, name)
}

/** Whether one of `keys` (Ed25519, 32 bytes each) signed the notice. Never throws. */
export function isNoticeSigned(notice: AccountNotice, keys: readonly Uint8Array[], verify: (key: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean): boolean {
  const hash = accountNoticeHash(notice)
  return keys.some((key) => verify(key, hash, notice.signature))
}

/** The routing fields that a notice has, and no others: made of the notice alone, so that it has one message id and one place however often it is written. */
export function noticeHeaderOf(notice: AccountNoticeDraft): EnvelopeHeader {
  return {
    kind: ENVELOPE_KIND.notice, conversation: noticesConversationIdOf(notice.account), device: noticeSourceIdOf(notice.source), account: notice.account,
    epoch: NOTICE_EPOCH, number: notice.number, order: BigInt(notice.atMs) << 16n, membershipVersion: 0,
  }
}

/** The envelope of an encoded notice. Throws as {@link decodeAccountNotice}. */
export function noticeEnvelope(encodedNotice: Uint8Array): Envelope {
  return { ...noticeHeaderOf(decodeAccountNotice(encodedNotice)), accounts: [], bodies: [{ device: ALL_DEVICES, type: BODY_TYPE.notice, bytes: encodedNotice }] }
}

/** What {@link openNotice} needs to know beside the envelope. */
export interface NoticeReader {
  /** The account that reads. */
  readonly account: AccountId
  /** Notice keys of its server. */
  readonly keys: readonly Uint8Array[]
  readonly primitives: ProofPrimitives
}

/** Answer of {@link openNotice}: the notice, or the first check that it fails. */
export type OpenNoticeResult =
  | { readonly status: 'opened'; readonly notice: AccountNotice }
  | { readonly status: 'refused'; readonly check: 'bytes' | 'account' | 'header' | 'signature' }

/**
 * Opens the body of an envelope of kind `notice` for its reader: the bytes, whose it is, that the routing fields are those that the notice gives, and its signature, in this order.
 * Never throws, whatever the bytes.
 */
export function openNotice(header: EnvelopeHeader, body: Uint8Array, reader: NoticeReader): OpenNoticeResult {
  let notice: AccountNotice
  try {
    notice = decodeAccountNotice(body)
  } catch (error) {
    if (!(error instanceof EvegramError)) throw error
    return { status: 'refused', check: 'bytes' }
  }
  if (notice.account !== reader.account) return { status: 'refused', check: 'account' }
  const wanted = noticeHeaderOf(notice)
  const isSame = header.kind === wanted.kind && header.conversation === wanted.conversation && header.device === wanted.device && header.account === wanted.account
    && header.epoch === wanted.epoch && header.number === wanted.number && header.order === wanted.order && header.membershipVersion === wanted.membershipVersion
  if (!isSame) return { status: 'refused', check: 'header' }
  const verify = (key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => verifyEd25519(reader.primitives, key, message, signature) === 'valid'
  return isNoticeSigned(notice, reader.keys, verify) ? { status: 'opened', notice } : { status: 'refused', check: 'signature' }
}
