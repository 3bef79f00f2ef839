import { decodeCbor, encodeCbor, CborFields, type CborValue } from './cbor.js'
import { bytesOfHex, concatBytes, hexOf, lengthPrefixed } from './bytes.js'
import type { AccountVersion } from './envelope.js'
import { EvegramError, isErrorCode, type ErrorCode } from './errors.js'
import { FRAME_HEADER_BYTES } from './frame.js'
import {
  idBytes, parseAccountId, parseConversationId, parseDeviceId, type AccountId, type ConversationId, type DeviceId,
} from './ids.js'
import { LIMITS } from './limits.js'
import { decodePosition, encodePosition, POSITION_BYTES, readPosition, writePosition, type Position } from './position.js'

/** `open`: makes or finds the direct conversation with `peer`. Idempotent. */
export interface Open {
  readonly peer: AccountId
}

/** `opened`: the membership of a conversation, with the account-log version of each member. */
export interface Opened {
  readonly conversation: ConversationId
  readonly membershipVersion: number
  readonly members: readonly AccountVersion[]
}

/** `read_group`: entries of the membership log of a group, behind number `after`. */
export interface ReadGroup {
  readonly conversation: ConversationId
  /** 0 for all. */
  readonly after: number
}

/** `group`: answer to `read_group`. More follows when `after` and the entries do not reach `version`. */
export interface GroupPage {
  readonly conversation: ConversationId
  /** Number of the newest entry. */
  readonly version: number
  /** Encoded entries that follow each other, at most {@link GROUP_PAGE_ENTRIES_MAX}. */
  readonly entries: readonly Uint8Array[]
}

/** `read`: history of one conversation in log order, behind `after`. */
export interface Read {
  readonly conversation: ConversationId
  readonly after: Position
  readonly limit: number
}

/**
 * `catch_up`: everything for this device since the cursor, page by page. The first request names `sinceMs` (a T of a `synced`
 * frame, or the time at which the device was added); the following ones the `token` of the page before.
 * After the last page the server sends `synced` and the session is live.
 */
export type CatchUp = { readonly sinceMs: number } | { readonly token: Uint8Array }

/** One delivered envelope: its log position and the slice for the receiving device. */
export interface Delivery {
  readonly position: Position
  /** As `sliceEnvelope` wrote it: no body when the envelope holds none for this device. */
  readonly envelope: Uint8Array
}

/** `page`: answer to `read` and `catch_up`. */
export interface Page {
  readonly deliveries: readonly Delivery[]
  /** More follows: for `read` behind the last delivery, for `catch_up` by `token`. */
  readonly more: boolean
  readonly token?: Uint8Array
  /** The cursor was older than the retention: what lies between is gone. Time in ms from which on the server still has everything. */
  readonly discontinuityMs?: number
}

/** One acknowledgement: the envelope sent under `correlation` is stored. */
export interface Ack {
  readonly correlation: number
  readonly position: Position
}

/** `failure`: a request was refused, or (correlation 0) the connection is about to be closed. */
export interface Failure {
  readonly code: ErrorCode
  readonly message: string
  readonly retryAfterMs?: number
  /** With `stale.devices`: the members' current account-log versions. */
  readonly accounts?: readonly AccountVersion[]
  /** With `stale.devices`: devices of members that the envelope has no body for. */
  readonly missing?: readonly DeviceId[]
}

/** `notice`: something a client should know at once. */
export type Notice =
  /** The account log of a member (or the own account) moved to `seq`. */
  | { readonly kind: 'account_changed'; readonly account: AccountId; readonly seq: number }
  /** This node drains: connect again within `spreadMs`, at a random moment. */
  | { readonly kind: 'draining'; readonly spreadMs: number }
  /** Stored prekeys of this device run low. */
  | { readonly kind: 'prekeys_low'; readonly remaining: number }

/** Flags of a `send` frame: how often this message was refused with `stale.devices` before (0..2). */
export const SEND_REFUSALS_MAX = 2

const INVALID = 'invalid.request' as const
const FAILURE_MESSAGE_MAX = 512

/** Entries of a membership log in one page: they fit whatever their size. */
export const GROUP_PAGE_ENTRIES_MAX = Math.floor(LIMITS.pageBytesMax / LIMITS.membershipEntryBytesMax)

function fieldsOf(body: Uint8Array): CborFields {
  return new CborFields(decodeCbor(body, LIMITS.frameBytesMax), INVALID)
}

/** Body of `open`. */
export function encodeOpen(value: Open): Uint8Array<ArrayBuffer> {
  return encodeCbor({ peer: idBytes(value.peer) })
}
/** Throws `invalid.cbor`, `invalid.request`. */
export function decodeOpen(body: Uint8Array): Open {
  return { peer: parseAccountId(hexOf(fieldsOf(body).bytes('peer', 16))) }
}

function encodeVersions(versions: readonly AccountVersion[]): CborValue {
  return versions.map(({ account, seq }) => [idBytes(account), seq])
}
function decodeVersions(list: readonly CborValue[], fields: CborFields): AccountVersion[] {
  return list.map((pair) => {
    // Array.isArray widens readonly arrays to any[]; the type of `pair` is known.
    const [account, seq, ...others] = Array.isArray(pair) ? (pair as readonly CborValue[]) : []
    if (!(account instanceof Uint8Array) || account.length !== 16 || others.length > 0) return fields.fail('account versions')
    if (typeof seq !== 'number' || seq < 0 || seq > 0xffffffff) return fields.fail('account versions')
    return { account: parseAccountId(hexOf(account)), seq }
  })
}

/** Body of `opened`. */
export function encodeOpened(value: Opened): Uint8Array<ArrayBuffer> {
  return encodeCbor({
    conversation: idBytes(value.conversation), membershipVersion: value.membershipVersion, members: encodeVersions(value.members),
  })
}
/** Throws `invalid.cbor`, `invalid.request`. */
export function decodeOpened(body: Uint8Array): Opened {
  const fields = fieldsOf(body)
  return {
    conversation: parseConversationId(hexOf(fields.bytes('conversation', 16))),
    membershipVersion: fields.uint('membershipVersion', 0xffffffff),
    members: decodeVersions(fields.list('members', LIMITS.envelopeAccountsMax), fields),
  }
}

/** Body of `read_group`. */
export function encodeReadGroup(value: ReadGroup): Uint8Array<ArrayBuffer> {
  return encodeCbor({ conversation: idBytes(value.conversation), after: value.after })
}
/** Throws `invalid.cbor`, `invalid.request`. */
export function decodeReadGroup(body: Uint8Array): ReadGroup {
  const fields = fieldsOf(body)
  return { conversation: parseConversationId(hexOf(fields.bytes('conversation', 16))), after: fields.uint('after', 0xffffffff) }
}

/** Body of `group`. */
export function encodeGroupPage(value: GroupPage): Uint8Array<ArrayBuffer> {
  return encodeCbor({ conversation: idBytes(value.conversation), version: value.version, entries: value.entries })
}
/** Throws `invalid.cbor`, `invalid.request`. */
export function decodeGroupPage(body: Uint8Array): GroupPage {
  const fields = fieldsOf(body)
  return {
    conversation: parseConversationId(hexOf(fields.bytes('conversation', 16))), version: fields.uint('version', 0xffffffff),
    entries: fields.list('entries', GROUP_PAGE_ENTRIES_MAX).map((entry) =>
      (entry instanceof Uint8Array && entry.length <= LIMITS.membershipEntryBytesMax ? entry : fields.fail('entries'))),
  }
}

/** Body of `read`. */
export function encodeRead(value: Read): Uint8Array<ArrayBuffer> {
  return encodeCbor({ conversation: idBytes(value.conversation), after: encodePosition(value.after), limit: value.limit })
}
/** Throws `invalid.cbor`, `invalid.request`, `invalid.position`. */
export function decodeRead(body: Uint8Array): Read {
  const fields = fieldsOf(body)
  return {
    conversation: parseConversationId(hexOf(fields.bytes('conversation', 16))),
    after: decodePosition(fields.bytes('after', POSITION_BYTES)),
    limit: Math.max(1, fields.uint('limit', LIMITS.pageEnvelopesMax)),
  }
}

/** Body of `catch_up`. */
export function encodeCatchUp(value: CatchUp): Uint8Array<ArrayBuffer> {
  return encodeCbor('token' in value ? { token: value.token } : { sinceMs: value.sinceMs })
}
/** Throws `invalid.cbor`, `invalid.request`. */
export function decodeCatchUp(body: Uint8Array): CatchUp {
  const fields = fieldsOf(body)
  return fields.has('token') ? { token: fields.bytes('token', { lengthMax: 64 }) } : { sinceMs: fields.uint('sinceMs', 2 ** 48 - 1) }
}

/** Body of `deliver`: position (16), then the sliced envelope. */
export function encodeDelivery(value: Delivery): Uint8Array<ArrayBuffer> {
  return concatBytes(encodePosition(value.position), value.envelope)
}
/** Throws `invalid.frame`, `invalid.position`. The envelope is a view. */
export function decodeDelivery(body: Uint8Array): Delivery {
  if (body.length < POSITION_BYTES) throw new EvegramError('invalid.frame', { operation: 'decode delivery' })
  return { position: decodePosition(body.subarray(0, POSITION_BYTES)), envelope: body.subarray(POSITION_BYTES) }
}

/** Body of `page`: length (u32) and CBOR of `{more, token?, discontinuityMs?}`, then for each delivery its length (u32) and body. */
export function encodePage(page: Page): Uint8Array<ArrayBuffer> {
  const meta: Record<string, CborValue> = { more: page.more }
  if (page.token !== undefined) meta['token'] = page.token
  if (page.discontinuityMs !== undefined) meta['discontinuityMs'] = page.discontinuityMs
  return lengthPrefixed(encodeCbor(meta), ...page.deliveries.map(encodeDelivery))
}
/** Throws `invalid.frame`, `invalid.cbor`, `invalid.request`, `invalid.position`. */
export function decodePage(body: Uint8Array): Page {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const parts: Uint8Array[] = []
  let offset = 0
  while (offset < body.length) {
    if (offset + 4 > body.length) throw new EvegramError('invalid.frame', { operation: 'decode page' })
    const end = offset + 4 + view.getUint32(offset)
    if (end > body.length || parts.length > LIMITS.pageEnvelopesMax) throw new EvegramError('invalid.frame', { operation: 'decode page' })
    parts.push(body.subarray(offset + 4, end))
    offset = end
  }
  const [head, ...rest] = parts
  if (head === undefined) throw new EvegramError('invalid.frame', { operation: 'decode page' })
  const fields = new CborFields(decodeCbor(head, 1_024), INVALID)
  return {
    deliveries: rest.map(decodeDelivery),
    more: fields.boolean('more'),
    ...(fields.has('token') ? { token: fields.bytes('token', { lengthMax: 64 }) } : {}),
    ...(fields.has('discontinuityMs') ? { discontinuityMs: fields.uint('discontinuityMs') } : {}),
  }
}

/** Bytes of one acknowledgement: correlation (u32), position (16). */
export const ACK_BYTES = 4 + POSITION_BYTES
/** Acknowledgements that fit in one `ack` frame. */
export const ACKS_PER_FRAME_MAX = Math.floor((LIMITS.frameBytesMax - FRAME_HEADER_BYTES) / ACK_BYTES)

/** Body of `ack`: one entry after the other, at least one. */
export function encodeAcks(acks: readonly Ack[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(acks.length * ACK_BYTES)
  const view = new DataView(bytes.buffer)
  acks.forEach(({ correlation, position }, index) => {
    view.setUint32(index * ACK_BYTES, correlation)
    writePosition(view, index * ACK_BYTES + 4, position)
  })
  return bytes
}
/** Throws `invalid.frame`, `invalid.position`. */
export function decodeAcks(body: Uint8Array): Ack[] {
  if (body.length === 0 || body.length % ACK_BYTES !== 0) throw new EvegramError('invalid.frame', { operation: 'decode acks' })
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const acks: Ack[] = []
  for (let offset = 0; offset < body.length; offset += ACK_BYTES) {
    acks.push({ correlation: view.getUint32(offset), position: readPosition(view, offset + 4) })
  }
  return acks
}

/** `device_ack`: how many `deliver` frames of this connection the device has committed, and its durable cursor T in ms (0: none). */
export interface DeviceAck {
  /** Count since the connection was opened, modulo 2^32. */
  readonly committed: number
  readonly cursorMs: number
}
/** Body of `device_ack`: count (u32), cursor (u64). */
export function encodeDeviceAck(value: DeviceAck): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(12)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, value.committed >>> 0)
  writeTime(view, 4, value.cursorMs)
  return bytes
}
/** Throws `invalid.frame`. */
export function decodeDeviceAck(body: Uint8Array): DeviceAck {
  if (body.length !== 12) throw new EvegramError('invalid.frame', { operation: 'decode device ack' })
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  return { committed: view.getUint32(0), cursorMs: decodeTime(view, 4) }
}

/** Body of `synced`: the cursor T in ms (u64). Everything for this device at positions <= T was sent before this frame. */
export function encodeSynced(cursorMs: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8)
  writeTime(new DataView(bytes.buffer), 0, cursorMs)
  return bytes
}
/** Throws `invalid.frame`. */
export function decodeSynced(body: Uint8Array): number {
  if (body.length !== 8) throw new EvegramError('invalid.frame', { operation: 'decode synced' })
  return decodeTime(new DataView(body.buffer, body.byteOffset, body.byteLength), 0)
}

/** A fraction is cut off: an earlier cursor only repeats what is known. */
function writeTime(view: DataView, offset: number, timeMs: number): void {
  const wholeMs = Math.floor(timeMs)
  if (!(wholeMs >= 0 && wholeMs < 2 ** 48)) throw new EvegramError('invalid.argument', { operation: 'encode time' })
  view.setBigUint64(offset, BigInt(wholeMs))
}

function decodeTime(view: DataView, offset: number): number {
  const high = view.getUint32(offset)
  if (high >= 2 ** 16) throw new EvegramError('invalid.frame', { operation: 'decode time' })
  return high * 2 ** 32 + view.getUint32(offset + 4)
}

/** Body of `failure`. The message is cut at 512 characters; a failure that cannot be told would hide the first one. */
export function encodeFailure(value: Failure): Uint8Array<ArrayBuffer> {
  const message = value.message.slice(0, FAILURE_MESSAGE_MAX).replace(/\p{Surrogate}/gu, '\ufffd')
  const map: Record<string, CborValue> = { code: value.code, message }
  if (value.retryAfterMs !== undefined) map['retryAfterMs'] = Math.max(0, Math.ceil(value.retryAfterMs))
  if (value.accounts !== undefined) map['accounts'] = encodeVersions(value.accounts)
  if (value.missing !== undefined) map['missing'] = value.missing.map((device) => bytesOfHex(device))
  return encodeCbor(map)
}
/** Unknown codes of newer servers are read as `internal`. Throws `invalid.cbor`, `invalid.request`. */
export function decodeFailure(body: Uint8Array): Failure {
  const fields = fieldsOf(body)
  const code = fields.text('code', 64)
  return {
    code: isErrorCode(code) ? code : 'internal',
    message: fields.text('message', FAILURE_MESSAGE_MAX),
    ...(fields.has('retryAfterMs') ? { retryAfterMs: fields.uint('retryAfterMs') } : {}),
    ...(fields.has('accounts') ? { accounts: decodeVersions(fields.list('accounts', LIMITS.envelopeAccountsMax), fields) } : {}),
    ...(fields.has('missing')
      ? {
          missing: fields.list('missing', LIMITS.envelopeBodiesMax).map((id) => {
            if (id instanceof Uint8Array && id.length === 16) return parseDeviceId(hexOf(id))
            return fields.fail('missing')
          }),
        }
      : {}),
  }
}

/** Body of `notice`. */
export function encodeNotice(notice: Notice): Uint8Array<ArrayBuffer> {
  switch (notice.kind) {
    case 'account_changed':
      return encodeCbor({ kind: notice.kind, account: idBytes(notice.account), seq: notice.seq })
    case 'draining':
      return encodeCbor({ kind: notice.kind, spreadMs: notice.spreadMs })
    case 'prekeys_low':
      return encodeCbor({ kind: notice.kind, remaining: notice.remaining })
    default:
      return notice satisfies never
  }
}
/** `undefined` for kinds of newer servers. Throws `invalid.cbor`, `invalid.request`. */
export function decodeNotice(body: Uint8Array): Notice | undefined {
  const fields = fieldsOf(body)
  const kind = fields.text('kind', 64)
  if (kind === 'account_changed') return { kind, account: parseAccountId(hexOf(fields.bytes('account', 16))), seq: fields.uint('seq') }
  if (kind === 'draining') return { kind, spreadMs: fields.uint('spreadMs') }
  if (kind === 'prekeys_low') return { kind, remaining: fields.uint('remaining') }
  return undefined
}
