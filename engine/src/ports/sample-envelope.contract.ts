import {
  BODY_TYPE, ENVELOPE_KIND, encodeEnvelope, parseAccountId, parseConversationId, parseDeviceId, type AccountId, type ConversationId, type DeviceId,
} from '@evegram/protocol'

const hexOfNumber = (prefix: string, number: number): string => prefix + number.toString(16).padStart(32 - prefix.length, '0')

/** Account number `number` of the suites. */
export function sampleAccount(number: number): AccountId {
  return parseAccountId(hexOfNumber('a', number))
}

/** Device number `number` of the suites. */
export function sampleDevice(number: number): DeviceId {
  return parseDeviceId(hexOfNumber('d', number))
}

/** Conversation number `number` of the suites; neighbours differ in their last byte only. */
export function sampleConversation(number: number): ConversationId {
  return parseConversationId(hexOfNumber('c', number))
}

/** What {@link sampleEnvelope} varies. */
export interface SampleFields {
  readonly conversation: ConversationId
  readonly device?: DeviceId
  readonly epoch?: number
  readonly number: number
  /** Length of the one body. */
  readonly bodyBytes?: number
  /** Value of every byte of the body: another value makes another copy of the same message. */
  readonly fill?: number
  /** Bodies, each for another device. */
  readonly bodies?: number
}

/** An encoded envelope with opaque bodies; `epoch` 0 makes control traffic. */
export function sampleEnvelope(fields: SampleFields): Uint8Array<ArrayBuffer> {
  const { conversation, device = sampleDevice(1), epoch = 1, number, bodyBytes = 200, fill = 7, bodies = 1 } = fields
  return encodeEnvelope({
    kind: epoch === 0 ? ENVELOPE_KIND.control : ENVELOPE_KIND.message,
    conversation, device, account: sampleAccount(1), epoch, number,
    order: 1n, membershipVersion: 1, accounts: [],
    bodies: Array.from({ length: bodies }, (_, index) => ({
      device: sampleDevice(100 + index), type: BODY_TYPE.opaque, bytes: new Uint8Array(bodyBytes).fill(fill),
    })),
  })
}
