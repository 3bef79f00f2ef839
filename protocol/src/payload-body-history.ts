import { blobRefFields, readBlobRef, type BlobRef } from './blob-ref.js'
import { CborFields } from './cbor.js'
import { LIMITS } from './limits.js'
import type { PayloadBodyCodec } from './payload-body-codec.js'

/** Random bytes that name one request for history, in all that is said about it. */
export const HISTORY_ASK_BYTES = 16

/** A device asks its own devices for what was said before it came, or says that it needs nothing more. */
export type HistoryRequest =
  | {
      readonly ask: Uint8Array
      /** Newest version of archives that it reads. */
      readonly reads: number
    }
  | { readonly ask: Uint8Array; readonly over: true }

/** What an own device answers: an archive in a blob, or that its person declined. */
export type HistoryOffer =
  | {
      readonly ask: Uint8Array
      /** A sealed archive at the server; of up to `LIMITS.blobBytesMax` bytes. */
      readonly archive: BlobRef
      readonly messages: number
      /** In ms since 1970. */
      readonly madeAtMs: number
    }
  | { readonly ask: Uint8Array; readonly declined: true }

const VERSION_MAX = 255
const TIME_MS_MAX = 2 ** 48 - 1

/** Body of `history_request`. Throws `invalid.payload`. */
export const historyRequestBody: PayloadBodyCodec<HistoryRequest> = {
  fields: (body) => ('over' in body ? { ask: body.ask, over: true } : { ask: body.ask, reads: body.reads }),
  read: (fields) => {
    const ask = fields.bytes('ask', HISTORY_ASK_BYTES)
    if (fields.has('over')) return fields.boolean('over') ? { ask, over: true } : fields.fail('over: true, or nothing')
    const reads = fields.uint('reads', VERSION_MAX)
    return reads === 0 ? fields.fail('reads: from 1') : { ask, reads }
  },
}

/** Body of `history_offer`. Throws `invalid.payload`, `too_large.file` for an archive beyond what a server stores. */
export const historyOfferBody: PayloadBodyCodec<HistoryOffer> = {
  fields: (body) => ('declined' in body
    ? { ask: body.ask, declined: true }
    : { ask: body.ask, archive: blobRefFields(body.archive), messages: body.messages, madeAtMs: body.madeAtMs }),
  read: (fields) => {
    const ask = fields.bytes('ask', HISTORY_ASK_BYTES)
    if (fields.has('declined')) return fields.boolean('declined') ? { ask, declined: true } : fields.fail('declined: true, or nothing')
    const sealed = new CborFields(fields.value('archive'), 'invalid.payload')
    const archive = readBlobRef(sealed, LIMITS.blobBytesMax)
    sealed.end()
    return { ask, archive, messages: fields.uint('messages'), madeAtMs: fields.uint('madeAtMs', TIME_MS_MAX) }
  },
}
