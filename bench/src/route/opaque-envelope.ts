import { BODY_TYPE, directConversationIdOf, ENVELOPE_KIND, type AccountVersion } from '@evegram/protocol'
import { EnvelopeTemplate } from '../raw/envelope-template.js'
import type { RawDevice } from '../raw/raw-device.js'

/** Offset of the planned sending time (double, ms of the monotonic clock) behind the start of the payload. */
export const SENT_AT_OFFSET = 0

/** A `send` frame with one opaque payload whose number, order and time are filled in for each message; nothing else is encoded again. */
export class OpaqueSend {
  readonly #template: EnvelopeTemplate

  /** `versions`: of both account logs; by default those of accounts with one device each. */
  constructor(
    sender: RawDevice, receiver: RawDevice, payloadBytes: number,
    versions: readonly AccountVersion[] = [{ account: sender.account, seq: 1 }, { account: receiver.account, seq: 1 }],
  ) {
    this.#template = new EnvelopeTemplate({
      kind: ENVELOPE_KIND.message, conversation: directConversationIdOf(sender.account, receiver.account), device: sender.device, account: sender.account,
      epoch: 1, membershipVersion: 1, accounts: versions,
      bodies: [{ device: receiver.device, type: BODY_TYPE.opaque, bytes: new Uint8Array(payloadBytes) }],
    })
  }

  /** The frame of the next message; a copy, because the socket keeps it until it is written. */
  next(plannedAtMs: number): { readonly correlation: number; readonly frame: Uint8Array } {
    return this.#template.next((payload) => {
      new DataView(payload.buffer, payload.byteOffset).setFloat64(SENT_AT_OFFSET, plannedAtMs)
    })
  }
}
