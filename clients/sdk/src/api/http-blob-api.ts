import { base64urlnopad } from '@scure/base'
import { EvegramError, isEvegramError, LIMITS, parseBlobId, type BlobId } from '@evegram/protocol'
import type { BlobApi, BlobAppend, BlobCall, BlobProgress, NewBlob, OwnBlob } from '../files/blob-api.js'
import type { TokenSource } from './auth-api.js'
import { AuthenticatedHttp, type AuthenticatedHttpOptions } from './authenticated-http.js'
import { JsonFields } from './json-fields.js'

const TIME_MS_MAX = 2 ** 48
/** For one piece of a file, which has to fit into it on a slow line; the server waits no longer either. */
const TIMEOUT_MS = 20_000

/** What {@link createBlobApi} needs. */
export interface BlobApiOptions extends AuthenticatedHttpOptions {
  /** Base URL of the store of files, without trailing slash. */
  readonly url: string
  readonly tokens: TokenSource
}

/** The store of files of a discovered server, for the account of `tokens`. Repeats nothing. */
export function createBlobApi(options: BlobApiOptions): BlobApi {
  const http = new AuthenticatedHttp(options.url, { ...options, timeoutMs: TIMEOUT_MS })
  const { tokens } = options
  return {
    async create({ blob, bytes, digest, retention }: NewBlob, call: BlobCall = {}): Promise<BlobProgress> {
      const body = { blob, bytes, digest: base64urlnopad.encode(digest), retention }
      return readProgress(await http.authenticated('POST', '/v1/blobs', 'announce file', tokens, { body, signal: call.signal }), 'announce file')
    },
    async progress(blob: BlobId, call: BlobCall = {}): Promise<BlobProgress> {
      return readProgress(await http.authenticated('GET', `/v1/blobs/${blob}/progress`, 'ask for upload', tokens, { signal: call.signal }), 'ask for upload')
    },
    async append(blob: BlobId, offset: number, bytes: Uint8Array, call: BlobCall = {}): Promise<BlobAppend> {
      const extra = { bytes, headers: { 'upload-offset': String(offset) }, signal: call.signal }
      try {
        return { status: 'appended', ...readProgress(await http.authenticated('PATCH', `/v1/blobs/${blob}`, 'send file', tokens, extra), 'send file') }
      } catch (error) {
        if (!isEvegramError(error, 'conflict.blob_offset')) throw error
        const at = error.details?.['offset']
        if (typeof at !== 'number' || !Number.isSafeInteger(at) || at < 0) throw new EvegramError('invalid.response', { operation: 'send file', cause: error })
        return { status: 'elsewhere', offset: at }
      }
    },
    async read(blob: BlobId, from: number, length: number, call: BlobCall = {}): Promise<Uint8Array> {
      const headers = { range: `bytes=${String(from)}-${String(from + length - 1)}` }
      const bytes = await http.authenticated('GET', `/v1/blobs/${blob}`, 'fetch file', tokens, { headers, answer: 'bytes', responseBytesMax: length, signal: call.signal })
      if (!(bytes instanceof Uint8Array)) throw new EvegramError('invalid.response', { operation: 'fetch file' })
      return bytes
    },
    async remove(blob: BlobId, call: BlobCall = {}): Promise<void> {
      await http.authenticated('DELETE', `/v1/blobs/${blob}`, 'remove file', tokens, { signal: call.signal })
    },
    async backups(call: BlobCall = {}): Promise<readonly OwnBlob[]> {
      const answer = await http.authenticated('GET', '/v1/blobs', 'list backups', tokens, { signal: call.signal })
      return new JsonFields(answer, 'list backups').objects('blobs', LIMITS.backupsPerAccountMax).map((fields) => ({
        blob: parseBlobId(fields.text('blob', 32)), bytes: fields.uint('bytes', LIMITS.blobBytesMax), createdAtMs: fields.uint('createdAtMs', TIME_MS_MAX), expiresAtMs: fields.uint('expiresAtMs', TIME_MS_MAX),
      }))
    },
  }
}

function readProgress(value: unknown, operation: string): BlobProgress {
  const fields = new JsonFields(value, operation)
  return { offset: fields.uint('offset', LIMITS.blobBytesMax), complete: fields.boolean('complete', false), expiresAtMs: fields.uint('expiresAtMs', TIME_MS_MAX) }
}
