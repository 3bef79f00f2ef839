import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Delivery } from '@evegram/protocol'
import type { Message } from '../core/message.js'
import { MemoryStore } from '../store/memory.js'
import { FakeServer } from './testing/fake-server.js'
import { openTestClient, testWallet, textsOf, type TestClient } from './testing/test-client.js'
import { rest, VirtualClock } from './testing/virtual-clock.js'

/** What happens to one routed delivery. */
type Fate = 'pass' | 'drop' | 'double' | 'hold'

const fates = fc.array(fc.constantFrom<Fate>('pass', 'drop', 'double', 'hold'), { minLength: 24, maxLength: 24 })
/** One step of a run: somebody sends, time passes, or what was held arrives (in reverse). */
const steps = fc.array(fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('send' as const), who: fc.constantFrom(0 as const, 1 as const, 2 as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 5_000 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const) }) },
), { minLength: 4, maxLength: 12 })

describe('messages that are lost, doubled and delayed on the way', () => {
  it('are shown exactly once and in the same order on every device of both sides', async () => {
    await fc.assert(fc.asyncProperty(fates, steps, async (ways, script) => {
      const clock = new VirtualClock()
      const server = new FakeServer(clock)
      const alice = await openTestClient(server, new MemoryStore(), testWallet('alice'))
      const bob = await openTestClient(server, new MemoryStore(), testWallet('bob', 'terra'))
      const bob2 = await openTestClient(server, new MemoryStore(), testWallet('bob', 'terra'))
      const all: readonly TestClient[] = [alice, bob, bob2]
      const peers = [bob, alice, alice] as const
      let routed = 0
      const held: { readonly to: TestClient | undefined; readonly delivery: Delivery }[] = []
      server.lies.route = (delivery, to) => {
        switch (ways[routed++ % ways.length]) {
          case 'drop': return []
          case 'double': return [delivery, delivery]
          case 'hold':
            held.push({ to: all.find(({ client }) => client.device === to), delivery })
            return []
          default: return [delivery]
        }
      }
      const expected: string[] = []
      const release = (): void => {
        for (const { to, delivery } of held.splice(0).reverse()) to?.link.push({ type: 'deliver', deliveries: [delivery] })
      }
      for (const [index, step] of script.entries()) {
        if (step.kind === 'wait') await clock.advance(step.ms)
        else if (step.kind === 'release') release()
        else {
          const from = all[step.who]
          const peer = peers[step.who]
          if (from === undefined) continue
          const text = `${String(step.who)}:${String(index)}`
          await (await (await from.client.conversation(peer.client.account)).send(text)).acked
          expected.push(text)
        }
        await rest()
      }
      release()
      server.lies = {}
      for (const test of all) {
        test.link.down()
        test.link.up()
      }
      await clock.advance(10_000)
      const shown = await Promise.all([textsOf(alice, bob), textsOf(bob, alice), textsOf(bob2, alice)])
      expect([...shown[0]].sort()).toEqual([...expected].sort())
      expect(shown[1]).toEqual(shown[0])
      expect(shown[2]).toEqual(shown[0])
      for (const test of all) {
        const events = test.log.filter(({ name }) => name === 'message').map(({ event }) => (event as Message).messageId)
        expect(new Set(events).size).toBe(events.length)
        expect(test.log.filter(({ name }) => name === 'fault').map(({ event }) => event)).toEqual([])
        expect(test.refusals().filter((code) => code !== 'e2ee.replayed')).toEqual([])
        await test.client.close()
      }
      // Each sender's messages stand in the order in which they were sent.
      for (const who of ['0:', '1:', '2:']) {
        expect(shown[0].filter((text) => text.startsWith(who))).toEqual(expected.filter((text) => text.startsWith(who)))
      }
    }), { numRuns: 12 })
  }, 120_000)
})
