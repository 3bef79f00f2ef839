import {
  blobRefFields, CborFields, decodeCbor, encodeCbor, HISTORY_ASK_BYTES, hexOf, idBytes, isErrorCode, LIMITS, parseDeviceId, readBlobRef,
  type BlobRef, type CborValue, type DeviceId, type ErrorCode,
} from '@evegram/protocol'
import type { Transaction } from '../core/transaction.js'

/** What another own device offers; nothing of it is fetched before the person compared its digits. */
export interface OfferedArchive {
  readonly device: DeviceId
  readonly archive: BlobRef
  readonly messages: number
}

/** What this device asked its own devices for. */
export interface WantRow {
  /** Names the request, 16 random bytes. */
  readonly ask: Uint8Array
  /** `ended`: taken back, and the other devices are told before the row goes. */
  readonly state: 'asked' | 'taking' | 'done' | 'failed' | 'ended'
  readonly askedAtMs: number
  /** When the others were told last, of this state; 0 before. */
  readonly toldAtMs: number
  readonly declinedBy: readonly DeviceId[]
  /** What waits for the person to compare digits: of each device the newest. */
  readonly offers: readonly OfferedArchive[]
  /** The device whose digits the person found to be the same. */
  readonly confirmed?: DeviceId
  /** Devices whose digits the person found to differ: nothing of theirs is looked at any more. */
  readonly refused: readonly DeviceId[]
  /** The device whose archive is taken, and what it gave. */
  readonly from?: DeviceId
  readonly archive?: BlobRef
  readonly messages?: number
  readonly error?: ErrorCode
}

const KEY = 'want'
const ROW_BYTES_MAX = 16_384
/** Devices whose no is kept, and devices to which the person said no. */
export const DECLINED_MAX = 64
/** Offers that wait at once: of each device that an account may have one. */
export const OFFERS_MAX = LIMITS.devicesPerAccountMax
const STATES: readonly WantRow['state'][] = ['asked', 'taking', 'done', 'failed', 'ended']

/** The row, as `source` sees it. */
export async function readWant(source: Pick<Transaction, 'get'>): Promise<WantRow | undefined> {
  const bytes = await source.get('history', KEY)
  if (bytes === undefined) return undefined
  const fields = new CborFields(decodeCbor(bytes, ROW_BYTES_MAX), 'client.store')
  const devices = (name: string): DeviceId[] => fields.list(name, DECLINED_MAX).map((id) => parseDeviceId(id instanceof Uint8Array ? hexOf(id) : fields.fail('device')))
  const error = fields.has('error') ? fields.text('error', 64) : undefined
  return {
    ask: fields.bytes('ask', HISTORY_ASK_BYTES), state: STATES[fields.uint('state')] ?? fields.fail('state'), askedAtMs: fields.uint('askedAtMs'), toldAtMs: fields.uint('toldAtMs'),
    declinedBy: devices('declinedBy'), offers: fields.has('offers') ? fields.list('offers', OFFERS_MAX).map(readOffer) : [], refused: fields.has('refused') ? devices('refused') : [],
    ...(fields.has('confirmed') ? { confirmed: parseDeviceId(hexOf(fields.bytes('confirmed', 16))) } : {}),
    ...(fields.has('from') ? { from: parseDeviceId(hexOf(fields.bytes('from', 16))) } : {}),
    ...(fields.has('archive') ? { archive: readBlobRef(new CborFields(fields.value('archive'), 'client.store'), LIMITS.blobBytesMax) } : {}),
    ...(fields.has('messages') ? { messages: fields.uint('messages') } : {}), ...(error !== undefined && isErrorCode(error) ? { error } : {}),
  }
}

function readOffer(value: CborValue): OfferedArchive {
  const fields = new CborFields(value, 'client.store')
  return {
    device: parseDeviceId(hexOf(fields.bytes('device', 16))), messages: fields.uint('messages'),
    archive: readBlobRef(new CborFields(fields.value('archive'), 'client.store'), LIMITS.blobBytesMax),
  }
}

/** Writes the row; undefined: this device wants nothing. */
export function writeWant(tx: Transaction, row: WantRow | undefined): void {
  if (row === undefined) {
    tx.remove('history', KEY)
    return
  }
  const map: Record<string, CborValue> = {
    ask: row.ask, state: STATES.indexOf(row.state), askedAtMs: row.askedAtMs, toldAtMs: row.toldAtMs, declinedBy: row.declinedBy.map((device) => idBytes(device)),
    offers: row.offers.map(({ device, archive, messages }) => ({ device: idBytes(device), archive: blobRefFields(archive), messages })), refused: row.refused.map((device) => idBytes(device)),
  }
  if (row.confirmed !== undefined) map['confirmed'] = idBytes(row.confirmed)
  if (row.from !== undefined) map['from'] = idBytes(row.from)
  if (row.archive !== undefined) map['archive'] = blobRefFields(row.archive)
  if (row.messages !== undefined) map['messages'] = row.messages
  if (row.error !== undefined) map['error'] = row.error
  tx.put('history', KEY, encodeCbor(map))
}

/** The request once an offer of a device that the person compared is taken; what others offered is forgotten. */
export function taking(want: WantRow, { device, archive, messages }: OfferedArchive): WantRow {
  return { ...want, state: 'taking', confirmed: device, from: device, archive, messages, offers: [] }
}
