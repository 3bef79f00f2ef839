import {
  CborFields, decodeCbor, encodeCbor, hexOf, idBytes, parseAccountId, parseDeviceId,
  type AccountId, type CborValue, type ConversationId, type DeviceId,
} from '@evegram/protocol'
import { sortable } from '../core/sortable.js'
import type { Transaction } from '../core/transaction.js'
import { emptyChain, type ChainState, type GapReason, type NamedGap, type ReceivedLink } from './chain-state.js'

/** Own chain of one conversation. */
export interface OwnChain {
  readonly epoch: number
  /** Number of the last own message, 0 before the first. */
  readonly number: number
  /** Hash of it, zeros before the first. */
  readonly hash: Uint8Array
  /** Devices that were meant to read, with the number at which each entered. */
  readonly recipients: ReadonlyMap<DeviceId, number>
}

/** Epoch of the chains of this version: a device that is restored is a new device, so there is no second epoch yet. */
export const CHAIN_EPOCH = 1

const ROW_BYTES_MAX = 1_048_576
const REASONS: readonly GapReason[] = ['expired', 'before_you_joined', 'erased', 'withheld', 'sender_revoked', 'unreadable']

/** The chain of another device, with where to look for what is missing. */
export interface ChainRow extends ChainState {
  readonly account: AccountId
  readonly device: DeviceId
  readonly epoch: number
  /** Log time (ms since 1970) of an envelope that was received when nothing was missing before it. */
  readonly soundAtMs: number
}

function rowFields(bytes: Uint8Array): CborFields {
  return new CborFields(decodeCbor(bytes, ROW_BYTES_MAX), 'client.store')
}

/** Start of the keys of own chains in table `chains`; the conversation id follows. */
export const OWN_CHAIN_PREFIX = 'o/'
/** Start of the keys of received chains in table `chains`; conversation id, device id and epoch follow. */
export const RECEIVED_CHAIN_PREFIX = 'r/'

function ownKey(conversation: ConversationId): string {
  return `${OWN_CHAIN_PREFIX}${conversation}`
}

/** The own chain as `source` sees it. */
export async function readOwnChain(source: Pick<Transaction, 'get'>, conversation: ConversationId): Promise<OwnChain> {
  const bytes = await source.get('chains', ownKey(conversation))
  return bytes === undefined ? { epoch: CHAIN_EPOCH, number: 0, hash: new Uint8Array(32), recipients: new Map() } : decodeOwnChain(bytes)
}

/** The own chain of its row. Throws `client.store` on a row of another shape. */
export function decodeOwnChain(bytes: Uint8Array): OwnChain {
  const fields = rowFields(bytes)
  return {
    epoch: fields.uint('epoch'),
    number: fields.uint('number'),
    hash: fields.bytes('hash', 32),
    recipients: new Map(fields.list('recipients', 4_096).map((pair) => {
      const [device, number] = Array.isArray(pair) ? (pair as readonly CborValue[]) : []
      if (!(device instanceof Uint8Array) || typeof number !== 'number') return fields.fail('recipient')
      return [parseDeviceId(hexOf(device)), number]
    })),
  }
}

/** Writes the own chain. */
export function writeOwnChain(tx: Transaction, conversation: ConversationId, chain: OwnChain): void {
  tx.put('chains', ownKey(conversation), encodeCbor({
    epoch: chain.epoch, number: chain.number, hash: chain.hash,
    recipients: [...chain.recipients].map(([device, number]) => [idBytes(device), number]),
  }))
}

/** Prefix of the chains received in one conversation, in table `chains`. */
export function chainPrefix(conversation: ConversationId): string {
  return `${RECEIVED_CHAIN_PREFIX}${conversation}/`
}

/** Key of a received chain in table `chains`. */
export function chainKey(conversation: ConversationId, device: DeviceId, epoch: number): string {
  return `${chainPrefix(conversation)}${device}/${sortable(epoch, 8)}`
}

function encodeLink(link: ReceivedLink): CborValue {
  return { number: link.number, hash: link.hash, prev: link.prev }
}

function encodeGap(gap: NamedGap): CborValue {
  const map: Record<string, CborValue> = { from: gap.from, to: gap.to, reason: REASONS.indexOf(gap.reason) }
  if (gap.before !== undefined) map['before'] = gap.before
  if (gap.after !== undefined) map['after'] = gap.after
  return map
}

function decodeGap(value: CborValue): NamedGap {
  const fields = new CborFields(value, 'client.store')
  return {
    from: fields.uint('from'), to: fields.uint('to'), reason: REASONS[fields.uint('reason')] ?? fields.fail('reason'),
    ...(fields.has('before') ? { before: fields.bytes('before', 32) } : {}),
    ...(fields.has('after') ? { after: fields.bytes('after', 32) } : {}),
  }
}

/** Row bytes of a received chain. */
export function encodeChain(row: ChainRow): Uint8Array<ArrayBuffer> {
  const map: Record<string, CborValue> = {
    account: idBytes(row.account), device: idBytes(row.device), epoch: row.epoch, soundAtMs: row.soundAtMs,
    number: row.head.number, hash: row.head.hash, ahead: row.ahead.map(encodeLink), gaps: row.gaps.map(encodeGap),
  }
  if (row.joinedAt !== undefined) map['joinedAt'] = row.joinedAt
  return encodeCbor(map)
}

/** Throws `client.store` on a row of another shape. */
export function decodeChain(bytes: Uint8Array): ChainRow {
  const fields = rowFields(bytes)
  return {
    account: parseAccountId(hexOf(fields.bytes('account', 16))),
    device: parseDeviceId(hexOf(fields.bytes('device', 16))),
    epoch: fields.uint('epoch'),
    soundAtMs: fields.uint('soundAtMs'),
    head: { number: fields.uint('number'), hash: fields.bytes('hash', 32) },
    ahead: fields.list('ahead', 4_096).map((value) => {
      const link = new CborFields(value, 'client.store')
      return { number: link.uint('number'), hash: link.bytes('hash', 32), prev: link.bytes('prev', 32) }
    }),
    gaps: fields.list('gaps', 4_096).map(decodeGap),
    ...(fields.has('joinedAt') ? { joinedAt: fields.uint('joinedAt') } : {}),
  }
}

/** The chain as `source` sees it; a new one when nothing was received of it. */
export async function readChain(
  source: Pick<Transaction, 'get'>, conversation: ConversationId, sender: { readonly account: AccountId; readonly device: DeviceId }, epoch: number,
): Promise<ChainRow> {
  const bytes = await source.get('chains', chainKey(conversation, sender.device, epoch))
  return bytes === undefined ? { ...emptyChain(), account: sender.account, device: sender.device, epoch, soundAtMs: 0 } : decodeChain(bytes)
}
