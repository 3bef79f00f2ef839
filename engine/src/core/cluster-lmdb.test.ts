import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@evegram/platform'
import { FRAME_TYPE, parseAccountId, parseDeviceId, type ConversationId } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openEngineStore, type EngineStore } from '../adapters/lmdb/store.js'
import { TestClient, type MessageFields } from './client.fixture.js'
import { RealClock, TestCluster, type TestNode } from './cluster.fixture.js'

const [ALICE, BOB] = [parseAccountId('a'.repeat(31) + '1'), parseAccountId('a'.repeat(31) + '2')]
const [ALICE_PHONE, BOB_PHONE] = [parseDeviceId('d'.repeat(31) + '1'), parseDeviceId('d'.repeat(31) + '2')]
const SPAN = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index)

describe('three nodes on one LMDB store, in real time', () => {
  let dir: string
  let store: EngineStore
  let cluster: TestCluster
  let alice: TestClient
  let bob: TestClient
  let conversation: ConversationId

  async function begin(): Promise<TestNode[]> {
    store = openEngineStore({ dir, clock: systemClock() })
    cluster = new TestCluster({
      clock: new RealClock(), log: store.envelopeLog, marks: store.marks, membership: store.membership, registry: store.nodeRegistry,
      rates: {
        messages: { perSecond: 1_000, burst: 10_000 }, bytes: { perSecond: 1e8, burst: 1e9 }, requests: { perSecond: 100, burst: 1_000 },
        signals: { perSecond: 100, burst: 1_000 }, patience: { perSecond: 5, burst: 100 },
      },
    })
    const nodes = await cluster.start(3)
    cluster.directory.addDevice(ALICE, ALICE_PHONE)
    cluster.directory.addDevice(BOB, BOB_PHONE)
    alice = new TestClient(cluster, ALICE, ALICE_PHONE)
    bob = new TestClient(cluster, BOB, BOB_PHONE)
    return nodes
  }
  const end = async (): Promise<void> => {
    await cluster.stop()
    await store.close()
  }
  const until = async (client: TestClient, reached: () => boolean): Promise<void> => {
    for (let step = 0; step < 300 && !reached(); step++) {
      await cluster.clock.advance(10)
      await client.read()
    }
    expect(client.failures).toEqual([])
    expect(reached()).toBe(true)
  }
  const goLive = async (client: TestClient, node: TestNode | undefined, sinceMs = Date.now()): Promise<void> => {
    if (node === undefined) throw new Error('three nodes were started')
    const synced = client.synced.length
    await client.goLive(node, sinceMs)
    await until(client, () => client.synced.length > synced)
  }
  const open = async (): Promise<void> => {
    const asked = alice.opened.length
    await alice.conversationWith(BOB).catch(() => undefined)
    await until(alice, () => alice.opened.length > asked)
    conversation = alice.opened.at(-1)?.conversation ?? conversation
  }
  const toBob = (number: number): MessageFields => ({
    conversation, number, bodies: [{ device: BOB_PHONE }],
    versions: [ALICE, BOB].map((member) => ({ account: member, seq: cluster.directory.seqOf(member) })),
  })

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'engine-cluster-'))
  })
  afterEach(async () => {
    await end()
    await rm(dir, { recursive: true })
  })

  it('deliver across nodes, answer a retry with the stored copy, and resume after the node of the receiver died', async () => {
    const [one, two, three] = await begin()
    await goLive(alice, one)
    await goLive(bob, two)
    await open()
    for (const number of SPAN(1, 200)) alice.send(toBob(number))
    await until(alice, () => alice.acks.length === 200)
    await until(bob, () => bob.deliveries.length === 200)
    alice.request(FRAME_TYPE.send, alice.envelope({ ...toBob(200), orderMs: 1 }))
    alice.request(FRAME_TYPE.send, alice.envelope({ ...toBob(201), orderMs: 1 }))
    await until(alice, () => alice.acks.length === 202)
    alice.request(FRAME_TYPE.send, alice.envelope({ ...toBob(201), orderMs: 1 }))
    await until(alice, () => alice.acks.length === 203)
    expect(alice.acks[202]?.position).toEqual(alice.acks[201]?.position)
    // The node of the receiver is gone; what is sent meanwhile waits in the log.
    await two?.node.stop()
    const cursor = bob.synced.at(-1)
    for (const number of SPAN(301, 700)) {
      alice.send(toBob(number))
      if (number % 100 === 0) await until(alice, () => alice.acks.length === 203 + number - 300)
    }
    await goLive(bob, three, cursor)
    expect(bob.numbers).toEqual([...SPAN(1, 201), ...SPAN(301, 700)])
  })

  it('have everything after the whole cluster was started again, at positions above the old ones', async () => {
    const [one, two] = await begin()
    await goLive(alice, one)
    await goLive(bob, two)
    await open()
    const cursor = bob.synced.at(-1)
    for (const number of SPAN(1, 20)) alice.send(toBob(number))
    await until(alice, () => alice.acks.length === 20)
    const before = alice.acks.at(-1)?.position.timeMs ?? 0
    await end()
    const [again, other] = await begin()
    await goLive(alice, again)
    alice.send(toBob(21))
    await until(alice, () => alice.acks.length === 1)
    expect(alice.acks[0]?.position.timeMs).toBeGreaterThan(before)
    await goLive(bob, other, cursor)
    expect(bob.numbers).toEqual(SPAN(1, 21))
  })
})
