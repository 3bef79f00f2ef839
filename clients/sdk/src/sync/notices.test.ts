import { decodeEnvelope, encodeEnvelope, ENVELOPE_KIND, noticesConversationIdOf, type AccountId, type Envelope } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import type { ServerNotice } from '../core/notice-row.js'
import { MemoryStore } from '../store/memory.js'
import { FakeServer } from './testing/fake-server.js'
import { MortalStore } from './testing/mortal-store.js'
import { signedNotice } from './testing/signed-notice.js'
import { openTestClient, testWallet, textsOf, type TestClient } from './testing/test-client.js'
import { rest, VirtualClock } from './testing/virtual-clock.js'

interface Scene {
  readonly server: FakeServer
  readonly clock: VirtualClock
  readonly alice: TestClient
  readonly disk: MemoryStore
}

async function scene(): Promise<Scene> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const disk = new MemoryStore()
  return { server, clock, alice: await openTestClient(server, new MortalStore(disk), testWallet('alice')), disk }
}

async function tell({ server }: Pick<Scene, 'server'>, account: AccountId, envelope: Uint8Array): Promise<void> {
  server.tell(account, envelope)
  await rest()
}

const told = (client: TestClient): number[] => client.log.filter(({ name }) => name === 'server-notice').map(({ event }) => (event as ServerNotice).number)
const numbers = async (client: TestClient): Promise<number[]> => (await client.client.notices.list()).map(({ number }) => number)

describe('a notice of the server', () => {
  it('is shown with what it says, in a conversation of its own, and is no message', async () => {
    const { server, alice } = await scene()
    const { account } = alice.client
    await tell({ server }, account, signedNotice(account, 7))
    const [notice] = await alice.client.notices.list()
    expect(notice).toMatchObject({ kind: 'deposit_credited', asset: 'simulated/play', amount: 500n, transfer: 'd:simulated:tx7:0', transaction: 'tx7', number: 7, arrival: 1 })
    expect(alice.log.filter(({ name }) => name === 'server-notice').map(({ event }) => event)).toEqual([notice])
    expect(alice.client.notices.id).toBe(noticesConversationIdOf(account))
    expect([await alice.client.conversations(), alice.log.some(({ name }) => name === 'message'), alice.refusals()]).toEqual([[], false, []])
  })

  it('is shown once, however often it comes, also under a newer signature and after a restart', async () => {
    const { server, alice, disk } = await scene()
    const { account } = alice.client
    for (let time = 0; time < 3; time++) await tell({ server }, account, signedNotice(account, 1))
    await tell({ server }, account, signedNotice(account, 2))
    await alice.client.close()
    const again = await openTestClient(server, new MortalStore(disk))
    await tell({ server }, account, signedNotice(account, 1))
    expect([told(alice), told(again), await numbers(again), again.refusals()]).toEqual([[1, 2], [], [1, 2], []])
  })

  it('is found page by page behind any other one, also where books of two sources give one number at one time', async () => {
    const { server, alice } = await scene()
    const { account, notices } = alice.client
    for (const number of [1, 2, 3]) for (const source of ['5e', '6f', '7a']) await tell({ server }, account, signedNotice(account, number, { source: source.repeat(16) }))
    const found: ServerNotice[] = []
    // Once more than there are: a page that comes again must not go on for ever.
    for (let at = 0; at < 10; at++) found.push(...await notices.listAfter(found.at(-1), 1))
    expect(found).toEqual(await notices.list())
    expect(found).toHaveLength(9)
    expect(await notices.listAfter(found[3], 2)).toEqual(found.slice(4, 6))
  })

  it('stands in the order of the books, whatever the order in which it came', async () => {
    const { server, alice } = await scene()
    for (const number of [3, 1, 4, 2]) await tell({ server }, alice.client.account, signedNotice(alice.client.account, number))
    await tell({ server }, alice.client.account, signedNotice(alice.client.account, 5, { atMs: 1_790_000_000_004 }))
    expect(await numbers(alice)).toEqual([1, 2, 3, 4, 5])
    expect((await alice.client.notices.list(2)).map(({ number }) => number)).toEqual([4, 5])
  })

  it('waits for a device that was away, and is unread until somebody says otherwise', async () => {
    const { server, alice, disk } = await scene()
    const { account, notices } = alice.client
    await tell({ server }, account, signedNotice(account, 1))
    expect(await notices.unread()).toBe(1)
    await notices.markRead((await notices.list())[0] ?? { arrival: 0 })
    await alice.client.close()
    await tell({ server }, account, signedNotice(account, 2))
    await tell({ server }, account, signedNotice(account, 3))
    const back = await openTestClient(server, new MortalStore(disk))
    expect([await numbers(back), await back.client.notices.unread()]).toEqual([[1, 2, 3], 2])
    await back.client.notices.markRead({ arrival: 1 })
    await back.client.notices.markRead({ arrival: 99 })
    expect(await back.client.notices.unread()).toBe(2)
    await back.client.notices.markRead({ arrival: 3 })
    expect(await back.client.notices.unread()).toBe(0)
  })

  it('is shown once whatever commit the device dies at', async () => {
    const { server, alice, disk } = await scene()
    const { account } = alice.client
    await alice.client.close()
    const died = new Set<string>()
    let last = 0
    for (let atCommit = 1; atCommit <= 6; atCommit++) {
      for (const durable of [false, true]) {
        const mortal = new MortalStore(disk, { atCommit, durable })
        const dying = await openTestClient(server, mortal).catch(() => undefined)
        for (let notice = 0; notice < 3; notice++) await tell({ server }, account, signedNotice(account, ++last))
        if (mortal.dead) died.add(`${String(atCommit)} ${String(durable)}`)
        await dying?.client.close().catch(() => undefined)
      }
    }
    const next = await openTestClient(server, new MortalStore(disk))
    expect(await numbers(next)).toEqual(Array.from({ length: last }, (_, index) => index + 1))
    expect(await next.client.notices.unread()).toBe(last)
    expect(died.size).toBeGreaterThan(4)
  })
})

describe('a lying server', () => {
  type Lie = readonly [string, (account: AccountId, other: AccountId) => Uint8Array, string]
  const changed = (account: AccountId, change: Partial<Envelope>): Uint8Array => encodeEnvelope({ ...decodeEnvelope(signedNotice(account, 1)), ...change })

  it.each<Lie>([
    ['a notice that another key signed', (account) => signedNotice(account, 1, { amount: '999' }, 'mallory'), 'signature'],
    ['the notice of somebody else', (_account, other) => signedNotice(other, 1), 'account'],
    ['the notice of somebody else in this conversation', (account, other) => changed(account, { bodies: decodeEnvelope(signedNotice(other, 1)).bodies }), 'account'],
    ['a true notice under another number', (account) => changed(account, { number: 2 }), 'header'],
    ['a true notice at another place', (account) => changed(account, { order: 1n }), 'header'],
    ['a true notice in the name of a device', (account, other) => changed(account, { device: other as string as Envelope['device'] }), 'header'],
    ['a true notice in another conversation', (account, other) => changed(account, { conversation: noticesConversationIdOf(other) }), 'header'],
    ['no notice', (account) => changed(account, { bodies: decodeEnvelope(signedNotice(account, 1)).bodies.map((body) => ({ ...body, bytes: Uint8Array.of(9) })) }), 'bytes'],
  ])('that delivers %s is refused, and the true one is still shown', async (_what, lie, detail) => {
    const { server, alice } = await scene()
    const bob = await openTestClient(server, new MemoryStore(), testWallet('bob', 'terra'))
    const { account, device } = alice.client
    let forged: Uint8Array | undefined = lie(account, bob.client.account)
    server.lies.deliver = (delivery, to) => (to === device && forged !== undefined ? [{ ...delivery, envelope: forged }] : [delivery])
    await tell({ server }, account, signedNotice(account, 9))
    expect([await numbers(alice), told(alice), alice.refusals()]).toEqual([[], [], ['notice.forged']])
    expect(alice.log.find(({ name }) => name === 'security')?.event).toMatchObject({ detail })
    forged = undefined
    await tell({ server }, account, signedNotice(account, 1))
    expect(await numbers(alice)).toEqual([1])
  })

  it('that says two things under one number is found out, and the first stands', async () => {
    const { server, alice } = await scene()
    const { account } = alice.client
    await tell({ server }, account, signedNotice(account, 1))
    await tell({ server }, account, signedNotice(account, 1, { amount: '501' }))
    expect([(await alice.client.notices.list()).map(({ amount }) => amount), alice.refusals()]).toEqual([[500n], ['notice.forged']])
  })

  it('cannot make a message of a notice, nor hold one up by it', async () => {
    const { server, alice } = await scene()
    const bob = await openTestClient(server, new MemoryStore(), testWallet('bob', 'terra'))
    const notice = signedNotice(alice.client.account, 1, {}, 'mallory')
    server.lies.route = (delivery, to) => (to === alice.client.device ? [{ ...delivery, envelope: notice }, delivery, { ...delivery, envelope: notice }] : [delivery])
    await (await (await bob.client.conversation(alice.client.account)).send('hello')).acked
    await rest()
    expect([await textsOf(alice, bob), await numbers(alice), alice.refusals()]).toEqual([['hello'], [], ['notice.forged', 'notice.forged']])
  })

  it('cannot pass a message off as a notice', async () => {
    const { server, alice } = await scene()
    const { account } = alice.client
    const envelope = decodeEnvelope(signedNotice(account, 1))
    server.tell(account, encodeEnvelope({ ...envelope, kind: ENVELOPE_KIND.message, bodies: envelope.bodies.map((body) => ({ ...body, type: 4 as const })) }))
    await rest()
    expect([await numbers(alice), told(alice)]).toEqual([[], []])
  })
})

describe('a client that knows no notice key', () => {
  it('shows none, and says so', async () => {
    const { server, alice } = await scene()
    const { account } = alice.client
    await tell({ server }, account, signedNotice(account, 1, {}, 'a key that came later'))
    expect([await numbers(alice), alice.refusals()]).toEqual([[], ['notice.forged']])
  })
})
