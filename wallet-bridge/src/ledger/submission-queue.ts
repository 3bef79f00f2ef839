import { EvegramError } from '@evegram/protocol'
import type { TransferResult } from './transfer-status.js'
import type { Submission } from './transfer.js'

/** Bounds of a {@link SubmissionQueue}. */
export interface SubmissionQueueBounds {
  /** Transfers that may wait; a submission that would be above it is refused with `limited.queue`. */
  readonly waitingTransfersMax: number
  /** Transfers of one commit; one submission may be above it, alone. */
  readonly batchTransfersMax: number
}

/** Decides and stores submissions in one commit; their results, in their order. */
export type CommitSubmissions = (batch: readonly Submission[]) => Promise<readonly (readonly TransferResult[])[]>

interface Waiting {
  readonly submission: Submission
  readonly resolve: (results: readonly TransferResult[]) => void
  readonly reject: (failure: unknown) => void
}

/** Group commit: what is submitted while one commit is on its way goes into the next one together. One commit at a time, in the order submitted. */
export class SubmissionQueue {
  readonly #commit: CommitSubmissions
  readonly #bounds: SubmissionQueueBounds
  #waiting: Waiting[] = []
  #waitingTransfers = 0
  #running: Promise<void> | undefined
  #closed = false

  constructor(commit: CommitSubmissions, bounds: SubmissionQueueBounds) {
    this.#commit = commit
    this.#bounds = bounds
  }

  /** Transfers that wait, those of the commit on its way not counted. */
  get waitingTransfers(): number {
    return this.#waitingTransfers
  }

  /** The results of a submission once they are stored. Rejects `limited.queue` and `unavailable.store` (closed), else as its commit does. */
  async submit(submission: Submission): Promise<readonly TransferResult[]> {
    if (this.#closed) throw new EvegramError('unavailable.store', { operation: 'submit transfers', advice: 'The ledger was closed.' })
    const { waitingTransfersMax } = this.#bounds
    if (this.#waitingTransfers + submission.transfers.length > waitingTransfersMax) {
      throw new EvegramError('limited.queue', { operation: 'submit transfers', details: { waitingTransfersMax } })
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ submission, resolve, reject })
      this.#waitingTransfers += submission.transfers.length
      this.#running ??= this.#run()
    })
  }

  /** Refuses what comes; resolved = what was taken has its answer. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#running
  }

  /** Never rejects: every failure goes to the submissions that it concerns. */
  async #run(): Promise<void> {
    // Behind everything that this turn of the event loop brings.
    await new Promise<void>((resolve) => { setImmediate(resolve) })
    while (this.#waiting.length > 0) {
      const batch = this.#take()
      try {
        const results = await this.#commit(batch.map(({ submission }) => submission))
        for (const [index, { resolve }] of batch.entries()) resolve(results[index] ?? [])
      } catch (failure) {
        for (const { reject } of batch) reject(failure)
      }
    }
    this.#running = undefined
  }

  #take(): readonly Waiting[] {
    let transfers = 0
    let count = 0
    for (const { submission } of this.#waiting) {
      if (count > 0 && transfers + submission.transfers.length > this.#bounds.batchTransfersMax) break
      transfers += submission.transfers.length
      count++
    }
    const batch = this.#waiting.slice(0, count)
    this.#waiting = this.#waiting.slice(count)
    this.#waitingTransfers -= transfers
    return batch
  }
}
