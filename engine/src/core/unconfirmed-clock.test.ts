import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MemoryNodeRegistry } from '../adapters/memory/node-registry.js'
import { TestClient } from './client.fixture.js'
import { TestCluster, VirtualClock } from './cluster.fixture.js'
import { ALICE, ALICE_PHONE } from './scene.fixture.js'

/** A store that the clock of the nodes does not agree with. */
class OtherTime extends MemoryNodeRegistry {
  behindMs = 0
  override async referenceMs(): Promise<number> {
    return await super.referenceMs() - this.behindMs
  }
}

let cluster: TestCluster
let registry: OtherTime

beforeEach(async () => {
  const clock = new VirtualClock()
  registry = new OtherTime(clock)
  cluster = new TestCluster({ clock, registry })
  cluster.directory.addDevice(ALICE, ALICE_PHONE)
  await cluster.start(1)
})
afterEach(() => cluster.stop())

describe('a node whose clock is ahead of what the store says', () => {
  const node = (): TestCluster['nodes'][number] => {
    const [first] = cluster.nodes
    if (first === undefined) throw new Error('one node was started')
    return first
  }

  it('welcomes nobody: epochs, cursors and the time that clients learn would come from that clock', async () => {
    registry.behindMs = 600_000
    await cluster.clock.advance(3_000)
    const alice = new TestClient(cluster, ALICE, ALICE_PHONE)
    await alice.connect(node())
    expect(alice.welcomed).toBe(false)
    expect(alice.failures.map(({ code }) => code)).toEqual(['unavailable.clock'])
  })

  it('gives those who are there no cursor, neither while they are live nor by a new catch-up, until the clocks agree again', async () => {
    const alice = new TestClient(cluster, ALICE, ALICE_PHONE)
    await alice.goLive(node())
    registry.behindMs = 600_000
    await cluster.clock.advance(3_000)
    const issued = alice.synced.length
    await cluster.clock.advance(40_000)
    await alice.catchUp(cluster.clock.now() - 120_000)
    expect(alice.failures.map(({ code }) => code)).toEqual(['unavailable.clock'])
    expect(alice.synced).toHaveLength(issued)
    registry.behindMs = 0
    await cluster.clock.advance(30_000)
    await alice.catchUp(cluster.clock.now() - 120_000)
    expect(alice.synced.length).toBeGreaterThan(issued)
  })
})
