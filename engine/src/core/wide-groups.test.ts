import { ALL_DEVICES, BODY_TYPE, ENVELOPE_KIND, FRAME_TYPE, LIMITS } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { appendEach } from '../adapters/append-each.js'
import { MemoryEnvelopeLog } from '../adapters/memory/envelope-log.js'
import type { EnvelopeLog } from '../ports/envelope-log.js'
import { MARK_HOUR_MS } from '../ports/marks.js'
import type { Interest } from '../ports/interest.js'
import { TestClient } from './client.fixture.js'
import { settle } from './cluster.fixture.js'
import { change, found, say } from './group.fixture.js'
import { PACKET_KIND } from './packet.js'
import {
  account, alice, ALICE, ALICE_LAPTOP, bob, BOB, BOB_LAPTOP, BOB_PHONE, cluster, device, laptop, MALLORY, MALLORY_PHONE, one, presence, restart, stay, three, toBob, two, useScene,
} from './scene.fixture.js'
import { WIDE_OVER } from './wide-members.js'

useScene()

/** Everything that happens to marks and interest, in order. */
let events: string[]
let marks: MemoryEnvelopeLog['marks']
let interest: Interest
let mallory: TestClient

/** The scene with groups of more than `wideOver` members wide, and Mallory live on the third node. */
async function begin(wideOver: number): Promise<void> {
  events = []
  let shared: Interest | undefined
  const log = new MemoryEnvelopeLog()
  marks = log.marks
  const since = marks.since.bind(marks)
  marks.since = (owner, ...rest) => {
    events.push(`since ${nameOf(owner)}`)
    return since(owner, ...rest)
  }
  const append: EnvelopeLog['append'] = (request, inboxes) => {
    events.push(`mark ${inboxes.map(nameOf).join()}`)
    return log.append(request, inboxes)
  }
  await restart({
    wideOver, marks,
    log: {
      append, appendAll: (appends, ended) => { appendEach(append, appends, ended) },
      read: (...request) => log.read(...request), trim: (beforeMs) => log.trim(beforeMs),
    },
    // One for all nodes: a test changes it for all of them.
    interest: (memory) => (shared ??= {
      register: (entries, ttlMs) => {
        events.push(`register ${entries.map(({ incarnation }) => incarnation).join()}`)
        return memory.register(entries, ttlMs)
      },
      refresh: (entries, ttlMs) => memory.refresh(entries, ttlMs),
      lookup: (conversations) => {
        events.push(`lookup ${conversations.length}`)
        return memory.lookup(conversations)
      },
    }),
  })
  if (shared === undefined) throw new Error('nodes were started')
  interest = shared
  cluster.directory.addDevice(MALLORY, MALLORY_PHONE)
  mallory = new TestClient(cluster, MALLORY, MALLORY_PHONE)
  await mallory.goLive(three)
}

function nameOf(inbox: string): string {
  return inbox === ALICE ? 'alice' : inbox === BOB ? 'bob' : inbox === MALLORY ? 'mallory' : 'itself'
}

beforeEach(() => begin(2))

/** Lets time pass while everybody gives signs of life. */
async function ping(ms: number): Promise<void> {
  for (let leftMs = ms; leftMs > 0; leftMs -= 20_000) {
    mallory.request(FRAME_TYPE.ping, new Uint8Array(0))
    await stay(Math.min(20_000, leftMs))
  }
}

/** Wakes the clients: what came for them is noted. */
async function readAll(): Promise<void> {
  for (const client of [alice, laptop, bob, mallory]) await client.read()
}

/** Data packets that each node publishes while `work` runs. */
async function packetsOf(work: () => Promise<unknown>): Promise<number[]> {
  const counts = [0, 0, 0]
  const nodes = [one, two, three]
  nodes.forEach(({ bus }, index) => {
    bus.drops = (_, bytes) => {
      if (bytes[1] === PACKET_KIND.data) counts[index] = (counts[index] ?? 0) + 1
      return false
    }
  })
  await work()
  for (const { bus } of nodes) bus.drops = () => false
  return counts
}

describe('a group of more members than the limit', () => {
  it('is marked once, looked up as one key, and delivered once to each node', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    const other = new TestClient(cluster, BOB, BOB_LAPTOP)
    await other.goLive(two)
    const conversation = await found(BOB, MALLORY)
    events.length = 0
    const before = presence.lookups
    expect(await packetsOf(() => say(alice, conversation, 1))).toEqual([2, 0, 0])
    expect(events).toEqual(['mark itself', 'lookup 1'])
    expect(presence.lookups).toBe(before)
    for (const client of [alice, other, bob, mallory]) await client.read()
    expect([alice.texts, other.texts, bob.texts, mallory.texts]).toEqual([[], ['message 1'], ['message 1'], ['message 1']])
  })

  it('goes to nodes with live members alone', async () => {
    const conversation = await found(BOB, MALLORY)
    await mallory.goLive(two)
    await cluster.clock.advance(40_000)
    await bob.goLive(two)
    expect(await packetsOf(() => say(alice, conversation, 1))).toEqual([1, 0, 0])
    await readAll()
    expect([bob.texts, mallory.texts]).toEqual([['message 1'], ['message 1']])
  })

  it('reaches the other devices of the sender, and not the one that sent it', async () => {
    cluster.directory.addDevice(ALICE, ALICE_LAPTOP)
    await laptop.goLive(two)
    const conversation = await found(BOB, MALLORY)
    expect(await say(bob, conversation, 1)).toBe('stored')
    expect(await say(alice, conversation, 2)).toBe('stored')
    await readAll()
    expect([laptop.numbers, alice.numbers, bob.numbers]).toEqual([[1, 2], [1], [2]])
  })

  it('gives a device that has a body of its own that one alone', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    const other = new TestClient(cluster, BOB, BOB_LAPTOP)
    await other.goLive(two)
    const conversation = await found(BOB, MALLORY)
    const versions = [ALICE, BOB, MALLORY].map((member) => ({ account: member, seq: cluster.directory.seqOf(member) }))
    alice.send({
      conversation, number: 1, versions, membershipVersion: 1,
      bodies: [{ device: ALL_DEVICES, type: BODY_TYPE.senderKey, text: 'for all' }, { device: BOB_LAPTOP, text: 'for the laptop' }],
    })
    alice.send({ conversation, number: 2, kind: ENVELOPE_KIND.control, versions, membershipVersion: 1, bodies: [{ device: BOB_PHONE, text: 'for the phone' }] })
    for (const client of [alice, bob, other, mallory]) await client.read()
    expect([bob.texts, other.texts, mallory.texts]).toEqual([['for all', 'for the phone'], ['for the laptop'], ['for all']])
  })

  it('stays wide when members go, and small groups are as before', async () => {
    const conversation = await found(BOB, MALLORY)
    expect(await change(alice, conversation, { kind: 'remove', body: { members: [MALLORY] } })).toBe('changed')
    events.length = 0
    expect(await say(alice, conversation, 1)).toBe('stored')
    alice.send(toBob(1))
    await alice.read()
    expect(events).toEqual(['mark itself', 'lookup 1', 'mark alice,bob'])
    await readAll()
    expect([bob.texts.length, mallory.texts]).toEqual([2, []])
  })

  it('is broadcast when interest does not answer', async () => {
    const conversation = await found(BOB, MALLORY)
    interest.lookup = () => Promise.reject(new Error('no interest'))
    expect(await say(alice, conversation, 1)).toBe('stored')
    await readAll()
    expect([bob.texts, mallory.texts]).toEqual([['message 1'], ['message 1']])
    expect(one.metrics.broadcasts.value).toBe(1)
  })
})

describe('catching up with wide groups', () => {
  it('registers interest before it reads the marks', async () => {
    const conversation = await found(BOB, MALLORY)
    await bob.connect(one)
    bob.socket.close('idle')
    await cluster.clock.advance(1_000)
    expect(await say(alice, conversation, 1)).toBe('stored')
    // Node two forgot the group: nobody there is in it now.
    events.length = 0
    await bob.goLive(two, cluster.clock.now() - 60_000)
    expect(events).toEqual([`register ${two.node.incarnation}`, 'since bob'])
    expect(bob.texts).toEqual(['message 1'])
  })

  it('finds what came before and after the group became wide', async () => {
    const conversation = await found(BOB)
    const sinceMs = cluster.clock.now() - 1_000
    bob.socket.close('idle')
    mallory.socket.close('idle')
    expect(await say(alice, conversation, 1)).toBe('stored')
    expect(await change(alice, conversation, { kind: 'add', body: { members: [MALLORY] } })).toBe('changed')
    expect(await say(alice, conversation, 2)).toBe('stored')
    expect(events.filter((event) => event.startsWith('mark'))).toEqual(['mark alice,bob', 'mark itself'])
    await bob.goLive(two, sinceMs)
    await mallory.goLive(three, sinceMs)
    expect([bob.numbers, mallory.numbers]).toEqual([[1, 2], [1, 2]])
  })

  it('fails while interest does not answer, and is answered when asked again', async () => {
    const conversation = await found(BOB, MALLORY)
    bob.socket.close('idle')
    mallory.socket.close('idle')
    await settle()
    const register = interest.register.bind(interest)
    interest.register = () => Promise.reject(new Error('no interest'))
    await bob.goLive(two, cluster.clock.now() - 1_000)
    expect([bob.failures.at(-1)?.code, bob.synced.length]).toEqual(['unavailable.presence', 1])
    interest.register = register
    await bob.catchUp(cluster.clock.now() - 1_000)
    expect(bob.synced).toHaveLength(2)
    expect(await say(alice, conversation, 1)).toBe('stored')
    await bob.read()
    expect(bob.texts).toEqual(['message 1'])
  })

  it('has nothing to do with a group that the account left, from the hour after', async () => {
    const conversation = await found(BOB, MALLORY)
    expect(await change(alice, conversation, { kind: 'remove', body: { members: [MALLORY] } })).toBe('changed')
    expect(await say(alice, conversation, 1)).toBe('stored')
    const [nowMs, laterMs] = [cluster.clock.now(), cluster.clock.now() + 2 * MARK_HOUR_MS]
    await cluster.log.append({ conversation, envelope: alice.envelope({ conversation, number: 2, bodies: [] }), position: { timeMs: laterMs, incarnation: 9, counter: 1 } }, [conversation])
    expect([await marks.since(BOB, nowMs, 10), await marks.since(MALLORY, nowMs, 10)]).toEqual([[conversation], [conversation]])
    expect([await marks.since(BOB, laterMs, 10), await marks.since(MALLORY, laterMs, 10)]).toEqual([[conversation], []])
  })

  it('writes down that somebody was removed when the node that removed it could not', async () => {
    const conversation = await found(BOB, MALLORY)
    const standing = await cluster.membership.get(conversation)
    if (standing?.kind !== 'group') throw new Error('no group')
    // The change alone: its node died behind it.
    await cluster.membership.changeGroup({ ...standing, version: 2, members: [ALICE, BOB] }, new Uint8Array(1))
    await cluster.clock.advance(2_000)
    expect(await marks.wideOf(MALLORY)).toEqual([conversation])
    expect(await say(alice, conversation, 1)).toBe('stored')
    await mallory.goLive(three, cluster.clock.now() - 1_000)
    await settle()
    expect(await marks.wideOf(MALLORY)).toEqual([])
    expect(await marks.wideOf(BOB)).toEqual([conversation])
    mallory.deliveries.length = 0
    expect(await say(alice, conversation, 2)).toBe('stored')
    await mallory.read()
    expect(mallory.deliveries).toEqual([])
  })
})

describe('live sessions of members', () => {
  it('get what is sent after the group became wide', async () => {
    const conversation = await found(BOB)
    expect(await change(alice, conversation, { kind: 'add', body: { members: [MALLORY] } })).toBe('changed')
    expect(await say(alice, conversation, 1)).toBe('stored')
    await readAll()
    expect([bob.texts, mallory.texts]).toEqual([['message 1'], ['message 1']])
  })

  it('get it after they were added to one that was wide', async () => {
    await begin(1)
    const conversation = await found(BOB)
    expect(await change(alice, conversation, { kind: 'add', body: { members: [MALLORY] } })).toBe('changed')
    expect(await packetsOf(() => say(alice, conversation, 1))).toEqual([2, 0, 0])
    await readAll()
    expect([bob.texts, mallory.texts]).toEqual([['message 1'], ['message 1']])
  })

  it('are told under a number: a notice that got lost is asked for', async () => {
    let dropped = 0
    one.bus.drops = (_, bytes) => {
      if (bytes[1] !== PACKET_KIND.data) return false
      dropped++
      return true
    }
    const conversation = await found(BOB)
    await cluster.clock.advance(1_100)
    // The change waits for leases to end, in which the gap would be noticed: no confirmation comes through either.
    one.bus.drops = () => {
      dropped++
      return true
    }
    expect(await change(alice, conversation, { kind: 'add', body: { members: [MALLORY] } })).toBe('changed')
    expect(dropped).toBeGreaterThan(1)
    expect(await say(bob, conversation, 1)).toBe('stored')
    await mallory.read()
    expect(mallory.texts).toEqual([])
    one.bus.drops = () => false
    await cluster.clock.advance(3_000)
    await mallory.read()
    expect(mallory.texts).toEqual(['message 1'])
  })

  it('catch up when the node that told them is gone before they heard it', async () => {
    const conversation = await found(BOB)
    one.bus.drops = () => true
    expect(await change(alice, conversation, { kind: 'add', body: { members: [MALLORY] } })).toBe('changed')
    expect(await say(bob, conversation, 1)).toBe('stored')
    await cluster.clock.advance(4_000)
    await mallory.read()
    expect(mallory.texts).toEqual(['message 1'])
    expect(await say(bob, conversation, 2)).toBe('stored')
    await mallory.read()
    expect(mallory.texts).toEqual(['message 1', 'message 2'])
  })

  it('register again when interest forgot everything, and read what was missed; no cursor passes it', async () => {
    const conversation = await found(BOB, MALLORY)
    await cluster.clock.advance(11_000)
    cluster.interest.forget()
    const sentMs = cluster.clock.now()
    expect(await say(alice, conversation, 1)).toBe('stored')
    await bob.read()
    expect(bob.texts).toEqual([])
    await cluster.clock.advance(12_000)
    await bob.read()
    expect(bob.texts).toEqual(['message 1'])
    expect(Math.max(...bob.synced)).toBeLessThan(sentMs)
    expect(await say(alice, conversation, 2)).toBe('stored')
    await bob.read()
    expect(bob.texts).toEqual(['message 1', 'message 2'])
  })

  it('do not take a registration that came late for one that stood all the time', async () => {
    const conversation = await found(BOB, MALLORY)
    await cluster.clock.advance(11_000)
    const register = interest.register.bind(interest)
    let late: () => Promise<void> = async () => undefined
    interest.register = async (entries, ttlMs) => {
      late = () => register(entries, ttlMs)
      throw new Error('no answer')
    }
    cluster.interest.forget()
    await cluster.clock.advance(12_000)
    interest.register = register
    await cluster.clock.advance(12_000)
    cluster.interest.forget()
    expect(await say(alice, conversation, 1)).toBe('stored')
    await late()
    await cluster.clock.advance(12_000)
    await bob.read()
    expect(bob.texts).toEqual(['message 1'])
  })

  it('have no cursor beyond the last time at which their interest was found', async () => {
    await found(BOB, MALLORY)
    await ping(20_000)
    const foundMs = cluster.clock.now()
    interest.refresh = () => Promise.reject(new Error('no interest'))
    await ping(240_000)
    await readAll()
    expect(Math.max(...bob.synced)).toBeLessThanOrEqual(foundMs - LIMITS.overlapMs)
    // Who is in no wide group is not held up.
    expect(Math.max(...bob.synced)).toBeGreaterThan(0)
  })

  it('leave no interest behind: what nobody follows runs out', async () => {
    const conversation = await found(BOB, MALLORY)
    expect((await cluster.interest.lookup([conversation]))[0]).toHaveLength(3)
    mallory.socket.close('idle')
    await ping(40_000)
    expect([...(await cluster.interest.lookup([conversation]))[0] ?? []].sort()).toEqual([one.node.incarnation, two.node.incarnation])
  })

  it('of somebody who was removed get nothing more', async () => {
    const conversation = await found(BOB, MALLORY)
    expect(await change(alice, conversation, { kind: 'remove', body: { members: [MALLORY] } })).toBe('changed')
    expect(await say(alice, conversation, 1)).toBe('stored')
    await readAll()
    expect([bob.texts, mallory.texts]).toEqual([['message 1'], []])
    expect(await change(alice, conversation, { kind: 'add', body: { members: [MALLORY] } })).toBe('changed')
    expect(await say(alice, conversation, 2)).toBe('stored')
    await mallory.read()
    expect(mallory.numbers).toContain(2)
  })
})

describe('a group of two hundred and fifty-six', () => {
  it('costs one mark and one key for a message, with the limit as it is', async () => {
    await begin(WIDE_OVER)
    const members = Array.from({ length: 255 }, (_, index) => account(1_000 + index))
    members.forEach((member, index) => { cluster.directory.addDevice(member, device(2_000 + index)) })
    const far = new TestClient(cluster, account(1_254), device(2_254))
    await far.goLive(three)
    const conversation = await found(...members.slice(0, 63))
    expect(await say(alice, conversation, 1)).toBe('stored')
    expect(events.at(-1)).toMatch(/^mark alice(,itself){63}$/)
    expect(await change(alice, conversation, { kind: 'add', body: { members: members.slice(63, 127) } })).toBe('changed')
    expect(await change(alice, conversation, { kind: 'add', body: { members: members.slice(127, 191) } })).toBe('changed')
    expect(await change(alice, conversation, { kind: 'add', body: { members: members.slice(191) } })).toBe('changed')
    events.length = 0
    const before = presence.lookups
    expect(await say(alice, conversation, 2)).toBe('stored')
    expect(events).toEqual(['mark itself', 'lookup 1'])
    expect(presence.lookups).toBe(before)
    await far.read()
    expect(far.texts).toEqual(['message 2'])
  })
})
