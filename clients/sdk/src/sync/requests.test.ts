import { describe, expect, it } from 'vitest'
import type { ConversationId } from '@evegram/protocol'
import type { ClientEvents } from '../events.js'
import { REQUEST_MESSAGES_MAX } from '../core/message-requests.js'
import type { Message } from '../core/message.js'
import { MemoryStore } from '../store/memory.js'
import type { LocalStore } from '../store/local-store.js'
import { CHANGES_PREFIX } from '../core/message-changes.js'
import { STRANGER_CHANGES_MAX, takeChange } from './take-change.js'
import { FakeServer } from './testing/fake-server.js'
import { MortalStore } from './testing/mortal-store.js'
import { openTestClient, testWallet, type TestClient } from './testing/test-client.js'
import { rest, VirtualClock } from './testing/virtual-clock.js'

interface Scene {
  readonly clock: VirtualClock
  readonly server: FakeServer
  readonly disk: LocalStore
  readonly alice: TestClient
  /** Asks about strangers. */
  readonly bob: TestClient
}

const asking = (server: FakeServer, store: LocalStore, name: string): Promise<TestClient> => openTestClient(server, store, testWallet(name), undefined, undefined, 'ask')

async function scene(): Promise<Scene> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const disk = new MemoryStore()
  return { clock, server, disk, alice: await openTestClient(server, new MemoryStore(), testWallet('alice')), bob: await asking(server, new MortalStore(disk), 'bob') }
}

async function say(from: TestClient, to: TestClient, text: string): Promise<ConversationId> {
  const conversation = await from.client.conversation(to.client.account)
  await (await conversation.send(text)).acked
  await rest()
  return conversation.id
}

const named = <Name extends keyof ClientEvents>(test: TestClient, name: Name): ClientEvents[Name][] =>
  test.log.filter((entry) => entry.name === name).map(({ event }) => event as ClientEvents[Name])
const texts = (messages: readonly Message[]): string[] => messages.map(({ text }) => text)
const shown = async (test: TestClient, peer: TestClient): Promise<readonly Message[]> => (await test.client.conversation(peer.client.account)).history(1_000)

describe('messages of strangers', () => {
  it('wait as one request, told apart, and are those of anybody once it is accepted, also across a restart', async () => {
    const { server, disk, alice, bob } = await scene()
    const id = await say(alice, bob, 'hello?')
    await say(alice, bob, 'anybody?')
    expect(await bob.client.requests()).toMatchObject([{ conversation: id, account: alice.client.account, address: alice.client.address, group: false, messages: 2, dropped: 0 }])
    expect([texts(named(bob, 'message')), texts(named(bob, 'message-request')), (await bob.client.conversations()).length]).toEqual([[], ['hello?', 'anybody?'], 0])
    await bob.client.close()
    const again = await asking(server, new MortalStore(disk), 'bob')
    expect(await again.client.requests()).toHaveLength(1)
    await again.client.accept(id)
    expect([await again.client.requests(), (await again.client.conversations()).length, named(again, 'request-changed')]).toEqual([[], 1, [{ conversation: id, status: 'accepted' }]])
    await say(alice, again, 'good')
    expect([texts(named(again, 'message')), (await shown(again, alice)).map(({ text, stranger }) => [text, stranger])]).toEqual([
      ['good'], [['hello?', undefined], ['anybody?', undefined], ['good', undefined]],
    ])
    await expect(again.client.accept(id)).rejects.toMatchObject({ code: 'not_found.conversation' })
  })

  it('are accepted by writing back, and whom the user wrote to first is no stranger', async () => {
    const { server, alice, bob } = await scene()
    await say(alice, bob, 'hello?')
    await say(bob, alice, 'hello')
    expect([await bob.client.requests(), named(bob, 'request-changed').map(({ status }) => status)]).toEqual([[], ['accepted']])
    const carol = await openTestClient(server, new MemoryStore(), testWallet('carol'))
    await say(bob, carol, 'are you there?')
    await say(carol, bob, 'yes')
    expect([await bob.client.requests(), texts(named(bob, 'message'))]).toEqual([[], ['hello', 'are you there?', 'yes']])
    expect((await shown(bob, alice)).some(({ stranger }) => stranger === true)).toBe(false)
  })

  it('tell the stranger nothing: no typing goes out before the user decided, and none of theirs is shown', async () => {
    const { server, clock, alice, bob } = await scene()
    await say(alice, bob, 'hello?')
    bob.client.on('typing', () => { throw new Error('typing of a stranger') })
    const conversation = await bob.client.conversation(alice.client.account)
    conversation.typing(true)
    ;(await alice.client.conversation(bob.client.account)).typing(true)
    await clock.advance(1_000)
    expect(server.signals.filter(({ device }) => device === bob.client.device)).toEqual([])
    await bob.client.accept(conversation.id)
    conversation.typing(true)
    await clock.advance(1_000)
    expect(server.signals.some(({ device }) => device === bob.client.device)).toBe(true)
  })

  it('are gone when declined, and begin anew when the stranger goes on', async () => {
    const { alice, bob } = await scene()
    const id = await say(alice, bob, 'the secret of the stranger')
    await bob.client.decline(id)
    const rows = await bob.store.list('messages', { limit: 1_000 })
    expect([await bob.client.requests(), rows.some(({ value }) => Buffer.from(value).includes('the secret')), (await bob.client.conversations()).length]).toEqual([[], false, 0])
    await say(alice, bob, 'once more')
    expect([(await bob.client.requests()).map(({ messages }) => messages), texts(await shown(bob, alice)), named(bob, 'gap')]).toEqual([[1], ['once more'], []])
  })

  it('are kept up to a bound, and counted beyond it', async () => {
    const { alice, bob } = await scene()
    for (let message = 0; message < REQUEST_MESSAGES_MAX + 3; message++) await say(alice, bob, `${String(message)}`)
    expect(await bob.client.requests()).toMatchObject([{ messages: REQUEST_MESSAGES_MAX, dropped: 3 }])
    expect(await shown(bob, alice)).toHaveLength(REQUEST_MESSAGES_MAX)
  }, 120_000)

  it('of whom is blocked are never shown, in a group neither, until that is taken back; nothing can be sent to them', async () => {
    const { server, alice, bob } = await scene()
    const carol = await openTestClient(server, new MemoryStore(), testWallet('carol'))
    await say(bob, alice, 'hello')
    const group = await bob.client.createGroup('North gate', [alice.client.account, carol.client.account])
    await rest()
    await bob.client.block(alice.client.account)
    expect(await bob.client.blocked()).toEqual([alice.client.account])
    await say(alice, bob, 'unseen')
    await (await (await alice.client.group(group.id)).send('unseen in the group')).acked
    await (await (await carol.client.group(group.id)).send('seen')).acked
    await rest()
    await expect(say(bob, alice, 'hey')).rejects.toMatchObject({ code: 'denied.blocked' })
    expect([texts(await shown(bob, alice)), texts(await (await bob.client.group(group.id)).history()), await bob.client.requests()]).toEqual([['hello'], ['seen'], []])
    await bob.client.unblock(alice.client.account)
    await say(alice, bob, 'seen again')
    // What was not shown is no gap: its numbers were received.
    expect([texts(await shown(bob, alice)), named(bob, 'gap'), await bob.client.blocked()]).toEqual([['hello', 'seen again'], [], []])
  })

  it('take a request along when they are blocked', async () => {
    const { alice, bob } = await scene()
    await say(alice, bob, 'hello?')
    await bob.client.block(alice.client.address)
    expect([await bob.client.requests(), named(bob, 'request-changed').map(({ status }) => status), await shown(bob, alice)]).toEqual([[], ['blocked'], []])
  })

  it('may not add somebody to a group either: it waits, and what is said in it', async () => {
    const { alice, bob } = await scene()
    const group = await alice.client.createGroup('Come in', [bob.client.account])
    await (await group.send('buy this')).acked
    await rest()
    expect(await bob.client.requests()).toMatchObject([{ conversation: group.id, account: alice.client.account, group: true, messages: 1 }])
    expect([texts(named(bob, 'message')), texts(named(bob, 'message-request'))]).toEqual([[], ['buy this']])
    await bob.client.accept(group.id)
    await (await group.send('thank you')).acked
    await rest()
    expect([texts(named(bob, 'message')), await bob.client.requests()]).toEqual([['thank you'], []])
    const other = await alice.client.createGroup('Come in again', [bob.client.account])
    await rest()
    await (await other.send('buy that')).acked
    await rest()
    await bob.client.decline(other.id)
    await (await other.send('please')).acked
    await rest()
    expect([await bob.client.requests(), texts(await (await bob.client.group(other.id)).history())]).toEqual([[], []])
  })

  it('are taken by programs that say so, and only by those', async () => {
    const { alice, bob } = await scene()
    await say(bob, alice, 'hello')
    expect([await alice.client.requests(), texts(named(alice, 'message'))]).toEqual([[], ['hello']])
  })

  it('say what they say about messages beside it: it counts for no message, and begins no request', async () => {
    const { alice, bob } = await scene()
    const toBob = await alice.client.conversation(bob.client.account)
    const about = async (change: Promise<{ readonly acked: Promise<unknown> }>): Promise<void> => {
      await (await change).acked
      await rest()
    }
    await about(toBob.setTimer(3_600))
    expect([await bob.client.requests(), (await bob.client.conversations()).length]).toEqual([[], 0])
    await say(alice, bob, 'helo?')
    await say(alice, bob, 'anybody?')
    const [first, second] = await shown(alice, bob)
    await about(toBob.edit(first?.messageId ?? '', 'hello?'))
    await about(toBob.react(first?.messageId ?? '', '👋'))
    await about(toBob.deleteForEveryone(second?.messageId ?? ''))
    expect(await bob.client.requests()).toMatchObject([{ messages: 2, dropped: 0 }])
    expect((await shown(bob, alice)).map(({ text, deleted, expiresIn, reactions = [] }) => [text, deleted, expiresIn, reactions.map(({ emoji }) => emoji)])).toEqual([
      ['hello?', undefined, 3_600, ['👋']], ['', true, 3_600, []],
    ])
    await bob.client.decline(toBob.id)
    await about(toBob.edit(first?.messageId ?? '', 'are you there?'))
    expect([await bob.client.requests(), (await bob.client.conversations()).length, await shown(bob, alice)]).toEqual([[], 0, []])
  })

  it('leave room for messages, however often one of them is changed', async () => {
    const { alice, bob } = await scene()
    await say(alice, bob, 'hello?')
    const toBob = await alice.client.conversation(bob.client.account)
    const [first] = await shown(alice, bob)
    const acks: Promise<unknown>[] = []
    for (let time = 0; time < REQUEST_MESSAGES_MAX; time++) acks.push((await toBob.react(first?.messageId ?? '', time % 2 === 0 ? '👋' : '')).acked)
    await Promise.all(acks)
    await rest()
    await say(alice, bob, 'still there?')
    expect(await bob.client.requests()).toMatchObject([{ messages: 2, dropped: 0 }])
    expect(texts(await shown(bob, alice))).toEqual(['hello?', 'still there?'])
  }, 60_000)

  it('may say so much about messages that are not here, and no more', async () => {
    const { alice, bob } = await scene()
    const id = await say(alice, bob, 'hello?')
    const { account: by, device } = alice.client
    const react = (number: number): Promise<void> => bob.core.core.local.write((tx) => takeChange(bob.core.core, tx, { kind: 'reaction', body: { target: { device, epoch: 1, number }, emoji: '👋' } }, {
      conversation: id, by, place: { order: BigInt(number), device, epoch: 1, number }, sentAtMs: 0, open: false, deletesAny: false, ofStranger: true,
    }))
    const kept = async (): Promise<number> => (await bob.store.list('messages', { from: CHANGES_PREFIX, to: `${CHANGES_PREFIX}~`, limit: 1_000 })).length
    for (let number = 1_000; number < 1_000 + STRANGER_CHANGES_MAX + 2; number++) await react(number)
    expect([await kept(), bob.refusals()]).toEqual([STRANGER_CHANGES_MAX, ['limited.queue', 'limited.queue']])
    // What is here, or was spoken of before, can be spoken of again.
    await react(1_000)
    await (await (await alice.client.conversation(bob.client.account)).react((await shown(alice, bob))[0]?.messageId ?? '', '👋')).acked
    await rest()
    expect([(await shown(bob, alice))[0]?.reactions?.length, bob.refusals().length]).toEqual([1, 2])
  })
})
