import { setting } from '@evegram/platform'
import { LIMITS } from '@evegram/protocol'
import { z } from 'zod'

/** Bounds of the service that operators need not know. */
export const BLOB_LIMITS = {
  /** Uploads whose bytes arrive at a time, of one process and of one account. Beyond: `limited.rate`. */
  uploadsMax: 128,
  uploadsPerAccountMax: 4,
  /** Downloads at a time, of one process and of one account. Beyond: `limited.rate`. */
  downloadsMax: 512,
  downloadsPerAccountMax: 16,
  /** Time for the bytes of one upload request: who dawdles goes on with the next. */
  uploadBodyMs: 15_000,
  /** What who is refused for those waits. */
  busyRetryMs: 1_000,
  /** Time between two sweeps, blobs of one step, and steps of one sweep. */
  sweepIntervalMs: 3_600_000,
  sweepStepBlobs: 500,
  sweepStepsMax: 200,
} as const

const count = z.coerce.number({ error: 'a whole number' }).int('a whole number').positive('a positive number')

/** Settings of the blob service; docs/operations.md prints this table. */
export const BLOB_SETTINGS = {
  blobBytesMax: setting('EVEGRAM_BLOB_BYTES_MAX', count.max(LIMITS.blobBytesMax, `at most ${String(LIMITS.blobBytesMax)}`).default(LIMITS.blobBytesMax)),
  blobBytesPerDay: setting('EVEGRAM_BLOB_BYTES_PER_DAY', count.default(2_147_483_648)),
  blobsPerDay: setting('EVEGRAM_BLOBS_PER_DAY', count.default(2_000)),
} as const
