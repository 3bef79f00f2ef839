import {
  BODY_TYPE, directConversationIdOf, encodeEnvelope, encodeFrame, ENVELOPE_KIND, ENVELOPE_OFFSETS, FRAME_HEADER_BYTES, FRAME_TYPE, type AccountVersion,
} from '@evegram/protocol'
import type { RawDevice } from '../raw/raw-device.js'

/** Offset of the planned sending time (double, ms of the monotonic clock) behind the start of the payload. */
export const SENT_AT_OFFSET = 0

/** A `send` frame with one opaque payload whose number, order and time are filled in for each message; nothing else is encoded again. */
export class OpaqueSend {
  readonly #frame: Uint8Array
  readonly #view: DataView
  readonly #payloadOffset: number
  #number = 0

  /** `versions`: of both account logs; by default those of accounts with one device each. */
  constructor(
    sender: RawDevice, receiver: RawDevice, payloadBytes: number,
    versions: readonly AccountVersion[] = [{ account: sender.account, seq: 1 }, { account: receiver.account, seq: 1 }],
  ) {
    const envelope = encodeEnvelope({
      kind: ENVELOPE_KIND.message, conversation: directConversationIdOf(sender.account, receiver.account), device: sender.device, account: sender.account,
      epoch: 1, number: 1, order: 1n << 16n, membershipVersion: 1,
      accounts: versions,
      bodies: [{ device: receiver.device, type: BODY_TYPE.opaque, bytes: new Uint8Array(payloadBytes) }],
    })
    this.#frame = encodeFrame(FRAME_TYPE.send, 1, envelope)
    this.#view = new DataView(this.#frame.buffer)
    this.#payloadOffset = this.#frame.length - payloadBytes
  }

  /** The frame of the next message; a copy, because the socket keeps it until it is written. */
  next(plannedAtMs: number): { readonly correlation: number; readonly frame: Uint8Array } {
    this.#number++
    this.#view.setUint32(8, this.#number)
    this.#view.setBigUint64(FRAME_HEADER_BYTES + ENVELOPE_OFFSETS.number, BigInt(this.#number))
    this.#view.setBigUint64(FRAME_HEADER_BYTES + ENVELOPE_OFFSETS.order, BigInt(Date.now()) << 16n)
    this.#view.setFloat64(this.#payloadOffset + SENT_AT_OFFSET, plannedAtMs)
    return { correlation: this.#number, frame: this.#frame.slice() }
  }
}
