import { CborFields, decodeCbor, encodeCbor, EvegramError, type CborValue } from '@evegram/protocol'
import { ID_RANGES_MAX, includesId, withIds, type IdRanges } from '../../id-ranges.js'
import type { OneTimePrekey, PrekeyStatus, PublishedPrekeys, PublishOutcome, SignedPrekey, TakenPrekeys } from '../../ports/prekey-store.js'
import { CHANGE_BYTES } from './conditional-writes.js'

/** All that is stored of the prekeys of one device. */
export interface PrekeyState {
  /** Undefined once the device was removed. */
  readonly signedPrekey: SignedPrekey | undefined
  /** Every one-time id that was ever published. */
  readonly seen: IdRanges
  /** One-time keys not handed out yet, {@link ONE_TIME_BYTES} each, in the order of their ids. */
  readonly oneTime: Uint8Array
  /** The newest changes of the row, so that a writer who heard nothing of its own finds it behind those of others. */
  readonly recent: readonly Uint8Array[]
}

/** A step on the state of a device: what to keep (`state` itself: nothing changes) and what to answer. */
export type PrekeyStep<Result> = (state: PrekeyState | undefined) => { readonly state: PrekeyState | undefined; readonly result: Result }

/** Changes that a row remembers. */
const RECENT_MAX = 8
const PUBLIC_KEY_BYTES = 33
const SIGNATURE_BYTES = 64
/** Id (big-endian) and public key. */
const ONE_TIME_BYTES = 4 + PUBLIC_KEY_BYTES
/** One-time keys that a row has room for, whatever a caller allows. */
const ONE_TIME_MAX = 4_096
const STATE_BYTES_MAX = 262_144

/** Replaces the signed prekey and adds one-time keys, all or nothing. Throws `invalid.argument` for ids or keys of another size. */
export function publishStep(keys: PublishedPrekeys, oneTimeMax: number): PrekeyStep<PublishOutcome> {
  // Before it waits with others: what cannot be stored fails its own caller.
  keys.oneTimePrekeys.forEach(check)
  return (state) => {
    if (state !== undefined && state.signedPrekey === undefined) return { state, result: { status: 'removed' } }
    const { seen, oneTime } = state ?? { seen: [], oneTime: new Uint8Array() }
    const repeated = keys.oneTimePrekeys.find(({ id }) => includesId(seen, id))
    if (repeated !== undefined) return { state, result: { status: 'id_seen', id: repeated.id } }
    const all = [...unpack(oneTime), ...keys.oneTimePrekeys].sort((one, other) => one.id - other.id)
    const nowSeen = withIds(seen, keys.oneTimePrekeys.map(({ id }) => id))
    if (all.length > Math.min(oneTimeMax, ONE_TIME_MAX) || nowSeen === undefined) {
      return { state, result: { status: 'too_many', oneTimeRemaining: countOf(oneTime) } }
    }
    return {
      state: { signedPrekey: keys.signedPrekey, seen: nowSeen, oneTime: pack(all), recent: state?.recent ?? [] },
      result: { status: 'published', oneTimeRemaining: all.length },
    }
  }
}

/** Takes the oldest one-time key if more than `keep` are left. */
export function takeStep(keep: number): PrekeyStep<TakenPrekeys | undefined> {
  return (state) => {
    if (state?.signedPrekey === undefined) return { state, result: undefined }
    const { signedPrekey, oneTime } = state
    const left = countOf(oneTime)
    if (left <= keep) return { state, result: { signedPrekey, oneTimePrekey: undefined, oneTimeRemaining: left } }
    const [oneTimePrekey] = unpack(oneTime.subarray(0, ONE_TIME_BYTES))
    return { state: { ...state, oneTime: oneTime.subarray(ONE_TIME_BYTES) }, result: { signedPrekey, oneTimePrekey, oneTimeRemaining: left - 1 } }
  }
}

/** Removes all keys for good; what was seen stays. */
export const removeStep: PrekeyStep<undefined> = (state) => (
  { state: { signedPrekey: undefined, seen: state?.seen ?? [], oneTime: new Uint8Array(), recent: state?.recent ?? [] }, result: undefined }
)

/** Undefined when the device never published or was removed. */
export function statusOf(state: PrekeyState | undefined): PrekeyStatus | undefined {
  return state?.signedPrekey === undefined ? undefined : { signedPrekey: state.signedPrekey, oneTimeRemaining: countOf(state.oneTime) }
}

/** The state with one more change remembered. */
export function withChange(state: PrekeyState, change: Uint8Array): PrekeyState {
  return { ...state, recent: [change, ...state.recent].slice(0, RECENT_MAX) }
}

/** The state as bytes. Deterministic CBOR, this adapter's own format. */
export function encodePrekeys(state: PrekeyState): Uint8Array<ArrayBuffer> {
  const { signedPrekey, seen, oneTime, recent } = state
  return encodeCbor({
    signed: signedPrekey === undefined ? null : {
      id: signedPrekey.id, publicKey: signedPrekey.publicKey, signature: signedPrekey.signature,
      createdAt: signedPrekey.createdAtMs, deviceSignature: signedPrekey.deviceSignature,
    },
    seen, oneTime, recent,
  })
}

/** The state of a row. Throws `unavailable.store` or `invalid.cbor` when it is damaged. */
export function decodePrekeys(bytes: Uint8Array): PrekeyState {
  const fields = new CborFields(decodeCbor(bytes, STATE_BYTES_MAX), 'unavailable.store')
  const signed = fields.value('signed')
  const oneTime = fields.bytes('oneTime', { lengthMax: ONE_TIME_MAX * ONE_TIME_BYTES })
  if (oneTime.length % ONE_TIME_BYTES !== 0) fields.fail('oneTime: length')
  return {
    signedPrekey: signed === null ? undefined : readSigned(signed),
    seen: fields.list('seen', 2 * ID_RANGES_MAX).map((value) => (typeof value === 'number' ? value : fields.fail('seen'))),
    oneTime,
    recent: fields.list('recent', RECENT_MAX).map((value) => (value instanceof Uint8Array && value.length === CHANGE_BYTES ? value : fields.fail('recent'))),
  }
}

function readSigned(value: CborValue): SignedPrekey {
  const fields = new CborFields(value, 'unavailable.store')
  return {
    id: fields.uint('id'), publicKey: fields.bytes('publicKey', PUBLIC_KEY_BYTES), signature: fields.bytes('signature', SIGNATURE_BYTES),
    createdAtMs: fields.uint('createdAt'), deviceSignature: fields.bytes('deviceSignature', SIGNATURE_BYTES),
  }
}

function countOf(oneTime: Uint8Array): number {
  return oneTime.length / ONE_TIME_BYTES
}

function check({ id, publicKey }: OneTimePrekey): void {
  if (publicKey.length === PUBLIC_KEY_BYTES && Number.isInteger(id) && id >= 0 && id <= 0xffff_ffff) return
  throw new EvegramError('invalid.argument', { operation: 'publish prekeys' })
}

function pack(keys: readonly OneTimePrekey[]): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(keys.length * ONE_TIME_BYTES)
  const view = new DataView(packed.buffer)
  for (const [index, { id, publicKey }] of keys.entries()) {
    view.setUint32(index * ONE_TIME_BYTES, id)
    packed.set(publicKey, index * ONE_TIME_BYTES + 4)
  }
  return packed
}

function unpack(oneTime: Uint8Array): OneTimePrekey[] {
  const view = new DataView(oneTime.buffer, oneTime.byteOffset, oneTime.byteLength)
  return Array.from({ length: countOf(oneTime) }, (_, index) => {
    const at = index * ONE_TIME_BYTES
    return { id: view.getUint32(at), publicKey: oneTime.slice(at + 4, at + ONE_TIME_BYTES) }
  })
}
