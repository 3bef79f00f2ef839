import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseAccountId, type AccountId } from '@evegram/protocol'
import type { QuotaRules } from '../core/local-blob-quota.js'
import type { BlobQuota } from './blob-quota.js'

/** Quotas under test. */
export interface BlobQuotaSubject {
  /** The same quotas as several processes see them; one where they are not shared. */
  readonly processes: readonly BlobQuota[]
  /** Lets time pass: on a test clock at once, on a real store by waiting. */
  advance(ms: number): Promise<void>
  close(): Promise<void>
}

const DAY_MS = 24 * 3_600_000
const alice = parseAccountId('a1'.repeat(16))
const bob = parseAccountId('b2'.repeat(16))

/** The promises of {@link BlobQuota}, run by every adapter. `setup` gives full buckets. */
export function describeBlobQuota({ name, setup }: { readonly name: string; readonly setup: (rules: QuotaRules) => Promise<BlobQuotaSubject> }): void {
  describe(`BlobQuota: ${name}`, () => {
    let subject: BlobQuotaSubject | undefined
    let processes: readonly BlobQuota[] = []
    beforeEach(() => { subject = undefined })
    afterEach(() => subject?.close())
    const begin = async (rules: QuotaRules): Promise<void> => {
      subject = await setup(rules)
      processes = subject.processes
    }
    const taken = async (times: number, bytes: number, account: AccountId = alice): Promise<number> => {
      const results = await Promise.all(Array.from({ length: times }, (_, index) => processes[index % processes.length]!.take(account, bytes)))
      return results.filter(({ status }) => status === 'taken').length
    }

    it('grants the bytes of a day and not one more, however many ask at the same time', async () => {
      await begin({ bytesPerDay: 1_000, blobsPerDay: 1_000 })
      expect(await taken(60, 30)).toBe(33)
      expect(await taken(30, 11)).toBe(0)
      expect(await taken(30, 10)).toBe(1)
    })

    it('grants the blobs of a day and not one more', async () => {
      await begin({ bytesPerDay: 1_000_000, blobsPerDay: 7 })
      expect(await taken(60, 1)).toBe(7)
    })

    it('takes both or neither', async () => {
      await begin({ bytesPerDay: 100, blobsPerDay: 3 })
      expect(await taken(50, 101)).toBe(0)
      expect(await taken(2, 40)).toBe(2)
      expect(await taken(50, 21)).toBe(0)
      expect(await taken(50, 10)).toBe(1)
      // No blob is left, so none of the ten bytes goes.
      expect(await taken(50, 1)).toBe(0)
      await processes[0]!.giveBack(alice, 0)
      expect(await taken(50, 10)).toBe(1)
    })

    it('keeps accounts apart', async () => {
      await begin({ bytesPerDay: 10, blobsPerDay: 10 })
      expect(await taken(5, 10)).toBe(1)
      expect(await taken(5, 10, bob)).toBe(1)
    })

    it('gives back what was not stored after all, and never more than a day holds', async () => {
      await begin({ bytesPerDay: 100, blobsPerDay: 2 })
      expect(await taken(1, 80)).toBe(1)
      await processes.at(-1)!.giveBack(alice, 80)
      expect(await taken(1, 100)).toBe(1)
      for (let again = 0; again < 5; again++) await processes[0]!.giveBack(alice, 100)
      expect(await taken(50, 50)).toBe(2)
      expect(await taken(50, 1)).toBe(0)
      // No blob is left either.
      expect(await taken(50, 0)).toBe(0)
    })

    it('says how long to wait, and grants it after that time', async () => {
      // A byte comes back every half second.
      await begin({ bytesPerDay: DAY_MS / 500, blobsPerDay: 1_000_000 })
      expect(await taken(1, DAY_MS / 500)).toBe(1)
      const refused = await processes[0]!.take(alice, 2)
      if (refused.status !== 'full') throw new Error('expected the limit')
      expect(refused.retryAfterMs).toBeGreaterThan(400)
      expect(refused.retryAfterMs).toBeLessThanOrEqual(1_000)
      await subject!.advance(refused.retryAfterMs + 5)
      expect(await taken(1, 2)).toBe(1)
      expect(await taken(1, 2)).toBe(0)
    })

    it('says of the bucket that is emptier how long to wait', async () => {
      await begin({ bytesPerDay: 1_000, blobsPerDay: 2 })
      expect(await taken(2, 500)).toBe(2)
      const refused = await processes[0]!.take(alice, 10)
      expect(refused).toEqual({ status: 'full', retryAfterMs: expect.closeTo(DAY_MS / 2, -5) as number })
    })
  })
}
