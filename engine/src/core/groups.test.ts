import {
  ALL_DEVICES, BODY_TYPE, draftMembershipEntry, emptyHead, encodeReadGroup, ENVELOPE_KIND, FRAME_TYPE, GROUP_PAGE_ENTRIES_MAX, LIMITS,
  verifyMembershipLog, viewEnvelope, type LogHead,
} from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { TestClient } from './client.fixture.js'
import { settle, testSignature } from './cluster.fixture.js'
import { signingKeyOf } from './directory.fixture.js'
import { actorOf, change, found, offer, say, sealed, stateOf } from './group.fixture.js'
import { LEASES_ENDED_MS } from './group-requests.js'
import {
  account, alice, ALICE, ALICE_LAPTOP, ALICE_PHONE, bob, BOB, BOB_LAPTOP, BOB_PHONE, cluster, device, laptop, log, MALLORY, MALLORY_PHONE, one, three, two,
  useScene,
} from './scene.fixture.js'

useScene()

let mallory: TestClient

beforeEach(async () => {
  cluster.directory.addDevice(MALLORY, MALLORY_PHONE)
  mallory = new TestClient(cluster, MALLORY, MALLORY_PHONE)
  await mallory.goLive(three)
})

describe('a group', () => {
  it('is founded by an entry and answered with its members and their versions', async () => {
    const conversation = await found(BOB)
    expect(alice.opened.at(-1)).toEqual({
      conversation, membershipVersion: 1, members: [{ account: ALICE, seq: cluster.directory.seqOf(ALICE) }, { account: BOB, seq: cluster.directory.seqOf(BOB) }],
    })
  })

  it('stores one envelope for a message, which every device of every member gets on every node', async () => {
    cluster.directory.addDevice(ALICE, ALICE_LAPTOP)
    await laptop.goLive(two)
    const conversation = await found(BOB, MALLORY)
    const before = log.appends.length
    expect(await say(alice, conversation, 1)).toBe('stored')
    for (const client of [alice, laptop, bob, mallory]) await client.read()
    expect(log.appends.length - before).toBe(1)
    expect(viewEnvelope(log.appends.at(-1)?.envelope ?? new Uint8Array()).bodies).toHaveLength(1)
    expect([laptop.texts, bob.texts, mallory.texts, alice.texts]).toEqual([['message 1'], ['message 1'], ['message 1'], []])
  })

  it('of two hundred devices stores one envelope, and each of them gets it', async () => {
    const members = Array.from({ length: 50 }, (_, index) => account(100 + index))
    for (const [index, member] of members.entries()) for (let own = 0; own < 4; own++) cluster.directory.addDevice(member, device(1_000 + index * 4 + own))
    const conversation = await found(...members)
    const clients = [0, 49].map((index) => new TestClient(cluster, account(100 + index), device(1_000 + index * 4 + 3)))
    for (const client of clients) await client.goLive(two)
    const before = log.appends.length
    expect(await say(alice, conversation, 1)).toBe('stored')
    expect(log.appends.length - before).toBe(1)
    for (const client of clients) {
      await client.read()
      expect(client.texts).toEqual(['message 1'])
    }
    const late = new TestClient(cluster, account(120), device(1_000 + 20 * 4))
    await late.goLive(three, cluster.clock.now() - 60_000)
    expect(late.texts).toEqual(['message 1'])
  })

  it('is served to its members, page by page, as a log that they can verify', async () => {
    const conversation = await found(BOB)
    for (let turn = 0; turn < 30; turn++) {
      expect(await change(alice, conversation, { kind: 'add', body: { members: [MALLORY] } })).toBe('changed')
      expect(await change(alice, conversation, { kind: 'remove', body: { members: [MALLORY] } })).toBe('changed')
    }
    // So many changes take a minute, in which Bob said nothing.
    await bob.goLive(two)
    const entries: Uint8Array[] = []
    for (let pages = 0; pages < 3; pages++) {
      bob.request(FRAME_TYPE.readGroup, encodeReadGroup({ conversation, after: entries.length }))
      await bob.read()
      entries.push(...bob.groups.at(-1)?.entries ?? [])
    }
    expect(bob.groups.map((page) => [page.version, page.entries.length])).toEqual([[61, GROUP_PAGE_ENTRIES_MAX], [61, 61 - GROUP_PAGE_ENTRIES_MAX], [61, 0]])
    const verified = verifyMembershipLog(conversation, entries, {
      primitives: { ed25519Verify: (key, message, signature) => Buffer.from(testSignature(key, message)).equals(signature), secp256k1Verify: () => false },
      signingKeyOf: (actor) => signingKeyOf(actor.device), nowMs: cluster.clock.now(), mode: 'peer',
    })
    expect(verified).toMatchObject({ status: 'applied', state: await stateOf(conversation) })
  })

  it('is not served to others', async () => {
    const conversation = await found(BOB)
    for (const [id, code] of [[conversation, 'denied.not_member'], [alice.opened[0]?.conversation ?? conversation, 'not_found.conversation']] as const) {
      mallory.request(FRAME_TYPE.readGroup, encodeReadGroup({ conversation: id, after: 0 }))
      await mallory.read()
      expect(mallory.failures.at(-1)?.code).toBe(code)
    }
  })
})

describe('a change of a group', () => {
  it('is made by the authenticated device, by its key, and by its role', async () => {
    const conversation = await found(BOB)
    const state = await stateOf(conversation)
    const draft = draftMembershipEntry(state, { kind: 'remove', body: { members: [BOB] } }, actorOf(alice), cluster.clock.now())
    expect(await offer(bob, sealed(draft))).toBe('denied.sender')
    expect(await offer(alice, sealed(draft, BOB_PHONE))).toBe('proof.signature')
    expect(await change(bob, conversation, { kind: 'add', body: { members: [MALLORY] } })).toBe('group.role')
    expect(await change(mallory, conversation, { kind: 'leave', body: {} })).toBe('group.member_unknown')
    const ahead = { ...actorOf(alice), log: { seq: cluster.directory.seqOf(ALICE) + 1, head: emptyHead() } }
    expect(await offer(alice, sealed(draftMembershipEntry(state, draft, ahead, cluster.clock.now())))).toBe('account.device_unknown')
    expect(await stateOf(conversation)).toEqual(state)
  })

  it('takes no entry that members could not verify: it names the account log of its author as that is', async () => {
    const conversation = await found(BOB)
    const state = await stateOf(conversation)
    const leave = (log: LogHead): Promise<string> =>
      offer(bob, sealed(draftMembershipEntry(state, { kind: 'leave', body: {} }, { ...actorOf(bob), log }, cluster.clock.now())))
    const seq = cluster.directory.seqOf(BOB)
    expect(await leave({ seq, head: new Uint8Array(32).fill(9) })).toBe('account.device_unknown')
    expect(await leave({ seq: seq - 1, head: emptyHead() })).toBe('conflict.log_head')
    expect(await stateOf(conversation)).toEqual(state)
    expect(await leave({ seq, head: emptyHead() })).toBe('changed')
  })

  it('adds only accounts that exist and are open', async () => {
    const conversation = await found(BOB)
    expect(await change(alice, conversation, { kind: 'add', body: { members: [account(77)] } })).toBe('account.not_found')
    cluster.directory.closeAccount(MALLORY)
    expect(await change(alice, conversation, { kind: 'add', body: { members: [MALLORY] } })).toBe('account.closed')
  })

  it('conflicts with one that was faster, and is answered again when its answer was lost', async () => {
    const conversation = await found(BOB)
    const state = await stateOf(conversation)
    const add = sealed(draftMembershipEntry(state, { kind: 'add', body: { members: [MALLORY] } }, actorOf(alice), cluster.clock.now()))
    const leave = sealed(draftMembershipEntry(state, { kind: 'leave', body: {} }, actorOf(bob), cluster.clock.now()))
    expect(await offer(alice, add)).toBe('changed')
    expect(await offer(bob, leave)).toBe('conflict.membership_head')
    expect(await offer(alice, add)).toBe('changed')
    expect((await stateOf(conversation)).seq).toBe(2)
  })

  it('of many authors at once is stored once', async () => {
    const conversation = await found(BOB, MALLORY)
    const state = await stateOf(conversation)
    for (const client of [bob, mallory]) {
      client.request(FRAME_TYPE.changeGroup, sealed(draftMembershipEntry(state, { kind: 'leave', body: {} }, actorOf(client), cluster.clock.now())))
    }
    await settle()
    await cluster.clock.advance(LEASES_ENDED_MS)
    for (const client of [bob, mallory]) await client.read()
    expect([bob.opened.length + mallory.opened.length, [...bob.failures, ...mallory.failures].map(({ code }) => code)]).toEqual([1, ['conflict.membership_head']])
  })

  it('is answered only once no node can act on the membership before it', async () => {
    const conversation = await found(BOB, MALLORY)
    expect(await say(mallory, conversation, 1)).toBe('stored')
    const removed = sealed(draftMembershipEntry(await stateOf(conversation), { kind: 'remove', body: { members: [MALLORY] } }, actorOf(alice), cluster.clock.now()))
    const opened = alice.opened.length
    alice.request(FRAME_TYPE.changeGroup, removed)
    await alice.read()
    expect(alice.opened).toHaveLength(opened)
    await cluster.clock.advance(LEASES_ENDED_MS)
    await alice.read()
    expect(alice.opened).toHaveLength(opened + 1)
    // Node three held a lease from before; it has ended.
    expect(await say(mallory, conversation, 2, { membershipVersion: 1 })).toBe('denied.not_member')
  })
})

describe('a message under a sender key', () => {
  it('of somebody who was removed is refused, whatever version it names', async () => {
    const conversation = await found(BOB, MALLORY)
    await change(alice, conversation, { kind: 'remove', body: { members: [MALLORY] } })
    for (const membershipVersion of [1, 2]) {
      for (let refusals = 0; refusals <= 2; refusals++) expect(await say(mallory, conversation, 1, { membershipVersion, refusals })).toBe('denied.not_member')
    }
    expect(await say(bob, conversation, 1, { membershipVersion: 1, refusals: 2 })).toBe('stale.membership')
    expect(await say(bob, conversation, 2)).toBe('stored')
    await mallory.read()
    expect(mallory.texts).toEqual([])
  })

  it('made before a device was revoked is refused, however often it comes', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    const conversation = await found(BOB)
    const versions = [{ account: ALICE, seq: cluster.directory.seqOf(ALICE) }, { account: BOB, seq: cluster.directory.seqOf(BOB) }]
    expect(await say(alice, conversation, 1, { versions })).toBe('stored')
    cluster.directory.revokeDevice(BOB, BOB_LAPTOP)
    for (let refusals = 0; refusals <= 2; refusals++) expect(await say(alice, conversation, 2, { versions, refusals })).toBe('stale.devices')
    expect(alice.failures.at(-1)).toMatchObject({ missing: [], accounts: [{ account: ALICE }, { account: BOB, seq: cluster.directory.seqOf(BOB) }] })
    expect(await say(alice, conversation, 2)).toBe('stored')
  })

  it('goes by a body of its own to a device that has one', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    const other = new TestClient(cluster, BOB, BOB_LAPTOP)
    await other.goLive(one)
    const conversation = await found(BOB)
    alice.send({
      conversation, number: 1, versions: [{ account: ALICE, seq: cluster.directory.seqOf(ALICE) }, { account: BOB, seq: cluster.directory.seqOf(BOB) }], membershipVersion: 1,
      bodies: [{ device: ALL_DEVICES, type: BODY_TYPE.senderKey, text: 'for all' }, { device: BOB_LAPTOP, text: 'for the laptop' }],
    })
    for (const client of [alice, bob, other]) await client.read()
    expect([bob.texts, other.texts]).toEqual([['for all'], ['for the laptop']])
  })

  it('is as good as its members: after one left, control traffic for the old version is refused too', async () => {
    const conversation = await found(BOB, MALLORY)
    expect(await change(mallory, conversation, { kind: 'leave', body: {} })).toBe('changed')
    alice.send({ conversation, number: 5, kind: ENVELOPE_KIND.control, membershipVersion: 1, bodies: [{ device: BOB_PHONE }] }, 2)
    await alice.read()
    expect(alice.failures.at(-1)?.code).toBe('stale.membership')
  })
})

describe('bytes that are no entry', () => {
  it('close the socket as every malformed request does', async () => {
    alice.request(FRAME_TYPE.changeGroup, new Uint8Array(LIMITS.membershipEntryBytesMax + 1))
    await alice.read()
    expect(alice.failures.map(({ code }) => code)).toContain('too_large.membership_entry')
    expect(alice.socket.closedBy).toBe('protocolError')
    expect(ALICE_PHONE).toBe(alice.device)
  })
})
