import type { BatchedAppend, BatchedResult, EnvelopeLog } from '../ports/envelope-log.js'

/** {@link EnvelopeLog.appendAll} of a store that gains nothing from doing them together: each goes on its own, in the order given. */
export function appendEach(append: EnvelopeLog['append'], appends: readonly BatchedAppend[], ended: (index: number, result: BatchedResult) => void): void {
  for (const [index, one] of appends.entries()) {
    append(one, one.inboxes).then(
      (result) => { ended(index, result) },
      (failure: unknown) => { ended(index, { status: 'failed', failure }) },
    )
  }
}
