import { CborFields, decodeCbor, encodeCbor, hexOf, idBytes, LIMITS, parseConversationId, type CborValue, type ConversationId } from '@evegram/protocol'
import { sortable } from '../core/sortable.js'
import type { Transaction } from '../core/transaction.js'
import type { LocalStore } from '../store/local-store.js'

/** A post that waits for the server. */
export interface WaitingPost {
  /** Place among all posts of this profile that ever waited: 1, 2, 3, ... */
  readonly place: number
  readonly channel: ConversationId
  /** `authors` tells followers nothing but the newest membership. */
  readonly kind: 'text' | 'authors'
  readonly text: string
  /** The encrypted body. It stays the same whatever number the post gets, and no other post has it: its nonce is random. */
  readonly body: Uint8Array
  /** The encoded post as it was signed last, with its number; it may have left this device. Undefined before that. */
  readonly signed: Uint8Array | undefined
}

/** Start of the keys of waiting posts in table `channels`. */
export const WAITING_POST_PREFIX = 'o/'
const PLACE_KEY = 'place'

const keyOf = (place: number): string => `${WAITING_POST_PREFIX}${sortable(place)}`

/** Writes the row. */
export function writeWaitingPost(tx: Transaction, { place, channel, kind, text, body, signed }: WaitingPost): void {
  const map: Record<string, CborValue> = { place, channel: idBytes(channel), authors: kind === 'authors', text, body }
  if (signed !== undefined) map['signed'] = signed
  tx.put('channels', keyOf(place), encodeCbor(map))
}

/** Forgets the row. */
export function removeWaitingPost(tx: Transaction, place: number): void {
  tx.remove('channels', keyOf(place))
}

/** The post at a place, if it still waits. */
export async function readWaitingPost(source: Pick<Transaction, 'get'>, place: number): Promise<WaitingPost | undefined> {
  const bytes = await source.get('channels', keyOf(place))
  return bytes === undefined ? undefined : decodeWaitingPost(bytes)
}

/** All that wait, in the order in which they were written. */
export async function listWaitingPosts(store: Pick<LocalStore, 'list'>, limit: number): Promise<WaitingPost[]> {
  return (await store.list('channels', { from: WAITING_POST_PREFIX, to: `${WAITING_POST_PREFIX}~`, limit })).map(({ value }) => decodeWaitingPost(value))
}

/** The next free place, taken. */
export async function takePlace(tx: Transaction): Promise<number> {
  const row = await tx.get('channels', PLACE_KEY)
  const place = 1 + (row === undefined ? 0 : new CborFields(decodeCbor(row, 64), 'client.store').uint('last'))
  tx.put('channels', PLACE_KEY, encodeCbor({ last: place }))
  return place
}

/** A waiting post of its row. Throws `client.store` on a row of another shape. */
export function decodeWaitingPost(bytes: Uint8Array): WaitingPost {
  const fields = new CborFields(decodeCbor(bytes, 262_144), 'client.store')
  return {
    place: fields.uint('place'), channel: parseConversationId(hexOf(fields.bytes('channel', 16))), kind: fields.boolean('authors') ? 'authors' : 'text',
    text: fields.text('text', LIMITS.textBytesMax), body: fields.bytes('body', { lengthMax: LIMITS.channelPostBytesMax }),
    signed: fields.has('signed') ? fields.bytes('signed', { lengthMax: LIMITS.channelPostBytesMax }) : undefined,
  }
}
