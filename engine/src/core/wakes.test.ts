import { ManualClock } from '@evegram/platform'
import { ENVELOPE_KIND, EvegramError, LIMITS, type DeviceId } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { MemoryPushClaims } from '../adapters/memory/push-claims.js'
import { MemoryPushSubscriptions } from '../adapters/memory/push-subscriptions.js'
import type { PushClaims } from '../ports/push-claims.js'
import type { PushOutcome, PushSender } from '../ports/push-sender.js'
import type { TestClient } from './client.fixture.js'
import { VirtualClock, type ClusterOptions } from './cluster.fixture.js'
import { found, say as sayInGroup } from './group.fixture.js'
import {
  account, alice, ALICE, ALICE_LAPTOP, ALICE_PHONE, bob, BOB, BOB_LAPTOP, BOB_PHONE, cluster, device, laptop, one, presence, restart, stay, three, toBob, two, useScene, versions,
} from './scene.fixture.js'
import { WAKE_GATHER_MS, WAKE_INTERVAL_MS, WAKE_LEFT_MS, WAKE_TTL_MS, type Wakes } from './wakes.js'

/** A push service that answers at once, and remembers whom it was to wake. */
class NotedPushes implements PushSender {
  readonly woken: string[] = []
  outcome: PushOutcome | Promise<PushOutcome> = { status: 'accepted' }
  accepts(endpoint: string): { readonly endpoint: string; readonly service: string } | undefined {
    return endpoint.startsWith('https://push.example/') ? { endpoint, service: 'push.example' } : undefined
  }
  async send(endpoint: string): Promise<PushOutcome> {
    this.woken.push(endpoint.slice('https://push.example/'.length))
    return this.outcome
  }
  close(): void { /* nothing is open */ }
}

/** Claims that a test may take away. */
class MoodyClaims implements PushClaims {
  failure: Error | undefined
  /** Runs before every claim. */
  beforeClaim: () => Promise<void> = async () => undefined
  constructor(private readonly inner: PushClaims) {}
  async claim(...args: Parameters<PushClaims['claim']>): ReturnType<PushClaims['claim']> {
    if (this.failure !== undefined) throw this.failure
    await this.beforeClaim()
    return this.inner.claim(...args)
  }
  woken(...args: Parameters<PushClaims['woken']>): Promise<void> { return this.failure === undefined ? this.inner.woken(...args) : Promise.reject(this.failure) }
  rest(...args: Parameters<PushClaims['rest']>): Promise<void> { return this.failure === undefined ? this.inner.rest(...args) : Promise.reject(this.failure) }
}

let pushes: NotedPushes
let claims: MoodyClaims
let subscriptions: MemoryPushSubscriptions
/** Claims have a clock of their own: a day of the whole cluster takes minutes. */
let claimsClock: ManualClock

useScene()
beforeEach(() => begin())

async function begin(options: ClusterOptions = {}): Promise<void> {
  const clock = new VirtualClock()
  pushes = new NotedPushes()
  claimsClock = new ManualClock()
  claims = new MoodyClaims(new MemoryPushClaims(claimsClock))
  subscriptions = new MemoryPushSubscriptions(clock)
  await restart({ clock, push: { subscriptions, claims, sender: pushes }, ...options })
}

const wakesOf = (node = two): Wakes => {
  if (node.node.wakes === undefined) throw new Error('this node wakes')
  return node.node.wakes
}
const subscribe = (name: string, owner = BOB, which: DeviceId = BOB_PHONE, node = two): Promise<void> => wakesOf(node).subscribe(owner, which, `https://push.example/${name}`)
/** The client hangs up and its node notices. */
const leave = async (client: TestClient): Promise<void> => {
  await client.read()
  const session = cluster.nodes.flatMap(({ node }) => [...node.sessions()]).find(({ owner }) => owner?.device === client.device)
  client.acknowledge(session?.delivered ?? 0)
  client.node?.node.handlers.closed(client.socket, 1_001)
  await cluster.clock.advance(10)
}
let number = 0
beforeEach(() => { number = 0 })
const say = async (fields: Parameters<typeof toBob>[1] = {}): Promise<void> => {
  alice.send(toBob(++number, fields))
  await cluster.clock.advance(20)
  await alice.read()
}
const newest = (): Pick<Parameters<typeof toBob>[1] & object, 'versions'> => ({ versions: versions() })
const look = (): Promise<void> => cluster.clock.advance(WAKE_GATHER_MS)
/** The least interval between two wakes passes. */
const rest = async (): Promise<void> => {
  claimsClock.advance(WAKE_INTERVAL_MS)
  await stay(WAKE_INTERVAL_MS)
}

describe('a device without a connection', () => {
  it('is woken once by many messages, until it was connected again', async () => {
    await subscribe('bob')
    await leave(bob)
    for (let sent = 0; sent < 5; sent++) await say()
    await look()
    expect(pushes.woken).toEqual(['bob'])
    for (let sent = 0; sent < 5; sent++) {
      await stay(60_000)
      await say()
      await look()
    }
    expect(pushes.woken).toEqual(['bob'])
    await bob.goLive(three)
    await leave(bob)
    await rest()
    await say()
    await look()
    expect(pushes.woken).toEqual(['bob', 'bob'])
  })

  it('is not woken while it is connected to any node', async () => {
    await subscribe('bob')
    await say()
    await look()
    await say()
    await stay(30_000)
    expect(pushes.woken).toEqual([])
  })

  it('is woken by none of several nodes twice', async () => {
    await subscribe('bob')
    await leave(bob)
    cluster.directory.addDevice(ALICE, ALICE_LAPTOP)
    await laptop.goLive(three)
    laptop.send(toBob(1, { bodies: [{ device: BOB_PHONE }, { device: ALICE_PHONE }], ...newest() }))
    await say({ bodies: [{ device: BOB_PHONE }, { device: ALICE_LAPTOP }], ...newest() })
    await laptop.read()
    expect([alice.acks.length, laptop.acks.length]).toEqual([1, 1])
    await look()
    await look()
    expect(pushes.woken).toEqual(['bob'])
  })

  it('is not woken when it comes back before it is looked at', async () => {
    await subscribe('bob')
    await leave(bob)
    await say()
    await bob.goLive(three)
    await look()
    expect(pushes.woken).toEqual([])
  })

  it('is neither woken nor held to be when it connects between the look and the claim', async () => {
    await subscribe('bob')
    await leave(bob)
    await say()
    claims.beforeClaim = async () => {
      claims.beforeClaim = async () => undefined
      await bob.goLive(two)
    }
    await look()
    await cluster.clock.advance(100)
    expect(pushes.woken).toEqual([])
    await leave(bob)
    await rest()
    await say()
    await look()
    expect(pushes.woken).toEqual(['bob'])
  })

  it('is woken by a message that comes soon after the last wake, but not before the least interval has passed', async () => {
    await subscribe('bob')
    await leave(bob)
    await say()
    await look()
    await bob.goLive(two)
    await leave(bob)
    await say()
    await look()
    expect(pushes.woken).toEqual(['bob'])
    await rest()
    expect(pushes.woken).toEqual(['bob', 'bob'])
  })

  it('is woken again by the next message once its push service keeps the wake no longer', async () => {
    await subscribe('bob')
    await leave(bob)
    await say()
    await look()
    await say()
    await look()
    expect(pushes.woken).toEqual(['bob'])
    claimsClock.advance(WAKE_TTL_MS)
    await say()
    await look()
    expect(pushes.woken).toEqual(['bob', 'bob'])
  })

  it('is woken when its connection ended before it acknowledged what it got, unless it comes back', async () => {
    await subscribe('bob')
    await say()
    await bob.read()
    bob.node?.node.handlers.closed(bob.socket, 1_001)
    await cluster.clock.advance(WAKE_LEFT_MS - 1_000)
    expect(pushes.woken).toEqual([])
    await cluster.clock.advance(2_000)
    expect(pushes.woken).toEqual(['bob'])
  })

  it('is not woken by what its own account writes, nor by control traffic', async () => {
    cluster.directory.addDevice(ALICE, ALICE_LAPTOP)
    await subscribe('laptop', ALICE, ALICE_LAPTOP)
    await subscribe('bob')
    await laptop.goLive(three)
    await leave(laptop)
    await leave(bob)
    await say({ bodies: [{ device: ALICE_LAPTOP }, { device: BOB_PHONE }], kind: ENVELOPE_KIND.control, ...newest() })
    await look()
    expect(pushes.woken).toEqual([])
    await say({ bodies: [{ device: ALICE_LAPTOP }, { device: BOB_PHONE }] })
    await look()
    expect(pushes.woken).toEqual(['bob'])
  })

  it('is woken for a message to a group, also a wide one', async () => {
    for (const wideOver of [64, 2]) {
      await begin({ wideOver })
      await subscribe('bob')
      const carol = account(7)
      cluster.directory.addDevice(carol, device(70))
      await subscribe('carol', carol, device(70))
      const group = await found(BOB, carol)
      await leave(bob)
      expect(await sayInGroup(alice, group, 1)).toBe('stored')
      await cluster.clock.advance(20)
      await look()
      expect([...pushes.woken].sort(), `wide over ${String(wideOver)}`).toEqual(['bob', 'carol'])
    }
  })

  it('is woken for each of its account, and nobody of those who did not ask', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    await subscribe('laptop', BOB, BOB_LAPTOP)
    await leave(bob)
    await say({ bodies: [{ device: BOB_PHONE }, { device: BOB_LAPTOP }], ...newest() })
    await look()
    expect(pushes.woken).toEqual(['laptop'])
    await subscribe('bob')
    // Another node may remember for some seconds that there was none.
    await stay(10_000)
    await say({ bodies: [{ device: BOB_PHONE }, { device: BOB_LAPTOP }], ...newest() })
    await look()
    expect(pushes.woken).toEqual(['laptop', 'bob'])
  })
})

describe('a subscription', () => {
  it('ends with its device, also when nobody heard of the revocation', async () => {
    for (const hears of [true, false]) {
      await begin()
      await subscribe('bob')
      cluster.directory.addDevice(BOB, BOB_LAPTOP)
      await leave(bob)
      if (!hears) for (const { node } of cluster.nodes) if (node.wakes !== undefined) node.wakes.accountChanged = () => undefined
      cluster.directory.revokeDevice(BOB, BOB_PHONE)
      await cluster.clock.advance(20)
      expect(await subscriptions.read([BOB_PHONE])).toHaveLength(hears ? 0 : 1)
      wakesOf(one).missed(BOB_PHONE, ALICE)
      await look()
      expect(await subscriptions.read([BOB_PHONE])).toHaveLength(0)
      expect(pushes.woken).toEqual([])
    }
  })

  it('ends when the push service knows it no more, and a newer one stays', async () => {
    await subscribe('old')
    await leave(bob)
    let answer: (outcome: PushOutcome) => void = () => undefined
    pushes.outcome = new Promise((resolve) => { answer = resolve })
    await say()
    await look()
    expect(pushes.woken).toEqual(['old'])
    await subscribe('new')
    answer({ status: 'gone' })
    await cluster.clock.advance(20)
    expect((await subscriptions.read([BOB_PHONE])).map(({ endpoint }) => endpoint)).toEqual(['https://push.example/new'])
    await rest()
    pushes.outcome = { status: 'gone' }
    await say()
    await look()
    expect([pushes.woken, await subscriptions.read([BOB_PHONE])]).toEqual([['old', 'new'], []])
  })

  it('is at a push service of the list, or is refused', async () => {
    await expect(wakesOf().subscribe(BOB, BOB_PHONE, 'https://evil.example/')).rejects.toMatchObject({ code: 'denied.push_service' })
    expect(await subscriptions.read([BOB_PHONE])).toEqual([])
  })

  it('ends with the session that signed out', async () => {
    await subscribe('bob')
    wakesOf().accountChanged({ kind: 'session_revoked', account: BOB, device: BOB_PHONE })
    await cluster.clock.advance(1)
    expect(await subscriptions.read([BOB_PHONE])).toEqual([])
  })
})

describe('what fails', () => {
  it('holds up no message: not a push service that never answers, not a store that does not', async () => {
    await subscribe('bob')
    await leave(bob)
    pushes.outcome = new Promise(() => undefined)
    subscriptions.read = () => new Promise(() => undefined)
    for (let sent = 0; sent < 20; sent++) await say()
    expect(alice.acks).toHaveLength(20)
  })

  it('is looked at again: presence and claims that do not answer', async () => {
    await subscribe('bob')
    await leave(bob)
    await say()
    presence.failure = claims.failure = new EvegramError('unavailable.presence')
    await look()
    await cluster.clock.advance(10_000)
    expect(pushes.woken).toEqual([])
    presence.failure = claims.failure = undefined
    await cluster.clock.advance(10_000)
    expect(pushes.woken).toEqual(['bob'])
  })

  it('is looked at again for one device whose account is not told, and wakes those at once that were claimed beside it', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    await subscribe('phone')
    await subscribe('laptop', BOB, BOB_LAPTOP)
    await leave(bob)
    await say({ bodies: [{ device: BOB_PHONE }, { device: BOB_LAPTOP }], ...newest() })
    let failures = 1
    cluster.directory.beforeSummary = async () => { if (failures-- > 0) throw new EvegramError('unavailable.auth') }
    await look()
    expect(pushes.woken).toHaveLength(1)
    await cluster.clock.advance(10_000)
    expect([...pushes.woken].sort()).toEqual(['laptop', 'phone'])
  })

  it('does not keep a device from being woken that connected while the claims did not answer', async () => {
    await subscribe('bob')
    await leave(bob)
    await say()
    await look()
    claims.failure = new EvegramError('unavailable.presence')
    await bob.goLive(two)
    await leave(bob)
    claims.failure = undefined
    await stay(10_000)
    await rest()
    await say()
    await look()
    expect(pushes.woken).toEqual(['bob', 'bob'])
  })

  it('is given up for this message, and the next one wakes', async () => {
    await subscribe('bob')
    await leave(bob)
    pushes.outcome = { status: 'refused', reason: 'HTTP 403' }
    await say()
    await look()
    pushes.outcome = { status: 'accepted' }
    await rest()
    await say()
    await look()
    expect(pushes.woken).toEqual(['bob', 'bob'])
    expect(await subscriptions.read([BOB_PHONE])).toHaveLength(1)
  })
})

describe('a subscription that is not renewed', () => {
  it('wakes nobody any more', async () => {
    await subscribe('bob')
    await leave(bob)
    await subscriptions.put({ account: BOB, device: BOB_PHONE, endpoint: 'https://push.example/bob', renewedAtMs: cluster.clock.now() - LIMITS.pushSubscriptionMs })
    await say()
    await look()
    expect(pushes.woken).toEqual([])
  })
})
