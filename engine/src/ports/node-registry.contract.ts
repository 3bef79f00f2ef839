import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { EnvelopeLog } from './envelope-log.js'
import type { NodeRegistry } from './node-registry.js'
import { sampleConversation, sampleEnvelope } from './sample-envelope.contract.js'

/** A node registry under test. */
export interface NodeRegistrySubject {
  readonly registry: NodeRegistry
  /** The log of the same store, whose positions the registry remembers; absent where they live apart. */
  readonly log?: EnvelopeLog
  /** Ends this instance and opens the same data again; absent when nothing outlives the process. */
  readonly reopen?: () => Promise<NodeRegistry>
  /** Lets time pass: on a test clock at once, on a real store by waiting. */
  advance(ms: number): Promise<void>
  close(): Promise<void>
}

/** The promises of {@link NodeRegistry}, run by every adapter. `setup` gives an empty store. */
export function describeNodeRegistry(adapter: { readonly name: string; readonly setup: () => Promise<NodeRegistrySubject> }): void {
  describe(`NodeRegistry: ${adapter.name}`, () => {
    let subject: NodeRegistrySubject
    beforeEach(async () => {
      subject = await adapter.setup()
    })
    afterEach(async () => {
      await subject.close()
    })

    it('never gives an incarnation twice, not even to claims at once', async () => {
      const claims = await Promise.all(Array.from({ length: 20 }, () => subject.registry.claim()))
      const incarnations = claims.map((claim) => claim.incarnation)
      expect(new Set(incarnations).size).toBe(20)
      for (const incarnation of incarnations) expect(Number.isInteger(incarnation) && incarnation >= 0 && incarnation < 2 ** 32).toBe(true)
    })

    it('never gives an incarnation of before it was closed, and remembers the largest position time', async () => {
      const timeMs = 1_790_000_000_000
      if (subject.log !== undefined) {
        const conversation = sampleConversation(1)
        for (const [number, position] of [timeMs - 5, timeMs, timeMs - 9].entries()) {
          const envelope = sampleEnvelope({ conversation, number })
          await subject.log.append({ conversation, envelope, position: { timeMs: position, incarnation: 1, counter: number } }, [])
        }
      }
      const before = await subject.registry.claim()
      const registry = subject.reopen === undefined ? subject.registry : await subject.reopen()
      const after = await registry.claim()
      expect(after.incarnation).not.toBe(before.incarnation)
      expect(after.floorMs).toBeGreaterThanOrEqual(before.floorMs)
      if (subject.log !== undefined) expect(before.floorMs).toBeGreaterThanOrEqual(timeMs)
    })

    it('names the nodes that gave a sign of life in the window, and not those that left', async () => {
      const [{ incarnation: first }, { incarnation: second }] = [await subject.registry.claim(), await subject.registry.claim()]
      await subject.registry.heartbeat(first)
      await subject.registry.heartbeat(second)
      expect([...await subject.registry.peers(5_000)].sort((one, other) => one - other)).toEqual([first, second].sort((one, other) => one - other))
      await subject.advance(600)
      await subject.registry.heartbeat(second)
      expect(await subject.registry.peers(500)).toEqual([second])
      await subject.registry.leave(second)
      expect(await subject.registry.peers(500)).toEqual([])
    })

    it('tells a time that goes forward', async () => {
      const before = await subject.registry.referenceMs()
      await subject.advance(50)
      const after = await subject.registry.referenceMs()
      expect(after - before).toBeGreaterThanOrEqual(40)
    })
  })
}
