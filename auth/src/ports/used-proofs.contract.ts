import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { UsedProofs } from './used-proofs.js'

/** How long the suites have a name remembered. */
export const KEEP_MS = 500

/** Memory under test, which keeps names for {@link KEEP_MS}. */
export interface UsedProofsSubject {
  /** The same memory as several processes see it; one where it is not shared. */
  readonly processes: readonly UsedProofs[]
  /** Lets time pass: on a test clock at once, on a real store by waiting. */
  advance(ms: number): Promise<void>
  close(): Promise<void>
}

/** The promises of {@link UsedProofs}, run by every adapter. `setup` gives an empty memory. */
export function describeUsedProofs(adapter: { readonly name: string; readonly setup: () => Promise<UsedProofsSubject> }): void {
  describe(`UsedProofs: ${adapter.name}`, () => {
    let subject: UsedProofsSubject
    beforeEach(async () => { subject = await adapter.setup() })
    afterEach(() => subject.close())

    it('lets a name through once, however many use it at the same time', async () => {
      const { processes } = subject
      const uses = await Promise.all(Array.from({ length: 30 }, (_, index) => processes[index % processes.length]!.use('a')))
      expect(uses.filter(Boolean)).toHaveLength(1)
      expect(await processes.at(-1)!.use('a')).toBe(false)
      expect(await processes[0]!.use('b')).toBe(true)
    })

    it('lets it through again once its proof is too old anyway', async () => {
      const [first] = subject.processes
      expect(await first!.use('a')).toBe(true)
      await subject.advance(KEEP_MS + 100)
      expect(await first!.use('a')).toBe(true)
    })
  })
}
