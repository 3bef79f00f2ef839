import {
  accountNoticeHash, ALL_DEVICES, BODY_TYPE, decodeAccountNotice, encodeAccountNotice, encodeEnvelope, ENVELOPE_KIND, FRAME_TYPE, LIMITS, messageIdOf, noticeEnvelope,
  noticesConversationIdOf, viewEnvelope, type AccountId, type AccountNotice, type AccountNoticeDraft,
} from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { TestClient } from './client.fixture.js'
import { NOTICE_KEY, settle, testSignature } from './cluster.fixture.js'
import {
  alice, ALICE, ALICE_LAPTOP, ALICE_PHONE, bob, BOB, BOB_LAPTOP, BOB_PHONE, cluster, conversation, laptop, log, MALLORY, one, stay, three, toBob, two, useScene, versions,
} from './scene.fixture.js'

function notice(number: number, to: AccountId = ALICE, more: Partial<AccountNoticeDraft> = {}, key: Uint8Array = NOTICE_KEY): Uint8Array {
  const draft: AccountNoticeDraft = {
    v: 1, account: to, source: '5e'.repeat(16), number, atMs: cluster.clock.now(), kind: 'deposit_credited', asset: 'simulated/play', amount: '5', transfer: `d:simulated:tx${String(number)}:0`, ...more,
  }
  return encodeAccountNotice({ ...draft, signature: testSignature(key, accountNoticeHash(draft)) })
}

/** The notices that came to a client, as often as they came. */
function noticesOf(client: TestClient): AccountNotice[] {
  return [...client.pages.flatMap(({ deliveries }) => deliveries), ...client.deliveries].map(({ envelope }) => viewEnvelope(envelope))
    .filter(({ kind }) => kind === ENVELOPE_KIND.notice).map(({ bytes, bodies: [body] }) => decodeAccountNotice(bytes.slice((body?.start ?? 0) + 24, body?.end)))
}
const numbersOf = (client: TestClient): number[] => noticesOf(client).map(({ number }) => number)

async function append(bytes: Uint8Array, at = two): Promise<void> {
  await Promise.all([at.node.notices.append(bytes), settle()])
}

useScene()

describe('a notice', () => {
  it('comes at once to every device of its account that is connected, at whatever node, and to nobody else', async () => {
    cluster.directory.addDevice(ALICE, ALICE_LAPTOP)
    await laptop.goLive(three)
    await append(notice(1))
    await Promise.all([alice.read(), laptop.read(), bob.read()])
    expect([numbersOf(alice), numbersOf(laptop), numbersOf(bob)]).toEqual([[1], [1], []])
    expect(noticesOf(alice)[0]).toMatchObject({ account: ALICE, amount: '5', transfer: 'd:simulated:tx1:0' })
  })

  it('waits for a device that was away for long, on the way of every message', async () => {
    const leftAtMs = cluster.clock.now()
    alice.socket.close('draining')
    // A cursor covers its own millisecond.
    await stay(1_000)
    await append(notice(1))
    await stay(10 * 60_000)
    await append(notice(2))
    const back = new TestClient(cluster, ALICE, ALICE_PHONE)
    await back.goLive(three, leftAtMs)
    expect(numbersOf(back)).toEqual([1, 2])
  })

  it('is durable before it is acknowledged, and refused when it could not be stored', async () => {
    let store = (): void => undefined
    log.beforeStored = () => new Promise((resolve) => { store = resolve })
    let isAcknowledged = false
    const appended = two.node.notices.append(notice(1)).then(() => { isAcknowledged = true })
    await settle()
    expect([log.appends.length, isAcknowledged]).toEqual([1, false])
    store()
    await appended
    log.failure = new Error('the disk is full')
    await expect(append(notice(2))).rejects.toMatchObject({ code: 'internal' })
  })

  it('is one message, however often and wherever it is written again', async () => {
    const bytes = notice(1)
    await append(bytes)
    await append(bytes)
    await append(bytes, three)
    await alice.read()
    const ids = alice.deliveries.map(({ envelope }) => messageIdOf(viewEnvelope(envelope)))
    expect(ids.length).toBeGreaterThan(0)
    expect([...new Set(ids)]).toEqual([messageIdOf(noticeEnvelope(bytes))])
  })

  it('comes to a device that was added while it was being stored', async () => {
    cluster.directory.tells = false
    let store = (): void => undefined
    log.beforeStored = async () => {
      log.beforeStored = async () => undefined
      await new Promise<void>((resolve) => { store = resolve })
    }
    const appended = two.node.notices.append(notice(1))
    await settle()
    cluster.directory.addDevice(ALICE, ALICE_LAPTOP)
    // It has read everything before the store answers, and the lease of the notice is over.
    await cluster.clock.advance(1_100)
    await laptop.goLive(three)
    const before = laptop.deliveries.length
    store()
    await settle()
    await appended
    await laptop.read()
    expect(laptop.deliveries.slice(before).map(({ envelope }) => viewEnvelope(envelope).number)).toContain(1)
  })

  it('of an account that nobody knows is stored, and stops nothing', async () => {
    await append(notice(1, MALLORY))
    await append(notice(2))
    await alice.read()
    expect(numbersOf(alice)).toEqual([2])
  })

  it.each<readonly [string, () => Uint8Array, string]>([
    ['signed by another key', () => notice(1, ALICE, {}, new Uint8Array(32).fill(8)), 'denied.notices'],
    ['changed behind its signature', () => encodeAccountNotice({ ...decodeAccountNotice(notice(1)), amount: '500' }), 'denied.notices'],
    ['that is none', () => Uint8Array.of(1, 2, 3), 'invalid.cbor'],
    ['from the future', () => notice(1, ALICE, { atMs: cluster.clock.now() + LIMITS.orderAheadMsMax + 2_000 }), 'order.ahead'],
  ])('%s is refused and not stored', async (_what, bytes, code) => {
    await expect(append(bytes())).rejects.toMatchObject({ code })
    expect(log.appends).toEqual([])
  })

  it('is refused by a node that drains, and past the bound of the queue', async () => {
    let store = (): void => undefined
    const stored = new Promise<void>((resolve) => { store = resolve })
    log.beforeStored = () => stored
    const waiting = Array.from({ length: 256 }, (_, index) => two.node.notices.append(notice(index + 1)))
    await expect(two.node.notices.append(notice(300))).rejects.toMatchObject({ code: 'limited.queue' })
    await settle()
    store()
    await settle(40)
    await Promise.all(waiting)
    const drained = three.node.drain(0)
    await expect(three.node.notices.append(notice(301))).rejects.toMatchObject({ code: 'unavailable.draining' })
    await cluster.clock.advance(5_000)
    await drained
  })
})

describe('the conversation of notices', () => {
  const codes = (client: TestClient): string[] => client.failures.map(({ code }) => code)

  it('takes nothing from clients: no notice, no message, whether the node knows the conversation or not', async () => {
    const own = noticesConversationIdOf(BOB)
    const forged = { ...noticeEnvelope(notice(1, BOB)), account: BOB, device: BOB_PHONE }
    bob.request(FRAME_TYPE.send, encodeEnvelope(noticeEnvelope(notice(1, BOB))))
    bob.request(FRAME_TYPE.send, encodeEnvelope(forged))
    bob.request(FRAME_TYPE.send, encodeEnvelope({ ...forged, conversation }))
    bob.send({ conversation: own, number: 1, bodies: [{ device: ALL_DEVICES, type: BODY_TYPE.senderKey }], membershipVersion: 0 })
    await bob.read()
    await append(notice(9, BOB))
    bob.send({ conversation: own, number: 2, bodies: [{ device: BOB_LAPTOP }], membershipVersion: 0 })
    bob.send({ conversation: own, number: 3, bodies: [], kind: ENVELOPE_KIND.control, membershipVersion: 0 })
    await bob.read()
    expect(codes(bob)).toEqual(Array.from({ length: 6 }, () => 'denied.notices'))
    expect(log.appends).toHaveLength(1)
  })

  it('of somebody else cannot be written or read', async () => {
    const foreign = noticesConversationIdOf(ALICE)
    bob.send({ conversation: foreign, number: 1, bodies: [], kind: ENVELOPE_KIND.control, membershipVersion: 0 })
    await bob.history(foreign)
    expect(codes(bob)).toEqual(['not_found.conversation', 'not_found.conversation'])
    await append(notice(1), two)
    bob.send({ conversation: foreign, number: 2, bodies: [], kind: ENVELOPE_KIND.control, membershipVersion: 0 })
    await bob.history(foreign)
    expect(codes(bob).slice(2).sort()).toEqual(['denied.not_member', 'denied.notices'])
    expect([numbersOf(bob), log.appends.length]).toEqual([[], 1])
  })

  it('is read by every device of the account, as history', async () => {
    await append(notice(1), one)
    await append(notice(2), two)
    const page = await alice.history(noticesConversationIdOf(ALICE))
    expect(page?.deliveries.map(({ envelope }) => viewEnvelope(envelope).number)).toEqual([1, 2])
  })

  it('does not stand in the way of messages', async () => {
    await append(notice(1, BOB), one)
    alice.send(toBob(1, { versions: versions() }))
    await alice.read()
    await bob.read()
    expect([alice.acks.length, numbersOf(bob)]).toEqual([1, [1]])
  })
})
