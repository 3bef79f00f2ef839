import { describe, expect, it } from 'vitest'
import {
  BODY_TYPE, decodeEnvelope, draftMembershipEntry, ENVELOPE_KIND, EvegramError, membershipEntryHash, sealMembershipEntry, viewEnvelope,
  type ConversationId, type DeviceId, type MembershipChange,
} from '@evegram/protocol'
import { signWithSigning } from '../crypto/device-keys.js'
import { senderKeyDevicesOf } from './testing/sender-key-rows.js'
import type { ClientEvents } from '../events.js'
import type { Group } from '../group.js'
import { MemoryStore } from '../store/memory.js'
import { HEALING_LIMITS } from './allowance.js'
import { FakeServer, type Lies } from './testing/fake-server.js'
import { openTestClient, testWallet, type TestClient } from './testing/test-client.js'
import { rest, VirtualClock } from './testing/virtual-clock.js'

interface Scene {
  readonly server: FakeServer
  readonly clock: VirtualClock
  readonly alice: TestClient
  readonly bob: TestClient
  readonly carol: TestClient
}

async function scene(): Promise<Scene> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const [alice, bob, carol] = await Promise.all((['alice', 'bob', 'carol'] as const).map((name) => openTestClient(server, new MemoryStore(), testWallet(name))))
  if (alice === undefined || bob === undefined || carol === undefined) throw new Error('three clients were opened')
  return { server, clock, alice, bob, carol }
}

const named = <Name extends keyof ClientEvents>(test: TestClient, name: Name): ClientEvents[Name][] =>
  test.log.filter((entry) => entry.name === name).map(({ event }) => event as ClientEvents[Name])

async function found(by: TestClient, ...members: readonly TestClient[]): Promise<Group> {
  const group = await by.client.createGroup('North gate', members.map(({ client }) => client.account))
  await rest()
  return group
}

async function say(from: TestClient, id: ConversationId, text: string): Promise<void> {
  await (await (await from.client.group(id)).send(text)).acked
  await rest()
}

async function textsOf(test: TestClient, id: ConversationId): Promise<string[]> {
  const groups = await test.client.groups()
  const group = groups.find((known) => known.id === id)
  return group === undefined ? [] : (await group.history(1_000)).map(({ text }) => text)
}

const namesOf = async (test: TestClient, id: ConversationId): Promise<string> => (await test.client.group(id)).name()
const rolesOf = async (test: TestClient, id: ConversationId): Promise<string[]> =>
  (await (await test.client.group(id)).members()).map(({ address, role }) => `${address}:${role}`).sort()
const addressed = (test: TestClient, role: string): string => `${test.client.address}:${role}`
/** Bodies for all that were stored in a group. */
const forAll = (server: FakeServer, id: ConversationId): readonly Uint8Array[] =>
  server.stored.map(({ envelope }) => envelope).filter((envelope) => {
    const view = viewEnvelope(envelope)
    return view.conversation === id && view.bodies.some(({ type }) => type === BODY_TYPE.senderKey)
  })

describe('a group', () => {
  it('is founded, named, joined and spoken in by everybody', async () => {
    const { alice, bob, carol } = await scene()
    const { id } = await found(alice, bob, carol)
    expect(await Promise.all([alice, bob, carol].map((test) => namesOf(test, id)))).toEqual(['North gate', 'North gate', 'North gate'])
    await say(alice, id, 'one')
    await say(bob, id, 'two')
    await say(carol, id, 'three')
    await say(alice, id, 'four')
    for (const test of [alice, bob, carol]) {
      expect(await textsOf(test, id)).toEqual(['one', 'two', 'three', 'four'])
      expect(await rolesOf(test, id)).toEqual([addressed(alice, 'owner'), addressed(bob, 'member'), addressed(carol, 'member')].sort())
      expect([test.refusals(), named(test, 'gap'), named(test, 'fault')]).toEqual([[], [], []])
    }
    expect(named(bob, 'group-changed')).toMatchObject([{ conversation: id, version: 1, kind: 'create', by: alice.client.account, signerRevokedSince: false }])
  })

  it('stores one body for all its devices, and gives its key once', async () => {
    const { server, alice, bob, carol } = await scene()
    const bob2 = await openTestClient(server, new MemoryStore(), testWallet('bob'))
    const alice2 = await openTestClient(server, new MemoryStore(), testWallet('alice'))
    const { id } = await found(alice, bob, carol)
    for (const text of ['one', 'two', 'three']) await say(alice, id, text)
    const bodies = forAll(server, id).map((envelope) => decodeEnvelope(envelope).bodies)
    expect(bodies.map((list) => list.length)).toEqual([1, 1, 1])
    // The name, then the key: two envelopes of control traffic for four other devices.
    expect(server.stored.map(({ envelope }) => decodeEnvelope(envelope)).filter(({ conversation }) => conversation === id)).toHaveLength(5)
    for (const test of [bob, bob2, alice2, carol]) expect(await textsOf(test, id)).toEqual(['one', 'two', 'three'])
    const own = await (await alice2.client.group(id)).history(1)
    expect(own[0]).toMatchObject({ direction: 'out', state: 'sent', fromDevice: alice.client.device })
  })

  it('is written in without a connection, and catches up after one', async () => {
    const { alice, bob, carol } = await scene()
    const { id } = await found(alice, bob, carol)
    await say(alice, id, 'one')
    bob.link.down()
    alice.link.down()
    await (await alice.client.group(id)).send('two')
    await (await alice.client.group(id)).send('three')
    alice.link.up()
    await rest()
    bob.link.up()
    await rest()
    for (const test of [alice, bob, carol]) expect(await textsOf(test, id)).toEqual(['one', 'two', 'three'])
    expect([bob.refusals(), named(bob, 'gap')]).toEqual([[], []])
  })

  it('survives a restart of its members', async () => {
    const { server, alice, bob, carol } = await scene()
    const { id } = await found(alice, bob, carol)
    await say(alice, id, 'one')
    await alice.core.close()
    await bob.core.close()
    const [alice2, bob2] = [await openTestClient(server, alice.store), await openTestClient(server, bob.store)]
    await say(alice2, id, 'two')
    await say(bob2, id, 'three')
    for (const test of [alice2, bob2, carol]) expect(await textsOf(test, id)).toEqual(['one', 'two', 'three'])
    expect(bob2.refusals()).toEqual([])
  })
})

describe('members', () => {
  it('that join read what is said from then on, and nothing before', async () => {
    const { alice, bob, carol } = await scene()
    const { id } = await found(alice, bob)
    await say(alice, id, 'before')
    await (await alice.client.group(id)).add([carol.client.address])
    await rest()
    await say(alice, id, 'after')
    await say(bob, id, 'hello carol')
    expect(await textsOf(carol, id)).toEqual(['after', 'hello carol'])
    expect(await textsOf(bob, id)).toEqual(['before', 'after', 'hello carol'])
    expect(await namesOf(carol, id)).toBe('North gate')
    expect([carol.refusals(), named(carol, 'gap').filter(({ reason }) => reason !== 'before_you_joined')]).toEqual([[], []])
  })

  it('that are removed cannot read what follows, on the bytes, even with a server that gives them everything', async () => {
    const { server, alice, bob, carol } = await scene()
    const { id } = await found(alice, bob, carol)
    await say(alice, id, 'all of us')
    await say(bob, id, 'yes')
    await (await alice.client.group(id)).remove([carol.client.address])
    server.lies.anybodyInGroups = true
    await say(alice, id, 'secret of alice')
    await say(bob, id, 'secret of bob')
    await rest()
    expect(await textsOf(carol, id)).toEqual(['all of us', 'yes'])
    // Whatever Carol's device was ever given opens none of the new bodies.
    const secret = forAll(server, id).slice(2)
    expect(secret).toHaveLength(2)
    for (const envelope of secret) {
      const { device, conversation, bodies } = decodeEnvelope(envelope)
      const state = carol.core.core.local.store
      const outcome = await carol.core.core.groupCiphers.decrypt(conversation, device, bodies[0]?.bytes ?? new Uint8Array(0), { get: (key) => state.get('sessions', key) })
      expect(outcome).toEqual({ status: 'no_sender_key' })
    }
    for (const test of [alice, bob]) expect(await textsOf(test, id)).toEqual(['all of us', 'yes', 'secret of alice', 'secret of bob'])
  })

  it('that are removed are refused by those who stay, whatever the server takes', async () => {
    const { server, clock, alice, bob, carol } = await scene()
    const { id } = await found(alice, bob, carol)
    await say(carol, id, 'hello')
    carol.link.down()
    await (await alice.client.group(id)).remove([carol.client.address])
    await say(bob, id, 'who is here?')
    server.lies.anybodyInGroups = true
    // Carol made this as a member, before she went; her server holds it back, or she does.
    await (await carol.client.group(id)).send('still here')
    await clock.advance(700_000)
    carol.link.up()
    await rest()
    expect(server.stored.some(({ envelope }) => viewEnvelope(envelope).device === carol.client.device && viewEnvelope(envelope).number === 2)).toBe(true)
    expect(await textsOf(alice, id)).toEqual(['hello', 'who is here?'])
    expect(await textsOf(bob, id)).toEqual(['hello', 'who is here?'])
    expect(alice.refusals()).toContain('denied.not_member')
  })

  it('learn of their removal when the server refuses them, and may not send any more', async () => {
    const { alice, bob, carol } = await scene()
    const { id } = await found(alice, bob, carol)
    await say(carol, id, 'hello')
    await (await alice.client.group(id)).remove([carol.client.address])
    await rest()
    const sent = await (await carol.client.group(id)).send('hello?')
    await expect(sent.acked).rejects.toMatchObject({ code: 'denied.not_member' })
  })

  it('leave, and the group goes on without them', async () => {
    const { alice, bob, carol } = await scene()
    const group = await found(alice, bob, carol)
    await say(alice, group.id, 'one')
    await expect(group.leave()).rejects.toMatchObject({ code: 'group.last_owner' })
    await group.setRole(bob.client.address, 'owner')
    await group.leave()
    await say(bob, group.id, 'two')
    await say(carol, group.id, 'three')
    expect(await group.isMember()).toBe(false)
    expect(await textsOf(alice, group.id)).toEqual(['one'])
    expect(await textsOf(carol, group.id)).toEqual(['one', 'two', 'three'])
    expect(await rolesOf(carol, group.id)).toEqual([addressed(bob, 'owner'), addressed(carol, 'member')].sort())
  })

  it('have the say that their role gives them', async () => {
    const { alice, bob, carol } = await scene()
    const { id } = await found(alice, bob, carol)
    const asBob = await bob.client.group(id)
    await expect(asBob.remove([carol.client.address])).rejects.toMatchObject({ code: 'group.role' })
    await expect(asBob.rename('Mine')).rejects.toMatchObject({ code: 'group.role' })
    await (await alice.client.group(id)).setRole(bob.client.account, 'admin')
    await (await carol.client.group(id)).send('x')
    await rest()
    await asBob.remove([carol.client.address])
    await asBob.rename('Ours')
    await rest()
    expect(await namesOf(alice, id)).toBe('Ours')
    expect(named(alice, 'group-named').at(-1)).toEqual({ conversation: id, name: 'Ours', by: bob.client.account })
  })
})

describe('devices', () => {
  it('that are added to a member get the key where it stands, and what follows', async () => {
    const { server, clock, alice, bob, carol } = await scene()
    const { id } = await found(alice, bob, carol)
    await say(alice, id, 'one')
    await clock.advance(2_000)
    const bob2 = await openTestClient(server, new MemoryStore(), testWallet('bob'))
    await rest()
    await say(alice, id, 'two')
    await say(carol, id, 'three')
    expect(await textsOf(bob2, id)).toEqual(['two', 'three'])
    expect(bob2.refusals()).toEqual([])
  })

  it('that are revoked cannot read what follows, on the bytes', async () => {
    const { server, alice, bob, carol } = await scene()
    const bob2 = await openTestClient(server, new MemoryStore(), testWallet('bob'))
    const { id } = await found(alice, bob, carol)
    await say(alice, id, 'one')
    await say(carol, id, 'two')
    expect(await textsOf(bob2, id)).toEqual(['one', 'two'])
    const rows = bob2.core.core.local.store
    await bob.client.revokeDevice(bob2.client.device, testWallet('bob'))
    await rest()
    for (const [from, text] of [[alice, 'three'], [carol, 'four'], [bob, 'five']] as const) await say(from, id, text)
    expect(await textsOf(carol, id)).toEqual(['one', 'two', 'three', 'four', 'five'])
    for (const envelope of forAll(server, id).slice(2)) {
      const { device, bodies } = decodeEnvelope(envelope)
      const outcome = await bob2.core.core.groupCiphers.decrypt(id, device, bodies[0]?.bytes ?? new Uint8Array(0), { get: (key) => rows.get('sessions', key) })
      expect(outcome.status).toBe('no_sender_key')
    }
  })

  it('that were revoked unknown to the sender make it encrypt anew before anything is stored', async () => {
    const { server, alice, bob, carol } = await scene()
    const bob2 = await openTestClient(server, new MemoryStore(), testWallet('bob'))
    const { id } = await found(alice, bob, carol)
    await say(alice, id, 'one')
    alice.link.down()
    await bob.client.revokeDevice(bob2.client.device, testWallet('bob'))
    const sent = await (await alice.client.group(id)).send('two')
    alice.link.up()
    await sent.acked
    await rest()
    expect(await textsOf(carol, id)).toEqual(['one', 'two'])
    const [, last] = forAll(server, id)
    const { device, bodies } = decodeEnvelope(last ?? new Uint8Array(0))
    const rows = bob2.core.core.local.store
    expect((await bob2.core.core.groupCiphers.decrypt(id, device, bodies[0]?.bytes ?? new Uint8Array(0), { get: (key) => rows.get('sessions', key) })).status).toBe('no_sender_key')
  })
})

describe('changes that cross a message', () => {
  it('make it anew for the members that there are now, under the same number', async () => {
    const { alice, bob, carol } = await scene()
    const { id } = await found(alice, bob)
    await say(alice, id, 'one')
    await say(bob, id, 'two')
    bob.link.down()
    await (await alice.client.group(id)).add([carol.client.address])
    const [first, second] = [await (await bob.client.group(id)).send('three'), await (await bob.client.group(id)).send('four')]
    bob.link.up()
    await Promise.all([first.acked, second.acked])
    await rest()
    expect(await textsOf(alice, id)).toEqual(['one', 'two', 'three', 'four'])
    expect(await textsOf(carol, id)).toEqual(['three', 'four'])
    for (const test of [alice, carol]) expect(named(test, 'gap').filter(({ reason }) => reason !== 'before_you_joined')).toEqual([])
  })
  it('make it anew for the members as they are when the keys of others have come, not as they were before', async () => {
    const { server, alice, bob, carol } = await scene()
    const group = await found(alice, bob)
    await group.setRole(bob.client.address, 'admin')
    await say(bob, group.id, 'one')
    bob.link.down()
    await group.add([carol.client.address])
    const sent = await (await bob.client.group(group.id)).send('two')
    const madeFor: number[] = []
    let isFirst = true
    server.lies = {
      send: (envelope, from) => {
        const { kind, membershipVersion } = decodeEnvelope(envelope)
        if (from === bob.client.device && kind === ENVELOPE_KIND.message) madeFor.push(membershipVersion)
        return undefined
      },
      bundle: async (bundle) => {
        if (isFirst) {
          isFirst = false
          await (await bob.client.group(group.id)).remove([carol.client.address])
        }
        return bundle
      },
    }
    bob.link.up()
    await sent.acked
    await rest()
    expect([isFirst, madeFor]).toEqual([false, [2, 4]])
    expect(await textsOf(alice, group.id)).toEqual(['one', 'two'])
  })
})

describe('what was given up', () => {
  it('leaves numbers that the members of today can check', async () => {
    const { server, clock, alice, bob, carol } = await scene()
    const group = await found(alice, bob)
    await group.setRole(bob.client.address, 'admin')
    await say(alice, group.id, 'one')
    alice.link.down()
    const refused = [await group.send('two'), await group.send('three')]
    const refuse = (code: 'limited.rate' | 'denied.blocked'): void => {
      server.lies.send = (_envelope, from) => (from === alice.client.device ? { status: 'refused', failure: { code, message: code } } : undefined)
    }
    refuse('limited.rate')
    await (await bob.client.group(group.id)).add([carol.client.address])
    alice.link.up()
    await rest()
    await alice.core.groupLogs.refresh(group.id)
    refuse('denied.blocked')
    for (const { acked } of refused) acked.catch(() => undefined)
    await clock.advance(60_000)
    server.lies = {}
    await (await group.send('four')).acked
    await clock.advance(60_000)
    expect(await textsOf(bob, group.id)).toEqual(['one', 'two', 'four'])
    // A message made anew in its place cannot have the key put before it: who lacks it asks.
    expect([bob.refusals(), named(bob, 'gap')]).toEqual([['e2ee.session_missing'], []])
  })
})

describe('healing', () => {
  it('gets a message whose key never came from its sender, and the key with the next one', async () => {
    const { server, clock, alice, bob, carol } = await scene()
    const { id } = await found(alice, bob, carol)
    const isGift = (envelope: Uint8Array, to: DeviceId): boolean => {
      const view = viewEnvelope(envelope)
      return view.conversation === id && to === carol.client.device && view.epoch === 0 && view.device === alice.client.device
    }
    server.lies.deliver = (delivery, to) => (isGift(delivery.envelope, to) ? [] : [delivery])
    await say(alice, id, 'one')
    expect(await textsOf(carol, id)).toEqual([])
    expect(carol.refusals()).toContain('e2ee.session_missing')
    server.lies = {}
    await clock.advance(120_000)
    expect(await textsOf(carol, id)).toEqual(['one'])
    await say(alice, id, 'two')
    expect(await textsOf(carol, id)).toEqual(['one', 'two'])
    expect(await senderKeyDevicesOf(carol.store, id)).toContain(alice.client.device)
    expect(await textsOf(bob, id)).toEqual(['one', 'two'])
  })

  it('gives a device that had no prekeys yet everything by itself: more than it may ask for in an hour', async () => {
    const { server, clock, alice, bob } = await scene()
    const { id } = await found(alice, bob)
    const isNew = (device: DeviceId): boolean => device !== alice.client.device && device !== bob.client.device
    // It cannot ask for anything either: what it gets, it gets by itself.
    const refused: Lies['send'] = (_envelope, from) => (isNew(from) ? { status: 'refused', failure: { code: 'unavailable.store', message: '' } } : undefined)
    server.lies = {
      send: refused,
      bundle: (bundle) => (isNew(bundle.device) ? Promise.reject(new EvegramError('not_found.prekeys', { operation: 'fetch bundle' })) : bundle),
    }
    const bob2 = await openTestClient(server, new MemoryStore(), testWallet('bob'))
    const said = Array.from({ length: HEALING_LIMITS.perHour + 10 }, (_, index) => `number ${String(index)}`)
    for (const text of said) await say(alice, id, text)
    server.lies = { send: refused }
    await clock.advance(300_000)
    expect(await textsOf(bob2, id)).toEqual(said)
  })

  it('gives a message to such a device although the members changed while it was on its way', async () => {
    const { server, clock, alice, bob } = await scene()
    const { id } = await found(alice, bob)
    const isNew = (device: DeviceId): boolean => device !== alice.client.device && device !== bob.client.device
    const refuse = (code: 'unavailable.store' | 'stale.membership'): ReturnType<NonNullable<Lies['send']>> => ({ status: 'refused', failure: { code, message: '' } })
    server.lies = {
      send: (_envelope, from) => (isNew(from) ? refuse('unavailable.store') : undefined),
      bundle: (bundle) => (isNew(bundle.device) ? Promise.reject(new EvegramError('not_found.prekeys', { operation: 'fetch bundle' })) : bundle),
    }
    const bob2 = await openTestClient(server, new MemoryStore(), testWallet('bob'))
    await say(alice, id, 'one')
    let refused = 0
    server.lies = {
      send: (envelope, from) => {
        if (isNew(from)) return refuse('unavailable.store')
        if (viewEnvelope(envelope).epoch > 0 || refused === 3) return undefined
        refused += 1
        return refuse('stale.membership')
      },
    }
    await clock.advance(60_000)
    expect([refused > 0, await textsOf(bob2, id)]).toEqual([true, []])
    await clock.advance(900_000)
    expect([refused, await textsOf(bob2, id)]).toEqual([3, ['one']])
  })

  it('asks for what was changed on the way', async () => {
    const { server, clock, alice, bob, carol } = await scene()
    const { id } = await found(alice, bob, carol)
    await say(alice, id, 'one')
    server.lies.deliver = (delivery, to) => {
      if (to !== bob.client.device || viewEnvelope(delivery.envelope).epoch === 0) return [delivery]
      const envelope = delivery.envelope.slice()
      envelope[envelope.length - 70] = (envelope[envelope.length - 70] ?? 0) ^ 1
      return [{ ...delivery, envelope }]
    }
    await say(alice, id, 'two')
    expect(bob.refusals()).toContain('e2ee.bad_mac')
    server.lies = {}
    await clock.advance(120_000)
    expect(await textsOf(bob, id)).toEqual(['one', 'two'])
  })
})

describe('a group that a device does not know yet', () => {
  it('is asked for again when the connection ended meanwhile: its messages wait', async () => {
    const { server, clock, alice, bob, carol } = await scene()
    bob.link.down()
    const { id } = await found(alice, bob, carol)
    await say(alice, id, 'one')
    server.lies.group = (page, to) => {
      if (to === bob.client.device) throw new EvegramError('client.closed', { operation: 'close connection' })
      return page
    }
    bob.link.up()
    await rest()
    server.lies = {}
    await clock.advance(120_000)
    // What waited is looked at in no order: a message before its key is asked for.
    expect(await textsOf(bob, id)).toEqual(['one'])
    expect(bob.refusals().filter((code) => code !== 'e2ee.session_missing')).toEqual([])
  })

  it('is asked for again when the server did not show it a moment ago: the account may be a member by now', async () => {
    const { server, clock, alice, bob, carol } = await scene()
    bob.link.down()
    const { id } = await found(alice, bob, carol)
    await say(alice, id, 'one')
    server.lies.group = (page, to) => {
      if (to === bob.client.device) throw new EvegramError('denied.not_member', { operation: 'read group' })
      return page
    }
    bob.link.up()
    await rest()
    expect(bob.refusals()).toContain('denied.not_member')
    server.lies = {}
    await say(alice, id, 'two')
    await clock.advance(180_000)
    expect(await textsOf(bob, id)).toContain('two')
  })
})

describe('a member that went', () => {
  it('is answered nothing: what it asks for has no body for it', async () => {
    const { server, clock, alice, bob, carol } = await scene()
    const { id } = await found(alice, bob, carol)
    const isGift = (envelope: Uint8Array, to: DeviceId): boolean =>
      viewEnvelope(envelope).epoch === 0 && to === carol.client.device && viewEnvelope(envelope).device === alice.client.device
    server.lies.deliver = (delivery, to) => (isGift(delivery.envelope, to) ? [] : [delivery])
    alice.link.down()
    const sent = await (await alice.client.group(id)).send('one')
    alice.link.up()
    await sent.acked
    await (await alice.client.group(id)).remove([carol.client.address])
    const before = server.stored.length
    server.lies = { anybodyInGroups: true }
    await clock.advance(120_000)
    const asked = server.stored.slice(before).map(({ envelope }) => viewEnvelope(envelope))
    expect(asked.filter(({ device }) => device === carol.client.device).length).toBeGreaterThan(0)
    expect(asked.filter(({ device }) => device === alice.client.device).flatMap(({ bodies }) => bodies.map((body) => body.device))).not.toContain(carol.client.device)
  })
})

describe('a lying server', () => {
  const forge = (server: FakeServer, id: ConversationId, by: TestClient, change: MembershipChange, signer: TestClient = by): Uint8Array => {
    const group = server.groups.get(id)
    if (group === undefined) throw new Error('no such group')
    const { seq, head } = server.stateOf(by.client.account)
    const draft = draftMembershipEntry(group.state, change, { account: by.client.account, device: by.client.device, log: { seq, head } }, server.clock.now())
    return sealMembershipEntry(draft, signWithSigning(signer.core.core.keys, membershipEntryHash(draft))).bytes
  }

  it('cannot add a member: a forged entry raises an alarm, and gets no sender key', async () => {
    const { server, alice, bob, carol } = await scene()
    const { id } = await found(alice, bob)
    await say(alice, id, 'one')
    // Carol's device signs an addition of herself in Alice's name; the server shows it as the newest entry and says that the group moved on.
    const entry = forge(server, id, alice, { kind: 'add', body: { members: [carol.client.account] } }, carol)
    server.lies.group = (page) => ({ ...page, version: 2, entries: [...page.entries, entry].slice(0, 3) })
    server.lies.send = (envelope) => {
      const view = viewEnvelope(envelope)
      return view.conversation === id && view.membershipVersion < 2 ? { status: 'refused', failure: { code: 'stale.membership', message: 'stale' } } : undefined
    }
    const before = server.stored.length
    const sent = await (await alice.client.group(id)).send('two')
    sent.acked.catch(() => undefined)
    await rest()
    expect(named(alice, 'group-alarm')).toContainEqual({ conversation: id, code: 'proof.signature', reason: 'the signature of the acting device does not verify' })
    expect(await rolesOf(alice, id)).toEqual([addressed(alice, 'owner'), addressed(bob, 'member')].sort())
    for (const { envelope } of server.stored.slice(before)) expect(viewEnvelope(envelope).bodies.map(({ device }) => device)).not.toContain(carol.client.device)
    expect(await senderKeyDevicesOf(carol.store, id)).toEqual([])
  })

  it('cannot let a member do what its role does not allow, nor a stranger anything', async () => {
    const { server, alice, bob, carol } = await scene()
    const { id } = await found(alice, bob)
    const entries = [
      forge(server, id, bob, { kind: 'add', body: { members: [carol.client.account] } }), forge(server, id, carol, { kind: 'add', body: { members: [carol.client.account] } }),
    ]
    for (const [index, entry] of entries.entries()) {
      server.lies.group = (page) => ({ ...page, version: 2, entries: [...page.entries, entry] })
      const code = index === 0 ? 'group.role' : 'group.member_unknown'
      await expect(alice.core.groupLogs.refresh(id)).rejects.toMatchObject({ code })
      expect(named(alice, 'group-alarm').at(-1)).toMatchObject({ conversation: id, code })
    }
  })

  it('cannot roll a group back, nor name what it does not show', async () => {
    const { server, alice, bob, carol } = await scene()
    const { id } = await found(alice, bob, carol)
    await (await alice.client.group(id)).remove([carol.client.address])
    for (const lie of [1, 5]) {
      server.lies.group = (page) => ({ ...page, version: lie, entries: [] })
      await expect(alice.core.groupLogs.refresh(id)).rejects.toMatchObject({ code: 'group.log_invalid' })
      expect(await rolesOf(alice, id)).toEqual([addressed(alice, 'owner'), addressed(bob, 'member')].sort())
    }
    expect(named(alice, 'group-alarm').map(({ reason }) => reason)).toEqual(['the server shows an older log', 'the server names a newer version and does not show it'])
  })

  it('cannot pass a message of one version off as one of another', async () => {
    const { server, alice, bob, carol } = await scene()
    const { id } = await found(alice, bob)
    await say(alice, id, 'one')
    await (await alice.client.group(id)).add([carol.client.address])
    await say(alice, id, 'two')
    server.lies.route = (delivery, to) => {
      const view = viewEnvelope(delivery.envelope)
      if (to !== bob.client.device || view.epoch === 0 || view.conversation !== id) return [delivery]
      const envelope = delivery.envelope.slice()
      new DataView(envelope.buffer).setUint32(72, 1)
      return [{ ...delivery, envelope }]
    }
    await say(alice, id, 'three')
    expect(await textsOf(bob, id)).toEqual(['one', 'two'])
    expect(bob.refusals()).toContain('e2ee.envelope_mismatch')
  })

  it('is shown where a change was signed by a device that is revoked by now', async () => {
    const { server, clock, alice, bob, carol } = await scene()
    const alice2 = await openTestClient(server, new MemoryStore(), testWallet('alice'))
    const { id } = await found(alice, bob)
    await clock.advance(2_000)
    // The second device adds Carol; then it is revoked, before Bob looks at the log.
    bob.link.down()
    await (await alice2.client.group(id)).add([carol.client.address])
    await alice.client.revokeDevice(alice2.client.device, testWallet('alice'))
    bob.link.up()
    await rest()
    await bob.core.groupLogs.refresh(id)
    expect(named(bob, 'group-changed').map(({ version, signerRevokedSince }) => [version, signerRevokedSince])).toEqual([[1, false], [2, true]])
  })
})

describe('what is not there', () => {
  it('is named: an unknown group, an unknown account, no connection', async () => {
    const { alice, bob } = await scene()
    await expect(alice.client.group('0'.repeat(32))).rejects.toMatchObject({ code: 'not_found.conversation' })
    await expect(alice.client.createGroup('', [bob.client.account])).rejects.toMatchObject({ code: 'invalid.argument' })
    await expect(alice.client.createGroup('x'.repeat(200), [])).rejects.toBeInstanceOf(EvegramError)
    alice.link.down()
    await expect(alice.client.createGroup('Offline', [bob.client.account])).rejects.toMatchObject({ code: 'unavailable.server' })
    expect((await alice.client.groups()).length).toBe(0)
  })
})
