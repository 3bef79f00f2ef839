import { ALL_DEVICES, BODY_TYPE, ENVELOPE_KIND } from '@evegram/protocol'
import { EnvelopeTemplate } from '../../raw/envelope-template.js'
import type { RawDevice } from '../../raw/raw-device.js'
import type { DriverConversation } from './driver.js'
import type { EnvelopeConversation } from './evegram-handles.js'

/** A device that sends opaque envelopes into a direct conversation or a group. */
export class EvegramEnvelopes implements DriverConversation {
  readonly #device: RawDevice
  readonly #conversation: EnvelopeConversation
  readonly #write: (token: number, correlation: number, frame: Uint8Array) => void
  readonly #nextCorrelation: () => number
  #template: { readonly payloadBytes: number; readonly envelopes: EnvelopeTemplate } | undefined

  /** `write` takes a copy of a frame at once. */
  constructor(
    device: RawDevice, conversation: EnvelopeConversation,
    write: (token: number, correlation: number, frame: Uint8Array) => void, nextCorrelation: () => number,
  ) {
    this.#device = device
    this.#conversation = conversation
    this.#write = write
    this.#nextCorrelation = nextCorrelation
  }

  send(payload: Uint8Array, token: number): void {
    // A run has payloads of one length. The numbers of a conversation go on from 1: one template for all of them.
    this.#template ??= { payloadBytes: payload.length, envelopes: opaqueEnvelopes(this.#device, this.#conversation, payload.length) }
    if (this.#template.payloadBytes !== payload.length) throw new RangeError('all payloads of a conversation have one length')
    const correlation = this.#nextCorrelation()
    this.#write(token, correlation, this.#template.envelopes.nextInPlace(payload, correlation))
  }
}

/** Envelopes of one length that `device` sends into a conversation, with opaque bodies; their numbers begin with 1. */
export function opaqueEnvelopes({ account, device }: RawDevice, { conversation, membershipVersion, versions, devices }: EnvelopeConversation, payloadBytes: number): EnvelopeTemplate {
  const to = devices.find((one) => one.device !== device)?.device ?? ALL_DEVICES
  return new EnvelopeTemplate({
    kind: ENVELOPE_KIND.message, conversation, device, account, epoch: 1, membershipVersion, accounts: versions,
    bodies: [{ device: to, type: BODY_TYPE.opaque, bytes: new Uint8Array(payloadBytes) }],
  })
}
