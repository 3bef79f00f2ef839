import {
  BODY_TYPE, decodePayload, encodePayload, type AccountId, type DeviceId, type EnvelopeBody, type Payload,
} from '@evegram/protocol'
import type { Core } from '../core/context.js'
import type { Transaction } from '../core/transaction.js'

/** One device that a payload is meant for. */
export interface Recipient {
  readonly account: AccountId
  readonly device: DeviceId
}

/** Bodies that were made, and the devices that could not be encrypted for. */
export interface Sealed {
  readonly bodies: readonly EnvelopeBody[]
  /** No session yet: one is started from a bundle when the server can be asked. */
  readonly missing: readonly DeviceId[]
}

/** A payload without its recipient: what stays the same for every device and every copy. */
export type PayloadTemplate = Omit<Payload, 'recipientAccount' | 'recipientDevice' | 'start'>

/** Template as bytes, for the store. Throws `too_large.payload`. */
export function encodeTemplate(template: PayloadTemplate): Uint8Array<ArrayBuffer> {
  return encodePayload(template)
}

/** The template of a payload that was received: what it says to every recipient. */
export function templateIn(payload: Payload): PayloadTemplate {
  const { recipientAccount: _account, recipientDevice: _device, start: _start, ...template } = payload
  return template
}

/** Template of stored bytes. Throws as `decodePayload`. */
export function decodeTemplate(bytes: Uint8Array): PayloadTemplate {
  return decodePayload(bytes)
}

/**
 * The payload as it goes to one device, naming the state of its account's log that the sender knows. Direct conversations name all of theirs
 * already; in a group each recipient gets its own.
 */
function addressed(core: Core, template: PayloadTemplate, recipient: Recipient): PayloadTemplate {
  if (template.accountHeads.some(({ account }) => account === recipient.account)) return template
  return { ...template, accountHeads: [...template.accountHeads, core.roster.headOf(recipient.account)] }
}

/** The payload for one device. `startsAt` is the number at which the device enters the chain: that message says so. */
export function payloadFor(template: PayloadTemplate, recipient: Recipient, startsAt: number | undefined): Uint8Array<ArrayBuffer> {
  return encodePayload({
    ...template,
    recipientAccount: recipient.account,
    recipientDevice: recipient.device,
    ...(template.epoch > 0 && startsAt === template.number ? { start: { number: template.number, prev: template.prev } } : {}),
  })
}

/**
 * Encrypts the payload for each recipient inside `tx`, ratchet steps included. A device that is not attested (any more) gets the
 * body `skip`: the server then knows that it was left out on purpose.
 */
export async function sealFor(
  core: Core, tx: Transaction, template: PayloadTemplate, recipients: readonly Recipient[], startOf: ReadonlyMap<DeviceId, number>,
): Promise<Sealed> {
  const bodies: EnvelopeBody[] = []
  const missing: DeviceId[] = []
  for (const recipient of recipients) {
    const { device } = recipient
    const sealed = await core.ciphers.encryptFor(device, payloadFor(addressed(core, template, recipient), recipient, startOf.get(device)), tx.signal)
    switch (sealed.status) {
      case 'encrypted':
        tx.apply(sealed.changes)
        bodies.push({ device, type: sealed.type === 1 ? BODY_TYPE.prekey : BODY_TYPE.message, bytes: sealed.bytes })
        break
      case 'no_session':
        missing.push(device)
        break
      case 'untrusted_identity':
        bodies.push({ device, type: BODY_TYPE.skip, bytes: new Uint8Array(0) })
        break
      default:
        sealed satisfies never
    }
  }
  return { bodies, missing }
}
