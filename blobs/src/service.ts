import type { HttpServer, Logger, Metrics, RequestAuth } from '@evegram/platform'
import type { Clock } from '@evegram/protocol'
import { BLOB_LIMITS } from './config.js'
import { BlobSweeper } from './core/blob-sweeper.js'
import { Blobs } from './core/blobs.js'
import { Places } from './core/places.js'
import type { BlobQuota } from './ports/blob-quota.js'
import type { BlobStore } from './ports/blob-store.js'
import { Authentication } from './routes/authenticate.js'
import { blobRoutes } from './routes/blobs.js'

/** What the blob service is composed of. */
export interface BlobServiceOptions {
  readonly store: BlobStore
  readonly quota: BlobQuota
  /** Asked for callers of this service alone: tokens for `blobs`. */
  readonly auth: RequestAuth
  /** The configured origin: DPoP proofs name it. */
  readonly origin: string
  /** Largest blob that is taken. */
  readonly blobBytesMax: number
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
}

/** The blob service, put together. */
export interface BlobService {
  /** Adds `/v1/blobs` to a listener. */
  routes(server: HttpServer): Promise<void>
  /** Starts sweeping. */
  start(): void
  /** Resolved = nothing runs any more. */
  stop(): Promise<void>
}

/** Puts the blob service together. Nothing runs before {@link BlobService.start}. */
export function createBlobService({ store, quota, auth, origin, blobBytesMax, clock, log, metrics }: BlobServiceOptions): BlobService {
  const sweeper = new BlobSweeper({ store, clock, log, metrics })
  const { uploadsMax, uploadsPerAccountMax, downloadsMax, downloadsPerAccountMax, busyRetryMs } = BLOB_LIMITS
  const uploads = new Places({ max: uploadsMax, perKeyMax: uploadsPerAccountMax, retryAfterMs: busyRetryMs })
  const downloads = new Places({ max: downloadsMax, perKeyMax: downloadsPerAccountMax, retryAfterMs: busyRetryMs })
  metrics.gauge({ name: 'blob_uploads_running', help: 'Uploads whose bytes arrive now', read: () => uploads.taken })
  metrics.gauge({ name: 'blob_downloads_running', help: 'Downloads that are being sent now', read: () => downloads.taken })
  const blobs = new Blobs({ store, quota, clock, metrics, bytesMax: blobBytesMax })
  return {
    routes: (server) => blobRoutes(server, { blobs, authentication: new Authentication({ auth, origin, clock }), uploads, downloads, clock }),
    start: () => { sweeper.start() },
    stop: () => sweeper.stop(),
  }
}
