import { equalBytes } from './bytes.js'
import { ENVELOPE_KIND, type EnvelopeHeader } from './envelope.js'
import type { AccountId, DeviceId } from './ids.js'
import { isNumberedKind, type Payload } from './payload.js'

/** A device and the account that attested it. */
export interface DeviceAddress {
  readonly account: AccountId
  readonly device: DeviceId
}

/** The receiving device and what it knows. */
export interface PayloadReceiver extends DeviceAddress {
  /** `pairwise`: the payload must name this device. `sender_key`: it must name none. */
  readonly session: 'pairwise' | 'sender_key'
  /** `membershipHash` of the envelope's membership version, where the receiver knows it. */
  readonly membershipHash?: Uint8Array
}

/** A field of the payload that contradicts the envelope, the session or the receiver. */
export type PayloadMismatch =
  | 'conversation' | 'senderAccount' | 'senderDevice' | 'recipientAccount' | 'recipientDevice' | 'membershipHash' | 'kind' | 'epoch' | 'number'
  | 'order' | 'prev'

/**
 * Compares every field of a decrypted payload with the envelope it came in, with the device that the session is attested for, and with
 * the receiver. The first field that differs is named; the receiver then drops the payload as `e2ee.envelope_mismatch` and counts it.
 */
export function checkPayload(
  payload: Payload, envelope: EnvelopeHeader, sender: DeviceAddress, me: PayloadReceiver,
): { readonly status: 'ok' } | { readonly status: 'mismatch'; readonly mismatch: PayloadMismatch } {
  const mismatch = firstMismatch(payload, envelope, sender, me)
  return mismatch === undefined ? { status: 'ok' } : { status: 'mismatch', mismatch }
}

function firstMismatch(payload: Payload, envelope: EnvelopeHeader, sender: DeviceAddress, me: PayloadReceiver): PayloadMismatch | undefined {
  if (payload.conversation !== envelope.conversation) return 'conversation'
  if (payload.senderAccount !== envelope.account || payload.senderAccount !== sender.account) return 'senderAccount'
  if (payload.senderDevice !== envelope.device || payload.senderDevice !== sender.device) return 'senderDevice'
  const named = me.session === 'pairwise' ? me : undefined
  if (payload.recipientAccount !== named?.account) return 'recipientAccount'
  if (payload.recipientDevice !== named?.device) return 'recipientDevice'
  if (me.membershipHash !== undefined && !equalBytes(payload.membershipHash, me.membershipHash)) return 'membershipHash'
  const numbered = envelope.kind === ENVELOPE_KIND.message
  if ((isNumberedKind(payload.kind) ?? numbered) !== numbered) return 'kind'
  if (payload.epoch !== envelope.epoch) return 'epoch'
  if (payload.number !== envelope.number) return 'number'
  if (payload.order !== envelope.order) return 'order'
  // Control traffic has no place in the chain, so a predecessor in it would be an unchecked claim.
  if (!numbered && payload.prev.some((byte) => byte !== 0)) return 'prev'
  return undefined
}
