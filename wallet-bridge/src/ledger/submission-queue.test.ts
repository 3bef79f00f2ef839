import { isEvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { assetIdOf, ledgerAccountIdOf, parsePurpose, payoutTransferId } from './ids.js'
import { SubmissionQueue } from './submission-queue.js'
import { amountOf } from './amount.js'
import type { Submission } from './transfer.js'
import type { TransferResult } from './transfer-status.js'

const asset = assetIdOf('solana', 'sol')
const submissionOf = (name: string, transfers = 1): Submission => ({
  linked: false,
  transfers: Array.from({ length: transfers }, (_, index) => ({
    kind: 'transfer' as const, id: payoutTransferId(`${name}-${String(index)}`), debit: ledgerAccountIdOf('hot', 'a', asset),
    credit: ledgerAccountIdOf('user', 'b', asset), amount: amountOf(1n), purpose: parsePurpose('test'),
  })),
})
const namesOf = (batch: readonly Submission[]): readonly (string | undefined)[] => batch.map(({ transfers: [first] }) => first?.id)
const answer = (batch: readonly Submission[]): readonly (readonly TransferResult[])[] =>
  batch.map(({ transfers }) => transfers.map((_, index) => ({ status: 'created', number: index + 1 })))

describe('SubmissionQueue', () => {
  it('joins what comes while a commit is on its way, in order, up to the bound', async () => {
    const batches: (readonly (string | undefined)[])[] = []
    let free: () => void = () => undefined
    const queue = new SubmissionQueue(async (batch) => {
      batches.push(namesOf(batch))
      await new Promise<void>((resolve) => { free = resolve })
      return answer(batch)
    }, { waitingTransfersMax: 100, batchTransfersMax: 3 })
    const done = ['a', 'b'].map((name) => queue.submit(submissionOf(name)))
    await new Promise((resolve) => { setImmediate(resolve) })
    await new Promise((resolve) => { setImmediate(resolve) })
    done.push(...['c', 'd', 'e', 'f'].map((name) => queue.submit(submissionOf(name))))
    done.push(queue.submit(submissionOf('large', 9)))
    expect(queue.waitingTransfers).toBe(13)
    for (let commits = 0; commits < 4; commits++) {
      free()
      await new Promise((resolve) => { setImmediate(resolve) })
    }
    await Promise.all(done)
    expect(batches).toEqual([['p:a-0', 'p:b-0'], ['p:c-0', 'p:d-0', 'p:e-0'], ['p:f-0'], ['p:large-0']])
    expect(queue.waitingTransfers).toBe(0)
  })

  it('refuses what is above its bound, and takes more once there is room', async () => {
    const queue = new SubmissionQueue(async (batch) => answer(batch), { waitingTransfersMax: 5, batchTransfersMax: 5 })
    const first = queue.submit(submissionOf('a', 4))
    await expect(queue.submit(submissionOf('b', 2))).rejects.toSatisfy((failure) => isEvegramError(failure, 'limited.queue'))
    await queue.submit(submissionOf('c', 1))
    expect(await first).toHaveLength(4)
    expect(await queue.submit(submissionOf('b', 5))).toHaveLength(5)
  })

  it('gives a failure to the submissions of that commit alone', async () => {
    const queue = new SubmissionQueue(async (batch) => {
      if (namesOf(batch).includes('p:bad-0')) throw new Error('planted')
      return answer(batch)
    }, { waitingTransfersMax: 100, batchTransfersMax: 1 })
    const outcomes = await Promise.allSettled(['a', 'bad', 'c'].map((name) => queue.submit(submissionOf(name))))
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  it('answers what it took when it is closed, and takes nothing more', async () => {
    const queue = new SubmissionQueue(async (batch) => answer(batch), { waitingTransfersMax: 100, batchTransfersMax: 1 })
    const taken = queue.submit(submissionOf('a'))
    await queue.close()
    expect(await taken).toHaveLength(1)
    await expect(queue.submit(submissionOf('b'))).rejects.toSatisfy((failure) => isEvegramError(failure, 'unavailable.store'))
  })
})
