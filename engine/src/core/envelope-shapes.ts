import { ACCOUNT_VERSION_BYTES, BODY_HEADER_BYTES, ENVELOPE_OFFSETS, IdCache, viewEnvelope, type EnvelopeView } from '@evegram/protocol'
import type { ConversationLease } from './conversations.js'

/** Shapes that are remembered, a power of two. */
const SLOTS = 4_096
/** Envelopes that are longer, or have more bodies, are read anew each time: 16 MB when all places hold the longest. */
const BYTES_MAX = 4_096
const BODIES_MAX = 16

/**
 * What an envelope says apart from which message it is and what the bodies hold: all that it is judged and routed by. The messages of a device in a
 * conversation have the same one until something changes, so it is one object for many messages.
 */
export interface EnvelopeShape extends Omit<EnvelopeView, 'bytes' | 'number' | 'order'> {
  /** The lease that this shape was found to fit without any objection; for that one there is nothing to check again. */
  fits: ConversationLease | undefined
}

interface Known {
  readonly shape: EnvelopeShape
  /** An envelope of the shape. */
  readonly bytes: DataView
}

/** The shape of an envelope that was read. */
export function shapeOf({ kind, conversation, device, account, epoch, membershipVersion, accounts, bodies }: EnvelopeView): EnvelopeShape {
  return { kind, conversation, device, account, epoch, membershipVersion, accounts, bodies, fits: undefined }
}

/**
 * Reads envelopes, and remembers the shapes that it read last. An envelope whose bytes are those of one that was read, but for number, order key and
 * ciphertexts, has its shape and is as valid: comparing costs less than reading, and leaves nothing to the collector.
 */
export class EnvelopeShapes {
  readonly #ids = new IdCache()
  readonly #slots: (Known | undefined)[] = new Array<Known | undefined>(SLOTS).fill(undefined)
  /** A view of the memory in which the last envelope lay: many share one. */
  #view: DataView = new DataView(new ArrayBuffer(0))

  /** The shape of an encoded envelope. Throws as {@link viewEnvelope}. */
  read(bytes: Uint8Array): EnvelopeShape {
    const slot = slotOf(bytes)
    const known = this.#slots[slot]
    if (known !== undefined && bytes.length === known.bytes.byteLength && this.#hasShape(bytes, known)) return known.shape
    const shape = shapeOf(viewEnvelope(bytes, this.#ids))
    if (bytes.length <= BYTES_MAX && shape.bodies.length <= BODIES_MAX) this.#slots[slot] = { shape, bytes: new DataView(Uint8Array.from(bytes).buffer) }
    return shape
  }

  /**
   * Whether an envelope says the same as a known one of its length, wherever that decides about its shape or whether it is valid. Lengths of bodies are among
   * that, so everything lies in the same places.
   */
  #hasShape(bytes: Uint8Array, { shape, bytes: known }: Known): boolean {
    const { buffer, byteOffset: at } = bytes
    if (this.#view.buffer !== buffer) this.#view = new DataView(buffer)
    const view = this.#view
    if (!sameWords(view, at, known, 0, ENVELOPE_OFFSETS.number)) return false
    // The number may differ, save its upper bytes, which have to be those of one that fits 53 bits.
    if (view.getUint16(at + ENVELOPE_OFFSETS.number) !== known.getUint16(ENVELOPE_OFFSETS.number)) return false
    if (!sameWords(view, at, known, ENVELOPE_OFFSETS.membershipVersion, ENVELOPE_OFFSETS.end + shape.accounts.length * ACCOUNT_VERSION_BYTES)) return false
    for (const { start } of shape.bodies) if (!sameWords(view, at, known, start, start + BODY_HEADER_BYTES)) return false
    return true
  }
}

/** A place by device, conversation and length: ids are hashes, or begin or end with bits of one. */
function slotOf(bytes: Uint8Array): number {
  let mixed = bytes.length
  for (let at: number = ENVELOPE_OFFSETS.conversation; at < ENVELOPE_OFFSETS.account; at += 4) {
    mixed = Math.imul(mixed, 31) + (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
  }
  return (mixed ^ (mixed >>> 15)) & (SLOTS - 1)
}

/** Whether the bytes from `from` to `to`, a multiple of four, are those of a known envelope; ours lie `at` behind the start of `view`. */
function sameWords(view: DataView, at: number, known: DataView, from: number, to: number): boolean {
  for (let word = from; word < to; word += 4) if (view.getInt32(at + word) !== known.getInt32(word)) return false
  return true
}
