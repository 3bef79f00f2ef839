import { Readable } from 'node:stream'
import { bytesField, responses, SIGNED_IN, timeAnswer, type HttpServer } from '@evegram/platform'
import { BLOB_DIGEST_BYTES, EvegramError, LIMITS, parseBlobId, type Clock } from '@evegram/protocol'
import { z } from 'zod'
import { BLOB_LIMITS } from '../config.js'
import type { Blobs } from '../core/blobs.js'
import type { Places } from '../core/places.js'
import { RETENTIONS } from '../ports/blob-store.js'
import type { Authentication } from './authenticate.js'
import { bodyInTime } from './body-in-time.js'
import { wantedRange } from './range.js'

/** Media type of bytes of an upload. */
const BYTES_TYPE = 'application/octet-stream'
/** An answer that is bytes. */
const asBytes = (description: string) => ({ description, content: { [BYTES_TYPE]: { schema: z.string().describe('bytes') } } })
/** Answers of the download; a stream is sent as it is, whatever its schema. */
const BYTES_ANSWERS: Readonly<Record<string, unknown>> = { ...responses(200, z.null()), 200: asBytes('The whole blob'), 206: asBytes('The range') }
const TAGS = ['Files']
const blobField = z.string().regex(/^[0-9a-f]{32}$/, '32 lower-case hexadecimal digits').describe('16 random bytes in hex, drawn by who uploads').transform(parseBlobId)
const params = z.object({ blob: blobField })
const newBlob = z.object({
  blob: blobField,
  bytes: z.int().min(1).max(LIMITS.blobBytesMax).describe('length of the whole'),
  digest: bytesField(BLOB_DIGEST_BYTES, BLOB_DIGEST_BYTES).describe('SHA-256 of the whole, base64url'),
  retention: z.enum(RETENTIONS).describe('how long it is kept: as long as messages, or as long as backups'),
})
const offsetHeader = z.object({ 'upload-offset': z.string().regex(/^[0-9]{1,15}$/, 'a whole number').describe('where the bytes go: as many as are stored').transform(Number) })
const progressAnswer = z.object({
  offset: z.number().describe('bytes that are stored and synced'), complete: z.boolean(),
  expiresAtMs: timeAnswer.describe('when it is forgotten; of an upload: when it must have gone on'),
})
const ownBlobAnswer = z.object({ blob: z.string(), bytes: z.number(), createdAtMs: timeAnswer, expiresAtMs: timeAnswer })

/** What the routes need. */
export interface BlobRoutesParts {
  readonly blobs: Blobs
  readonly authentication: Authentication
  readonly uploads: Places
  readonly downloads: Places
  readonly clock: Clock
}

/** `/v1/blobs`: encrypted files of messages and backups. Bytes come and go as streams. */
export async function blobRoutes(http: HttpServer, { blobs, authentication, uploads, downloads, clock }: BlobRoutesParts): Promise<void> {
  // In a scope of its own: other routes go on refusing bodies that are not JSON.
  await http.register(async (scope) => {
    // The scope is the parent's own kind of server; `register` forgets the type provider in its type, and the two are no subtypes of each other.
    const server = scope as unknown as HttpServer
    server.addContentTypeParser(BYTES_TYPE, (_request, payload, done) => { done(null, payload) })

    server.post('/v1/blobs', {
      bodyLimit: 1_024,
      schema: { tags: TAGS, security: SIGNED_IN, summary: 'Announce a blob; once more: how far it is', body: newBlob, response: responses(200, progressAnswer) },
    }, async (request) => {
      const { account } = await authentication.callerOf(request)
      return blobs.create(account, request.body)
    })

    server.get('/v1/blobs', {
      schema: { tags: TAGS, security: SIGNED_IN, summary: 'Own backups, newest first', response: responses(200, z.object({ blobs: z.array(ownBlobAnswer) })) },
    }, async (request) => {
      const { account } = await authentication.callerOf(request)
      const own = await blobs.backups(account)
      return { blobs: own.map(({ blob, bytes, createdAtMs, expiresAtMs }) => ({ blob, bytes, createdAtMs, expiresAtMs })) }
    })

    server.get('/v1/blobs/:blob/progress', {
      schema: { tags: TAGS, security: SIGNED_IN, summary: 'How far an own upload is', params, response: responses(200, progressAnswer) },
    }, async (request) => {
      const { account } = await authentication.callerOf(request)
      return blobs.progress(account, request.params.blob)
    })

    server.patch('/v1/blobs/:blob', {
      schema: {
        tags: TAGS, security: SIGNED_IN, summary: 'Bytes of an own upload, from the offset on', params, headers: offsetHeader, consumes: [BYTES_TYPE],
        response: responses(200, progressAnswer),
      },
    }, async (request) => {
      const { body } = request
      if (!(body instanceof Readable)) throw new EvegramError('invalid.request', { operation: 'read bytes', advice: `Send the bytes as ${BYTES_TYPE}.` })
      try {
        const { account } = await authentication.callerOf(request)
        const giveBack = uploads.take(account)
        try {
          return await blobs.append(account, request.params.blob, request.headers['upload-offset'], bodyInTime(body, clock, BLOB_LIMITS.uploadBodyMs))
        } finally {
          giveBack()
        }
      } finally {
        // What nobody reads any more would keep its connection.
        body.resume()
      }
    })

    server.get('/v1/blobs/:blob', {
      schema: { tags: TAGS, security: SIGNED_IN, summary: 'Bytes of a blob, or a range of them; whoever knows its name may read it', params, response: BYTES_ANSWERS },
    }, async (request, reply) => {
      const { account } = await authentication.callerOf(request)
      const wanted = wantedRange(request.headers.range)
      const from = wanted?.from ?? 0
      const { bytes, stream } = await blobs.read(request.params.blob, from, wanted?.to === undefined ? LIMITS.blobBytesMax : wanted.to - from + 1)
      if (from >= bytes) {
        // RFC 9110 section 15.5.17
        void reply.code(416).header('content-range', `bytes */${String(bytes)}`)
        return reply.send()
      }
      const giveBack = downloads.take(account)
      const last = Math.min(bytes - 1, wanted?.to ?? bytes - 1)
      void reply.headers({ 'content-type': BYTES_TYPE, 'accept-ranges': 'bytes', 'content-length': String(last - from + 1) })
      if (wanted !== undefined) void reply.code(206).header('content-range', `bytes ${String(from)}-${String(last)}/${String(bytes)}`)
      // However it ends: the stream closes when it was sent, when it failed, and when who asked went away.
      const body = Readable.from(stream, { objectMode: false })
      body.once('close', giveBack)
      return reply.send(body)
    })

    server.delete('/v1/blobs/:blob', {
      schema: { tags: TAGS, security: SIGNED_IN, summary: 'Remove an own blob or upload', params, response: responses(204, z.null().describe('Removed')) },
    }, async (request, reply) => {
      const { account } = await authentication.callerOf(request)
      await blobs.remove(account, request.params.blob)
      return reply.code(204).send()
    })
  })
}
