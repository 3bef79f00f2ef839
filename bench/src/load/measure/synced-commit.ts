import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LatencyHistogram } from './latency-histogram.js'
import { monotonicUs } from './monotonic.js'

/** What a small batch of messages is on the disk: some pages. */
const COMMIT_BYTES = 16_384
const COMMITS_MAX = 2_000
const SECONDS_MAX = 3

/** How long this machine takes to put a small commit on its disk for good. */
export interface SyncedCommit {
  readonly commits: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Appends 16 KiB and syncs (fdatasync), again and again for at most three seconds, where servers of a run have their data. */
export async function measureSyncedCommit(): Promise<SyncedCommit> {
  const folder = mkdtempSync(join(tmpdir(), 'evegram-commit-'))
  const times = new LatencyHistogram()
  try {
    const file = await open(join(folder, 'commits'), 'a')
    try {
      const bytes = Buffer.alloc(COMMIT_BYTES, 0x5a)
      const endUs = monotonicUs() + SECONDS_MAX * 1e6
      while (times.count < COMMITS_MAX && monotonicUs() < endUs) {
        const startedUs = monotonicUs()
        await file.write(bytes)
        await file.datasync()
        times.record(monotonicUs() - startedUs)
      }
    } finally {
      await file.close()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return { commits: times.count, p50Ms: times.percentileMs(50), p99Ms: times.percentileMs(99) }
}
