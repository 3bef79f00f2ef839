import {
  CborFields, decodeCbor, decodeChannelState, encodeCbor, encodeChannelState, hexOf, idBytes, parseAccountId, parseConversationId, parseDeviceId,
  type AccountId, type CborValue, type ChannelState, type ConversationId, type DeviceId,
} from '@evegram/protocol'
import type { LocalStore } from '../store/local-store.js'
import { decodeGroup, encodeGroup, type GroupRow } from './group-row.js'
import { sortable } from './sortable.js'
import type { Transaction } from './transaction.js'

/** A channel that this profile follows. */
export interface ChannelRow {
  readonly channel: ConversationId
  readonly domain: string
  /** The key of its link, 32 bytes. */
  readonly key: Uint8Array
  /** As an owner or admin named it last; empty before that was read. */
  readonly name: string
  /** Up to which post everything was verified or is gone; undefined until the server showed the channel for the first time. */
  readonly state: ChannelState | undefined
  /**
   * Present while no post bears `state` out: the server says that the channel ends there and that all before it is older than it keeps. This is the state
   * up to which posts were verified, from which the server is believed otherwise; the empty state: nothing was.
   */
  readonly verified?: ChannelState
  /** When the server last named exactly that post as the newest, in ms since 1970 (server time); may be up to an hour behind. 0: never. */
  readonly confirmedAtMs: number
}

/** The verified membership log of a channel: who its authors are, and were. */
export interface ChannelLogRow {
  readonly group: GroupRow
  /** Device that signed the newest entry. */
  readonly by: DeviceId
  /** When the channel was founded, in ms since 1970, as its founder signed it; no post is older. 0: not known. */
  readonly foundedAtMs: number
}

/** A post as it is shown. */
export interface ChannelPostShown {
  readonly channel: ConversationId
  /** Its number in the channel: 1, 2, 3, ...; some numbers say nothing to readers. */
  readonly seq: number
  /** Account of the author. */
  readonly by: AccountId
  /** Address of the author's founding wallet, from its verified account log. */
  readonly from: string
  /** When it was made, in ms since 1970, as its author says. */
  readonly atMs: number
  /** `unknown`: of a newer client. */
  readonly kind: 'text' | 'unknown'
  readonly text: string
}

/** Posts that are missing here, by their numbers. */
export interface ChannelGap {
  readonly channel: ConversationId
  readonly from: number
  readonly to: number
  /** `expired`: older than the server keeps. `withheld`: the server says that they are there, and does not show them. */
  readonly reason: 'expired' | 'withheld'
}

/** Posts of one channel that are kept; older ones are forgotten as new ones come. */
export const CHANNEL_POSTS_KEPT_MAX = 10_000
/** Gaps of one channel that are kept. */
export const CHANNEL_GAPS_KEPT_MAX = 256

const ROW_BYTES_MAX = 2 * 1_048_576
/** Start of the keys of channels in table `channels`; the id follows. */
export const CHANNEL_PREFIX = 'c/'
/** Start of the keys of authors' logs; the id follows. */
export const CHANNEL_LOG_PREFIX = 'l/'

const channelKey = (channel: ConversationId): string => `${CHANNEL_PREFIX}${channel}`
const logKey = (channel: ConversationId): string => `${CHANNEL_LOG_PREFIX}${channel}`
/** Start of the keys of the posts of a channel in table `channels`. */
export const channelPostPrefix = (channel: ConversationId): string => `p/${channel}/`
/** Key of a post in table `channels`. */
export const channelPostKeyOf = (channel: ConversationId, seq: number): string => `${channelPostPrefix(channel)}${sortable(seq)}`
/** Start of the keys of gaps; the channel and the first number follow. */
export const CHANNEL_GAP_PREFIX = 'g/'
const gapPrefix = (channel: ConversationId): string => `${CHANNEL_GAP_PREFIX}${channel}/`

type Source = Pick<Transaction, 'get'>

/** The channel as `source` sees it. */
export async function readChannel(source: Source, channel: ConversationId): Promise<ChannelRow | undefined> {
  const bytes = await source.get('channels', channelKey(channel))
  return bytes === undefined ? undefined : decodeChannel(channel, bytes)
}

/** A channel of its row. Throws `client.store` on a row of another shape. */
export function decodeChannel(channel: ConversationId, bytes: Uint8Array): ChannelRow {
  const fields = new CborFields(decodeCbor(bytes, ROW_BYTES_MAX), 'client.store')
  return {
    channel, domain: fields.text('domain', 512), key: fields.bytes('key', 32), name: fields.text('name', 1_024),
    state: fields.has('state') ? decodeChannelState(fields.bytes('state', { lengthMax: ROW_BYTES_MAX })) : undefined,
    confirmedAtMs: fields.uint('confirmedAtMs'),
    ...(fields.has('verified') ? { verified: decodeChannelState(fields.bytes('verified', { lengthMax: ROW_BYTES_MAX })) } : {}),
  }
}

/** Writes the row. */
export function writeChannel(tx: Transaction, { channel, domain, key, name, state, verified, confirmedAtMs }: ChannelRow): void {
  const map: Record<string, CborValue> = { domain, key, name, confirmedAtMs }
  if (state !== undefined) map['state'] = encodeChannelState(state)
  if (verified !== undefined) map['verified'] = encodeChannelState(verified)
  tx.put('channels', channelKey(channel), encodeCbor(map))
}

/** All channels of the profile, at most `limit`. */
export async function listChannels(store: Pick<LocalStore, 'list'>, limit: number): Promise<ChannelRow[]> {
  const rows = await store.list('channels', { from: CHANNEL_PREFIX, to: `${CHANNEL_PREFIX}~`, limit })
  return rows.map(({ key, value }) => decodeChannel(parseConversationId(key.slice(CHANNEL_PREFIX.length)), value))
}

/** The authors' log of a channel as `source` sees it. */
export async function readChannelLog(source: Source, channel: ConversationId): Promise<ChannelLogRow | undefined> {
  const bytes = await source.get('channels', logKey(channel))
  return bytes === undefined ? undefined : decodeChannelLog(bytes)
}

/** The authors' log of its row. Throws `client.store` on a row of another shape. */
export function decodeChannelLog(bytes: Uint8Array): ChannelLogRow {
  const fields = new CborFields(decodeCbor(bytes, ROW_BYTES_MAX), 'client.store')
  return {
    group: decodeGroup(fields.bytes('group', { lengthMax: ROW_BYTES_MAX })), by: parseDeviceId(hexOf(fields.bytes('by', 16))),
    foundedAtMs: fields.has('foundedAtMs') ? fields.uint('foundedAtMs') : 0,
  }
}

/** Writes the log. */
export function writeChannelLog(tx: Transaction, { group, by, foundedAtMs }: ChannelLogRow): void {
  tx.put('channels', logKey(group.state.conversation), encodeCbor({ group: encodeGroup(group), by: idBytes(by), foundedAtMs }))
}

/** Forgets channel and log. */
export function removeChannel(tx: Transaction, channel: ConversationId): void {
  tx.remove('channels', channelKey(channel))
  tx.remove('channels', logKey(channel))
}

const KINDS: readonly ChannelPostShown['kind'][] = ['text', 'unknown']

/** Writes a post. */
export function writeChannelPost(tx: Transaction, { channel, seq, by, from, atMs, kind, text }: ChannelPostShown): void {
  tx.put('channels', channelPostKeyOf(channel, seq), encodeCbor({ seq, by: idBytes(by), from, atMs, kind: KINDS.indexOf(kind), text }))
}

/** A post of its row. Throws `client.store` on a row of another shape. */
export function decodeChannelPostRow(channel: ConversationId, bytes: Uint8Array): ChannelPostShown {
  const fields = new CborFields(decodeCbor(bytes, 262_144), 'client.store')
  return {
    channel, seq: fields.uint('seq'), by: parseAccountId(hexOf(fields.bytes('by', 16))), from: fields.text('from', 256), atMs: fields.uint('atMs'),
    kind: KINDS[fields.uint('kind')] ?? fields.fail('kind'), text: fields.text('text', 262_144),
  }
}

/** Writes a gap. */
export function writeChannelGap(tx: Transaction, { channel, from, to, reason }: ChannelGap): void {
  tx.put('channels', `${gapPrefix(channel)}${sortable(from)}`, encodeCbor({ from, to, expired: reason === 'expired' }))
}

/** Forgets the gap that begins at `from`, if there is one. */
export function removeChannelGap(tx: Transaction, channel: ConversationId, from: number): void {
  tx.remove('channels', `${gapPrefix(channel)}${sortable(from)}`)
}

/** The gaps of a channel, by number. */
export async function listChannelGaps(store: Pick<LocalStore, 'list'>, channel: ConversationId): Promise<ChannelGap[]> {
  const rows = await store.list('channels', { from: gapPrefix(channel), to: `${gapPrefix(channel)}~`, limit: CHANNEL_GAPS_KEPT_MAX + 1 })
  return rows.map(({ value }) => decodeChannelGap(channel, value))
}

/** A gap of its row. Throws `client.store` on a row of another shape. */
export function decodeChannelGap(channel: ConversationId, bytes: Uint8Array): ChannelGap {
  const fields = new CborFields(decodeCbor(bytes, 256), 'client.store')
  return { channel, from: fields.uint('from'), to: fields.uint('to'), reason: fields.boolean('expired') ? 'expired' : 'withheld' }
}

/** Keys of everything that is kept of the posts and gaps of a channel, at most `limit`. */
export async function listChannelContent(store: Pick<LocalStore, 'list'>, channel: ConversationId, limit: number): Promise<string[]> {
  const keys: string[] = []
  for (const prefix of [channelPostPrefix(channel), gapPrefix(channel)]) {
    const rows = await store.list('channels', { from: prefix, to: `${prefix}~`, limit: limit - keys.length })
    keys.push(...rows.map(({ key }) => key))
  }
  return keys
}
