import { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand, CompleteMultipartUploadCommand, CreateMultipartUploadCommand, DeleteObjectCommand, DeleteObjectsCommand, GetObjectCommand, HeadObjectCommand, ListMultipartUploadsCommand,
  ListObjectsV2Command, PutObjectCommand, S3Client, S3ServiceException, UploadPartCommand, type GetObjectCommandOutput,
} from '@aws-sdk/client-s3'
import { EvegramError } from '@evegram/protocol'
import { s3AddressOf, type S3Address, type S3Place } from './s3-place.js'

/** Bounds of one request to the store. */
export const S3_LIMITS = {
  /** Time for a connection, without a byte on it, and for an answer to begin. */
  connectMs: 3_000,
  idleMs: 10_000,
  answerMs: 10_000,
  /** Times that a request is sent whose failure may pass (429, 5xx, a broken connection), with growing pauses. */
  attempts: 3,
  /** Connections to the store that one process has open. */
  connectionsMax: 64,
  /** Names of one page of a listing: what S3 gives at most. */
  pageNames: 1_000,
} as const
/** Choices of {@link Bucket}: smaller bounds are for tests. */
export type S3Limits = { readonly [Name in keyof typeof S3_LIMITS]: number }

/** Of a conditional write S3 may say that another one is under way: then it is asked again. */
const CONFLICT_ATTEMPTS = 5

/** An object as the store describes it. */
export interface FoundObject {
  readonly key: string
  readonly bytes: number
  readonly modifiedMs: number
}

/** Times and parts of an upload in parts. */
export interface PartedUpload {
  /** Stores part `number` (from 1); all but the last have 5 MiB or more. */
  part(number: number, bytes: Uint8Array): Promise<void>
  /** Makes the object of its parts. */
  complete(): Promise<void>
  /** Forgets the parts. */
  abort(): Promise<void>
}

/**
 * One bucket, or what is below a prefix of it: the few requests of S3 that blobs need. Whatever fails is `unavailable.blob_store`; what is not there is an answer.
 * Every body is signed with its SHA-256, so the store takes none that was damaged on its way.
 */
export class Bucket {
  readonly #client: S3Client
  readonly #address: S3Address
  readonly #pageNames: number

  constructor({ url, region, keys }: S3Place, limits: S3Limits = S3_LIMITS) {
    this.#address = s3AddressOf(url)
    this.#pageNames = limits.pageNames
    this.#client = new S3Client({
      endpoint: this.#address.endpoint, region, forcePathStyle: true,
      ...(keys === undefined ? {} : { credentials: { accessKeyId: keys.access, secretAccessKey: keys.secret } }),
      maxAttempts: limits.attempts, retryMode: 'standard',
      // Checksums beside the signature are of newer stores alone.
      requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        connectionTimeout: limits.connectMs, socketTimeout: limits.idleMs, requestTimeout: limits.answerMs, throwOnRequestTimeout: true,
        httpAgent: { maxSockets: limits.connectionsMax, keepAlive: true }, httpsAgent: { maxSockets: limits.connectionsMax, keepAlive: true },
      },
    })
  }

  /** Ends the connections that are idle. */
  close(): void {
    this.#client.destroy()
  }

  /** Stores an object whole. With `ifAbsent` only where there is none of that name, whoever else stores at the same time: `exists`. */
  async put(key: string, bytes: Uint8Array, { ifAbsent = false, metadata = {} }: { readonly ifAbsent?: boolean; readonly metadata?: Record<string, string> } = {}): Promise<'stored' | 'exists'> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#client.send(new PutObjectCommand({ ...this.#at(key), Body: bytes, ContentType: 'application/octet-stream', Metadata: metadata, ...(ifAbsent ? { IfNoneMatch: '*' } : {}) }))
        return 'stored'
      } catch (cause) {
        if (ifAbsent && statusOf(cause) === 412) return 'exists'
        if (!(ifAbsent && statusOf(cause) === 409 && attempt < CONFLICT_ATTEMPTS)) throw failure('store object', cause)
      }
    }
  }

  /** Bytes `from` to `from + length - 1` of an object, one at least; undefined where there is none. Who stops reading early ends the request. */
  async read(key: string, from: number, length: number): Promise<AsyncIterable<Uint8Array> | undefined> {
    const answer = await this.#found('read object', () => this.#client.send(new GetObjectCommand({ ...this.#at(key), Range: `bytes=${String(from)}-${String(from + length - 1)}` })))
    return answer === undefined ? undefined : exactly(answer, length)
  }

  /** A small object as text, with the time of its last change; undefined where there is none. */
  async text(key: string): Promise<{ readonly text: string; readonly modifiedMs: number } | undefined> {
    const answer = await this.#found('read object', () => this.#client.send(new GetObjectCommand(this.#at(key))))
    if (answer === undefined) return undefined
    try {
      return { text: await answer.Body?.transformToString() ?? '', modifiedMs: answer.LastModified?.getTime() ?? 0 }
    } catch (cause) {
      throw failure('read object', cause)
    }
  }

  /** What the store says of an object; undefined where there is none. */
  async head(key: string): Promise<(FoundObject & { readonly metadata: Readonly<Record<string, string>> }) | undefined> {
    const answer = await this.#found('look for object', () => this.#client.send(new HeadObjectCommand(this.#at(key))))
    return answer === undefined ? undefined : { key, bytes: answer.ContentLength ?? 0, modifiedMs: answer.LastModified?.getTime() ?? 0, metadata: answer.Metadata ?? {} }
  }

  /** Objects whose names begin with `prefix`, in the order of their names, page by page as they are asked for. */
  async* list(prefix: string): AsyncGenerator<FoundObject, void, undefined> {
    let token: string | undefined
    do {
      const page = await this.#ask('list objects', () => this.#client.send(new ListObjectsV2Command({
        Bucket: this.#address.bucket, Prefix: `${this.#address.prefix}${prefix}`, MaxKeys: this.#pageNames, ContinuationToken: token,
      })))
      for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
        if (Key.startsWith(this.#address.prefix)) yield { key: Key.slice(this.#address.prefix.length), bytes: Size, modifiedMs: LastModified?.getTime() ?? 0 }
      }
      token = page.NextContinuationToken
    } while (token !== undefined)
  }

  /** Removes objects; names without one are no error. */
  async remove(keys: readonly string[]): Promise<void> {
    const [only] = keys
    if (only === undefined) return
    if (keys.length === 1) {
      await this.#found('remove object', () => this.#client.send(new DeleteObjectCommand(this.#at(only))))
      return
    }
    for (let from = 0; from < keys.length; from += this.#pageNames) {
      const Objects = keys.slice(from, from + this.#pageNames).map((key) => ({ Key: `${this.#address.prefix}${key}` }))
      const { Errors = [] } = await this.#ask('remove objects', () => this.#client.send(new DeleteObjectsCommand({ Bucket: this.#address.bucket, Delete: { Objects, Quiet: true } })))
      const [refused] = Errors.filter(({ Code }) => Code !== 'NoSuchKey')
      if (refused !== undefined) throw new EvegramError('unavailable.blob_store', { operation: 'remove objects', details: { reason: refused.Code ?? 'unknown', refused: Errors.length } })
    }
  }

  /** Begins an object that is stored in parts. */
  async inParts(key: string): Promise<PartedUpload> {
    const { UploadId } = await this.#ask('begin object', () => this.#client.send(new CreateMultipartUploadCommand({ ...this.#at(key), ContentType: 'application/octet-stream' })))
    const upload = { ...this.#at(key), UploadId }
    const parts: { readonly PartNumber: number; readonly ETag: string | undefined }[] = []
    return {
      part: async (PartNumber, Body) => {
        const { ETag } = await this.#ask('store part', () => this.#client.send(new UploadPartCommand({ ...upload, PartNumber, Body })))
        parts.push({ PartNumber, ETag })
      },
      complete: async () => {
        await this.#ask('complete object', () => this.#client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: parts } })))
      },
      abort: async () => {
        await this.#found('abort object', () => this.#client.send(new AbortMultipartUploadCommand(upload)))
      },
    }
  }

  /** Forgets the parts of objects that were begun before a time and never completed: of the first {@link S3_LIMITS.pageNames} of them. Returns how many. */
  async abortBegunBefore(timeMs: number): Promise<number> {
    const { Uploads = [] } = await this.#ask('list begun objects', () => this.#client.send(new ListMultipartUploadsCommand({
      Bucket: this.#address.bucket, Prefix: this.#address.prefix, MaxUploads: this.#pageNames,
    })))
    let aborted = 0
    for (const { Key, UploadId, Initiated } of Uploads) {
      if (Key?.startsWith(this.#address.prefix) !== true || UploadId === undefined || (Initiated?.getTime() ?? 0) >= timeMs) continue
      await this.#found('abort object', () => this.#client.send(new AbortMultipartUploadCommand({ Bucket: this.#address.bucket, Key, UploadId })))
      aborted += 1
    }
    return aborted
  }

  #at(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#address.bucket, Key: `${this.#address.prefix}${key}` }
  }

  async #ask<Answer>(operation: string, send: () => Promise<Answer>): Promise<Answer> {
    try {
      return await send()
    } catch (cause) {
      throw failure(operation, cause)
    }
  }

  async #found<Answer>(operation: string, send: () => Promise<Answer>): Promise<Answer | undefined> {
    try {
      return await send()
    } catch (cause) {
      // By name: a bucket or a key of ours that the store does not know is a 404 as well, and no answer about an object.
      if (cause instanceof S3ServiceException && ABSENT.has(cause.name)) return undefined
      throw failure(operation, cause)
    }
  }
}

/** Names of what is not there; an answer without a body has none but the last. */
const ABSENT = new Set(['NoSuchKey', 'NoSuchUpload', 'NotFound'])
/** Answers below 500 that pass. */
const PASSING = new Set([408, 409, 429])

/** Whether a failure of a {@link Bucket} is about keys, bucket or rights rather than the store itself: waiting does not mend it. */
export function isRefusal(thrown: unknown): boolean {
  const status = thrown instanceof EvegramError ? statusOf(thrown.cause) : undefined
  return status !== undefined && status >= 300 && status < 500 && !PASSING.has(status)
}

function statusOf(thrown: unknown): number | undefined {
  return thrown instanceof S3ServiceException ? thrown.$metadata.httpStatusCode : undefined
}

function failure(operation: string, cause: unknown): EvegramError {
  const reason = cause instanceof Error ? cause.name : 'unknown'
  return new EvegramError('unavailable.blob_store', { operation, cause, details: { reason, status: statusOf(cause) ?? 0 } })
}

/** The bytes of an answer, `length` of them: a store that ends early must not look like one that is done. */
async function* exactly({ Body }: GetObjectCommandOutput, length: number): AsyncGenerator<Uint8Array, void, undefined> {
  if (!(Body instanceof Readable)) throw failure('read object', new Error('an answer without a body'))
  let left = length
  try {
    for await (const piece of Body) {
      if (!(piece instanceof Uint8Array) || piece.length > left) throw new Error('an answer with other bytes than were asked for')
      left -= piece.length
      yield piece
    }
  } catch (cause) {
    throw failure('read object', cause)
  } finally {
    Body.destroy()
  }
  if (left > 0) throw failure('read object', new Error('the answer was cut off'))
}
