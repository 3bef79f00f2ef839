import { CborFields, decodeCbor, encodeCbor } from './cbor.js'
import { filesBody, type FilesBody } from './files-body.js'
import { LIMITS } from './limits.js'
import {
  deleteBody, editBody, reactionBody, timerBody, type DeleteBody, type EditBody, type ReactionBody, type TimerBody,
} from './payload-body-change.js'
import type { PayloadBodyCodec } from './payload-body-codec.js'
import { groupNameBody, senderKeyBody, type GroupNameBody, type SenderKeyGift } from './payload-body-group.js'
import { historyOfferBody, historyRequestBody, type HistoryOffer, type HistoryRequest } from './payload-body-history.js'
import { receiptBody, type ReceiptBody } from './payload-body-receipt.js'
import { resendBody, resendRequestBody, type ResendBody, type ResendRequest } from './payload-body-resend.js'
import { revocationBody, type RevocationBody } from './payload-body-revocation.js'
import { stateBody, type StateBody } from './payload-body-state.js'
import { textBody, type TextBody } from './payload-body-text.js'
import { voidBody, type VoidBody } from './payload-body-void.js'
import type { KnownPayloadKind } from './payload.js'
import { paymentFields, paymentRequestFields, readPayment, readPaymentRequest, type PaymentBody, type PaymentRequestBody } from './payment-body.js'

/** Body of each payload kind. */
export interface PayloadBodies {
  text: TextBody
  void: VoidBody
  receipt: ReceiptBody
  resend_request: ResendRequest
  resend: ResendBody
  revocation: RevocationBody
  sender_key: SenderKeyGift
  group_name: GroupNameBody
  payment: PaymentBody
  payment_request: PaymentRequestBody
  reaction: ReactionBody
  edit: EditBody
  delete: DeleteBody
  timer: TimerBody
  files: FilesBody
  history_request: HistoryRequest
  history_offer: HistoryOffer
  state: StateBody
}

/** How each is written and read: what a new kind needs beside its number in `PAYLOAD_KIND`. */
const CODECS: { readonly [Kind in KnownPayloadKind]: PayloadBodyCodec<PayloadBodies[Kind]> } = {
  text: textBody,
  void: voidBody,
  receipt: receiptBody,
  resend_request: resendRequestBody,
  resend: resendBody,
  revocation: revocationBody,
  sender_key: senderKeyBody,
  group_name: groupNameBody,
  payment: { fields: paymentFields, read: readPayment },
  payment_request: { fields: paymentRequestFields, read: readPaymentRequest },
  reaction: reactionBody,
  edit: editBody,
  delete: deleteBody,
  timer: timerBody,
  files: filesBody,
  history_request: historyRequestBody,
  history_offer: historyOfferBody,
  state: stateBody,
}

/** A kind with its body; of the kinds `Kind`. */
export type PayloadContent<Kind extends KnownPayloadKind = KnownPayloadKind> = {
  readonly [Each in Kind]: { readonly kind: Each; readonly body: PayloadBodies[Each] }
}[Kind]

/**
 * CBOR of a body, for `Payload.body`. Throws `too_large.payload` for a text or note over its limit, `invalid.utf8` for a text with half
 * a surrogate pair, and `invalid.payload` for what {@link decodePayloadBody} would refuse.
 */
export function encodePayloadBody<Kind extends KnownPayloadKind>(content: PayloadContent<Kind>): Uint8Array<ArrayBuffer> {
  const bytes = encodeCbor(CODECS[content.kind].fields(content.body))
  decodePayloadBody(content.kind, bytes)
  return bytes
}

/** Parses the body of a payload of `kind`. Throws `invalid.payload`, `invalid.cbor`, and `too_large.payload` for a text over the limit. */
export function decodePayloadBody<Kind extends KnownPayloadKind>(kind: Kind, bytes: Uint8Array): PayloadContent<Kind> {
  const fields = new CborFields(decodeCbor(bytes, LIMITS.payloadBytesMax), 'invalid.payload')
  const body = CODECS[kind].read(fields)
  fields.end()
  return { kind, body }
}
