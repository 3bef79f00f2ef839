import { decodeEnvelope, ENVELOPE_KIND, type ConversationId, type Delivery } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Conversation } from '../conversation.js'
import { newConversation, readConversation } from '../core/conversation-row.js'
import { deliveryOf } from '../core/message-receipts.js'
import type { MessageReceipts } from '../core/message.js'
import { hasReceipts, RECEIPT_MEMBERS_MAX } from '../core/receipt-book.js'
import type { RequestPolicy } from '../core/message-requests.js'
import type { ClientEvents } from '../events.js'
import type { Group } from '../group.js'
import { MemoryStore } from '../store/memory.js'
import type { LocalStore } from '../store/local-store.js'
import { composeControl } from './control.js'
import { RECEIPT_LIMITS } from './receipts.js'
import { FakeServer } from './testing/fake-server.js'
import { MortalStore } from './testing/mortal-store.js'
import { openTestClient, testWallet, type TestClient } from './testing/test-client.js'
import { rest, VirtualClock } from './testing/virtual-clock.js'

let clock: VirtualClock
let server: FakeServer
let alice: TestClient
let bob: TestClient

const open = (name: string, store: LocalStore = new MemoryStore(), requests?: RequestPolicy): Promise<TestClient> =>
  openTestClient(server, store, testWallet(name), undefined, undefined, requests, undefined, 'tell')
const between = (from: TestClient, to: TestClient): Promise<Conversation> => from.client.conversation(to.client.account)

async function say(from: TestClient, to: TestClient, ...texts: string[]): Promise<void> {
  const conversation = await between(from, to)
  for (const text of texts) await (await conversation.send(text)).acked
  await rest()
}

/** What the sender sees of their messages, in order. */
const seen = async (from: TestClient, to: TestClient): Promise<(string | undefined)[]> => (await (await between(from, to)).history()).map(deliveryOf)
const control = (by: TestClient): number => server.stored.map(({ envelope }) => decodeEnvelope(envelope)).filter(({ kind, device }) => kind === ENVELOPE_KIND.control && device === by.client.device).length
const named = <Name extends keyof ClientEvents>(test: TestClient, name: Name): ClientEvents[Name][] =>
  test.log.filter((entry) => entry.name === name).map(({ event }) => event as ClientEvents[Name])
const settle = async (): Promise<void> => { await clock.advance(2 * RECEIPT_LIMITS.intervalMs + RECEIPT_LIMITS.gatherMs) }

beforeEach(async () => {
  clock = new VirtualClock()
  server = new FakeServer(clock)
  alice = await open('alice')
  bob = await open('bob')
})

describe('what came and was read', () => {
  it('shows at its sender: sent, delivered, read, and never less', async () => {
    await say(alice, bob, 'one')
    expect(await seen(alice, bob)).toEqual(['sent'])
    await settle()
    expect(await seen(alice, bob)).toEqual(['delivered'])
    await (await between(bob, alice)).markRead()
    await settle()
    await say(alice, bob, 'two')
    await settle()
    expect(await seen(alice, bob)).toEqual(['read', 'delivered'])
    expect((await (await between(alice, bob)).history()).map(({ receipts }) => receipts)).toEqual([{ deliveredTo: 1, readBy: 1, of: 1 }, { deliveredTo: 1, readBy: 0, of: 1 }])
    expect(named(alice, 'receipts-changed').map(({ account, kind }) => [account, kind])).toEqual(['received', 'read', 'received'].map((kind) => [bob.client.account, kind]))
    expect((await (await between(bob, alice)).history()).map(deliveryOf)).toEqual([undefined, undefined])
  })

  it('costs one envelope in two seconds for each conversation, however many messages it is about', async () => {
    await say(alice, bob, ...Array.from({ length: 100 }, (_, at) => String(at)))
    await clock.advance(RECEIPT_LIMITS.gatherMs)
    expect(control(bob)).toBe(1)
    await (await between(bob, alice)).markRead()
    await clock.advance(RECEIPT_LIMITS.intervalMs - 500)
    expect(control(bob)).toBe(1)
    await clock.advance(500)
    expect(control(bob)).toBe(2)
    expect(new Set(await seen(alice, bob))).toEqual(new Set(['read']))
    for (let second = 0; second < 20; second++) {
      await say(alice, bob, 'more')
      await (await between(bob, alice)).markRead()
      await clock.advance(1_000)
    }
    await settle()
    expect(control(bob)).toBeLessThanOrEqual(2 + 12)
    // One body for the only device of alice: an envelope of some hundred bytes, whatever it covers.
    const bytes = server.stored.filter(({ envelope }) => decodeEnvelope(envelope).device === bob.client.device).map(({ envelope }) => envelope.length)
    expect(Math.max(...bytes)).toBeLessThan(1_000)
    expect(new Set(await seen(alice, bob))).toEqual(new Set(['read']))
    await clock.advance(600_000)
    // Receipts are not confirmed themselves, and nothing is said twice.
    expect([control(bob), control(alice)]).toEqual([bytes.length, 0])
  })

  it('gathers while there is no connection, and goes as one with the next, or in the next run', async () => {
    const disk = new MemoryStore()
    const carol = await open('carol', new MortalStore(disk))
    await say(alice, carol, 'one', 'two')
    carol.link.down()
    await (await between(carol, alice)).markRead()
    await clock.advance(60_000)
    expect(control(carol)).toBe(0)
    await carol.client.close()
    const again = await open('carol', new MortalStore(disk))
    await settle()
    expect([control(again), await seen(alice, again)]).toEqual([1, ['read', 'read']])
  })

  it('reaches every device of the sender, also what another of them wrote, and one that was away', async () => {
    const alice2 = await open('alice')
    await say(alice, bob, 'from the phone')
    alice2.link.down()
    await settle()
    await (await between(bob, alice)).markRead()
    await settle()
    expect(await seen(alice, bob)).toEqual(['read'])
    alice2.link.up()
    await clock.advance(5_000)
    expect(await seen(alice2, bob)).toEqual(['read'])
    await say(alice2, bob, 'from the desk')
    await settle()
    expect([await seen(alice, bob), await seen(alice2, bob)]).toEqual([['read', 'delivered'], ['read', 'delivered']])
  })

  it('counts once for an account, by whichever of its devices', async () => {
    const bob2 = await open('bob')
    await say(alice, bob, 'one')
    bob.link.down()
    await settle()
    expect(await seen(alice, bob2)).toEqual(['delivered'])
    await (await between(bob2, alice)).markRead()
    await settle()
    expect((await (await between(alice, bob2)).history()).map(({ receipts }) => receipts)).toEqual([{ deliveredTo: 1, readBy: 1, of: 1 }])
  })

  it('names what did not come: a message that the server withholds stays sent, and is delivered when it came after all', async () => {
    let withheld = true
    server.lies.route = (delivery, to) => (withheld && to === bob.client.device && decodeEnvelope(delivery.envelope).number === 2 ? [] : [delivery])
    await say(alice, bob, 'one', 'two', 'three')
    await clock.advance(RECEIPT_LIMITS.gatherMs)
    expect(await seen(alice, bob)).toEqual(['delivered', 'sent', 'delivered'])
    withheld = false
    // Healing reads the log.
    await clock.advance(20_000)
    expect(await seen(alice, bob)).toEqual(['delivered', 'delivered', 'delivered'])
  })
})

describe('nobody is told', () => {
  it('of anything before the user accepted them, and then of all of it; never who is blocked', async () => {
    const carol = await open('carol', new MemoryStore(), 'ask')
    await say(alice, carol, 'hello?')
    const id = (await between(carol, alice)).id
    await (await between(carol, alice)).markRead()
    await clock.advance(60_000)
    expect([control(carol), await seen(alice, carol)]).toEqual([0, ['sent']])
    await carol.client.accept(id)
    await settle()
    expect(await seen(alice, carol)).toEqual(['delivered'])
    const before = control(carol)
    await carol.client.block(alice.client.account)
    await say(alice, carol, 'still there?')
    await clock.advance(60_000)
    expect([control(carol), await seen(alice, carol)]).toEqual([before, ['delivered', 'sent']])
  })

  it('that something was read by who turned that off, and such a person is not told of others', async () => {
    await bob.client.settings.set('receipts.read', false)
    await say(alice, bob, 'one')
    await (await between(bob, alice)).markRead()
    await settle()
    expect(await seen(alice, bob)).toEqual(['delivered'])
    await say(bob, alice, 'two')
    await (await between(alice, bob)).markRead()
    await settle()
    expect((await (await between(bob, alice)).history()).map(deliveryOf)).toEqual([undefined, 'delivered'])
    // Turned on again, only what is said from then on counts.
    await bob.client.settings.set('receipts.read', true)
    expect((await (await between(bob, alice)).history()).map(deliveryOf)).toEqual([undefined, 'delivered'])
    // And what was read while it was on is not told any more once it is off, though it waited.
    bob.link.down()
    await say(alice, bob, 'three')
    bob.link.up()
    await rest()
    bob.link.down()
    await (await between(bob, alice)).markRead()
    await bob.client.settings.set('receipts.read', false)
    bob.link.up()
    await settle()
    expect(await seen(alice, bob)).toEqual(['delivered', undefined, 'delivered'])
  })

  it('of own messages, in the conversation with oneself, or by programs that tell nobody', async () => {
    const alice2 = await open('alice')
    const notes = await between(alice, alice2)
    await (await notes.send('milk')).acked
    await settle()
    await (await between(alice2, alice)).markRead()
    await settle()
    const quiet = await openTestClient(server, new MemoryStore(), testWallet('quiet'))
    await say(alice, quiet, 'one')
    await (await between(quiet, alice)).markRead()
    await settle()
    expect([control(alice2), control(quiet), (await notes.history()).map(deliveryOf), await notes.receipts((await notes.history())[0]?.messageId ?? '')]).toEqual([0, 0, ['sent'], []])
  })
})

describe('a receipt', () => {
  /** Says a receipt as `from` would, of whatever it likes. */
  async function claim(from: TestClient, id: ConversationId, to: TestClient, device: TestClient, number: number): Promise<void> {
    const { core, outbox } = from.core
    await core.local.write(async (tx) => {
      const row = await readConversation(tx, id)
      if (row === undefined) throw new Error('no such conversation')
      const sent = await composeControl(core, tx, row, [{ account: to.client.account, device: to.client.device }], { kind: 'receipt', body: { kind: 'read', upTo: [{ device: device.client.device, epoch: 1, number }] } })
      if (sent !== undefined) outbox.add(tx, sent)
    })
    await rest()
  }

  it('changes nothing when it is of a message that was not sent, or of somebody else\'s chain', async () => {
    await say(alice, bob, 'one')
    await say(bob, alice, 'two')
    await settle()
    const before = named(alice, 'receipts-changed').length
    const { id } = await between(alice, bob)
    await claim(bob, id, alice, alice, 2)
    await claim(bob, id, alice, bob, 1)
    expect([named(alice, 'receipts-changed').length - before, alice.refusals(), await seen(alice, bob)]).toEqual([0, ['invalid.payload'], ['delivered', undefined]])
    await say(alice, bob, 'three')
    expect(await seen(alice, bob)).toEqual(['delivered', undefined, 'sent'])
    await claim(bob, id, alice, alice, 2)
    expect(await seen(alice, bob)).toEqual(['read', undefined, 'read'])
  })

  it('of a revoked device changes nothing', async () => {
    const bob2 = await open('bob')
    await say(alice, bob, 'one')
    bob.link.down()
    bob2.link.down()
    await say(alice, bob, 'two')
    bob.link.up()
    await rest()
    const { id } = await between(bob2, alice)
    await bob.client.revokeDevice(bob2.client.device, testWallet('bob'))
    await settle()
    expect(await seen(alice, bob)).toEqual(['delivered', 'delivered'])
    bob2.link.up()
    await rest()
    await claim(bob2, id, alice, alice, 2)
    await settle()
    expect([await seen(alice, bob), alice.refusals().at(-1)]).toEqual([['delivered', 'delivered'], 'e2ee.untrusted_identity'])
  })
})

describe('in a group', () => {
  const receiptsOf = async (group: Group): Promise<(MessageReceipts | undefined)[]> => (await group.history()).map(({ receipts }) => receipts)

  it('members are counted, and named', async () => {
    const carol = await open('carol')
    const group = await alice.client.createGroup('North gate', [bob.client.account, carol.client.account])
    await rest()
    await (await group.send('one')).acked
    await settle()
    expect(await receiptsOf(group)).toEqual([{ deliveredTo: 2, readBy: 0, of: 2 }])
    await (await bob.client.group(group.id)).markRead()
    await settle()
    const [message] = await group.history()
    expect([message?.receipts, message === undefined ? undefined : deliveryOf(message)]).toEqual([{ deliveredTo: 2, readBy: 1, of: 2 }, 'delivered'])
    expect(new Map((await group.receipts(message?.messageId ?? '')).map(({ address, status }) => [address, status]))).toEqual(new Map([[bob.client.address, 'read'], [carol.client.address, 'delivered']]))
    await (await carol.client.group(group.id)).markRead()
    await settle()
    expect((await group.history()).map(deliveryOf)).toEqual(['read'])
    // Each told the author alone: nobody else has anything to decrypt.
    expect([named(bob, 'receipts-changed'), named(carol, 'receipts-changed')]).toEqual([[], []])
  })

  it('who joined later is not waited for, and who was removed says nothing more', async () => {
    const carol = await open('carol')
    const dave = await open('dave')
    const group = await alice.client.createGroup('North gate', [bob.client.account, carol.client.account])
    await rest()
    await (await group.send('one')).acked
    await settle()
    carol.link.down()
    await group.remove([carol.client.account])
    await group.add([dave.client.account])
    await rest()
    await (await group.send('two')).acked
    await settle()
    expect(await receiptsOf(group)).toEqual([{ deliveredTo: 2, readBy: 0, of: 2 }, { deliveredTo: 2, readBy: 0, of: 2 }])
    carol.link.up()
    await rest()
    await (await carol.client.group(group.id)).markRead()
    await settle()
    await (await dave.client.group(group.id)).markRead()
    await settle()
    expect(await receiptsOf(group)).toEqual([{ deliveredTo: 2, readBy: 0, of: 2 }, { deliveredTo: 2, readBy: 1, of: 2 }])
  })

  it('what was on its way from the last other member accuses nobody once they are removed', async () => {
    const group = await alice.client.createGroup('North gate', [bob.client.account])
    await settle()
    await (await group.send('one')).acked
    await rest()
    const held: Delivery[] = []
    server.lies.route = (delivery, to) => {
      if (to !== alice.client.device) return [delivery]
      held.push(delivery)
      return []
    }
    await settle()
    server.lies = {}
    await group.remove([bob.client.account])
    alice.link.push({ type: 'deliver', deliveries: held })
    await settle()
    expect([held.length, alice.refusals()]).toEqual([1, []])
  })

  it('of more members than a bound nobody is told, and in the conversation with oneself neither', () => {
    const row = newConversation(alice.client.account, bob.client.account, 0)
    const withMembers = (count: number): boolean => hasReceipts({ ...row, members: Array.from({ length: count }, () => bob.client.account) })
    expect([1, 2, RECEIPT_MEMBERS_MAX, RECEIPT_MEMBERS_MAX + 1].map(withMembers)).toEqual([false, true, true, false])
  })
})
