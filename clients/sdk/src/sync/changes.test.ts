import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ConversationId, Delivery } from '@evegram/protocol'
import type { Conversation } from '../conversation.js'
import type { ClientEvents } from '../events.js'
import type { Message } from '../core/message.js'
import { MemoryStore } from '../store/memory.js'
import { FakeServer } from './testing/fake-server.js'
import { tablesWith } from './testing/tables-with.js'
import { openTestClient, testWallet, type TestClient } from './testing/test-client.js'
import { rest, VirtualClock } from './testing/virtual-clock.js'

interface Scene {
  readonly clock: VirtualClock
  readonly server: FakeServer
  readonly alice: TestClient
  readonly alice2: TestClient
  readonly bob: TestClient
  readonly all: readonly TestClient[]
}

async function scene(): Promise<Scene> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const alice = await openTestClient(server, new MemoryStore(), testWallet('alice'))
  const alice2 = await openTestClient(server, new MemoryStore(), testWallet('alice'))
  const bob = await openTestClient(server, new MemoryStore(), testWallet('bob', 'ton'))
  return { clock, server, alice, alice2, bob, all: [alice, alice2, bob] }
}

const between = async (test: TestClient, { alice, bob }: Scene): Promise<Conversation> => test.client.conversation((test === bob ? alice : bob).client.account)
const historyOf = async (test: TestClient, of: Scene): Promise<readonly Message[]> => (await between(test, of)).history(1_000)
/** What must be the same on every device. */
const view = ({ messageId, text, reactions, editedAtMs, deleted, replyTo, order }: Message): unknown => ({ messageId, text, reactions, editedAtMs, deleted, replyTo, order })
const viewsOf = async (test: TestClient, of: Scene): Promise<unknown[]> => (await historyOf(test, of)).map(view)
const changesOf = (test: TestClient): ClientEvents['message-changed'][] => test.log.filter(({ name }) => name === 'message-changed').map(({ event }) => event as ClientEvents['message-changed'])
const quiet = (test: TestClient): unknown[] => [test.refusals(), test.log.filter(({ name }) => name === 'fault' || name === 'gap')]

describe('what is said about a message', () => {
  it('is shown at once where it is said, and on every other device of both sides', async () => {
    const world = await scene()
    const { alice, alice2, bob, all } = world
    const first = await (await between(alice, world)).send('where?')
    await rest()
    const answer = await (await between(bob, world)).send('at the north gate', { replyTo: first.messageId })
    await rest()
    await (await between(alice2, world)).react(answer.messageId, '👍')
    await (await between(bob, world)).react(answer.messageId, '❤️')
    await (await between(alice2, world)).edit(first.messageId, 'where do we meet?')
    await rest()
    for (const test of all) {
      expect(await historyOf(test, world)).toMatchObject([
        { text: 'where do we meet?', messageId: first.messageId },
        { text: 'at the north gate', replyTo: { messageId: first.messageId, number: 1 }, reactions: [{ emoji: '👍', by: [alice.client.account] }, { emoji: '❤️', by: [bob.client.account] }] },
      ])
      expect((await historyOf(test, world))[0]?.editedAtMs).toBeGreaterThan(0)
      expect(changesOf(test).map(({ change, by, message }) => [change, by, message.messageId])).toEqual([
        ['reaction', alice.client.account, answer.messageId], ['reaction', bob.client.account, answer.messageId], ['edit', alice.client.account, first.messageId],
      ])
      // A change is no message.
      expect(test.log.filter(({ name }) => name === 'message')).toHaveLength(2)
      expect(quiet(test)).toEqual([[], []])
    }
    await (await between(alice2, world)).react(answer.messageId, '')
    await (await between(bob, world)).react(answer.messageId, '🚪')
    await rest()
    for (const test of all) expect((await historyOf(test, world))[1]?.reactions).toEqual([{ emoji: '🚪', by: [bob.client.account] }])
  })

  it('lets nobody edit or delete what another said, whatever a client of theirs sends', async () => {
    const world = await scene()
    const { alice, bob, all } = world
    const { messageId } = await (await between(alice, world)).send('mine')
    await rest()
    const theirs = await between(bob, world)
    await expect(theirs.edit(messageId, 'yours')).rejects.toMatchObject({ code: 'denied.not_sender' })
    await expect(theirs.deleteForEveryone(messageId)).rejects.toMatchObject({ code: 'denied.not_sender' })
    // As a changed client would.
    const say = (theirs as unknown as { say(content: unknown): Promise<unknown> }).say.bind(theirs) // the method of the class that the interface hides
    const target = { device: alice.client.device, epoch: 1, number: 1 }
    await say({ kind: 'edit', body: { target, text: 'yours' } })
    await say({ kind: 'delete', body: { target } })
    await rest()
    for (const test of all) expect([await viewsOf(test, world), changesOf(test)]).toMatchObject([[{ text: 'mine', messageId }], []])
  })

  it('refuses what is no emoji, no message of the conversation, no text, and too many edits at once', async () => {
    const world = await scene()
    const { alice, bob } = world
    const mine = await between(alice, world)
    const { messageId } = await mine.send('one')
    await rest()
    await expect(mine.react(messageId, 'ok')).rejects.toMatchObject({ code: 'invalid.argument' })
    await expect(mine.edit(messageId, '')).rejects.toMatchObject({ code: 'invalid.argument' })
    for (const wrong of ['f'.repeat(32), 'x', '']) await expect(mine.react(wrong, '👍')).rejects.toMatchObject({ code: 'not_found.message' })
    const notes = await alice.client.conversation(alice.client.account)
    await expect(notes.send('elsewhere', { replyTo: messageId })).rejects.toMatchObject({ code: 'not_found.message' })
    alice.link.down()
    for (let edit = 0; edit < 8; edit++) await mine.edit(messageId, `edit ${String(edit)}`)
    await expect(mine.edit(messageId, 'one too many')).rejects.toMatchObject({ code: 'limited.queue' })
    alice.link.up()
    await rest()
    expect((await historyOf(bob, world))[0]?.text).toBe('edit 7')
    await mine.edit(messageId, 'and on')
    await mine.deleteForEveryone(messageId)
    await rest()
    await expect(mine.edit(messageId, 'again')).rejects.toMatchObject({ code: 'not_found.message' })
    await expect(mine.react(messageId, '👍')).rejects.toMatchObject({ code: 'not_found.message' })
  })

  it('leaves nothing of a deleted message on any device: text, edits, reactions, and what is kept for sending again', async () => {
    const world = await scene()
    const { alice, alice2, bob, all } = world
    const { messageId } = await (await between(alice, world)).send('the secret of the first text')
    await rest()
    await (await between(bob, world)).react(messageId, '👍')
    await (await between(alice, world)).edit(messageId, 'the secret of the edit')
    await (await between(alice2, world)).edit(messageId, 'the secret of the other edit')
    await rest()
    expect(await tablesWith(alice, 'the secret')).toEqual(expect.arrayContaining(['messages', 'healing']))
    await (await between(alice2, world)).deleteForEveryone(messageId)
    await rest()
    for (const test of all) {
      expect(await viewsOf(test, world)).toMatchObject([{ messageId, text: '', deleted: true, reactions: undefined, editedAtMs: undefined }])
      expect(await tablesWith(test, 'the secret')).toEqual([])
      expect(changesOf(test).at(-1)).toMatchObject({ change: 'delete', by: alice.client.account })
    }
    // What waits for the server when it is deleted goes out, and then goes too.
    alice.link.down()
    const queued = await (await between(alice, world)).send('the secret that waits')
    await (await between(alice, world)).edit(queued.messageId, 'the secret edit that waits')
    await (await between(alice, world)).deleteForEveryone(queued.messageId)
    alice.link.up()
    await queued.acked
    await rest()
    for (const test of all) expect([await tablesWith(test, 'the secret'), (await historyOf(test, world)).map(({ deleted }) => deleted)]).toEqual([[], [true, true]])
  })

  it('is taken back here when it never left, and stands when it did, whatever the server said of it', async () => {
    const world = await scene()
    const { alice, bob, server, clock } = world
    const mine = await between(alice, world)
    const { messageId, acked } = await mine.send('stands')
    await acked
    await (await mine.edit(messageId, 'stands, edited')).acked
    for (const code of ['too_large.envelope', 'denied.blocked'] as const) {
      alice.link.down()
      const edit = await mine.edit(messageId, `left, ${code}`)
      const reaction = await mine.react(messageId, '👍')
      expect(await viewsOf(alice, world)).toMatchObject([{ text: `left, ${code}`, reactions: [{ emoji: '👍' }] }])
      // The first refuses one envelope, the second the whole conversation, before the reaction leaves.
      let refusals = 0
      server.lies.send = () => (refusals++ === 0 ? { status: 'refused', failure: { code, message: 'refused' } } : undefined)
      alice.link.up()
      await expect(edit.acked).rejects.toMatchObject({ code })
      if (code === 'too_large.envelope') await reaction.acked
      else await expect(reaction.acked).rejects.toMatchObject({ code })
      server.lies = {}
      expect((await historyOf(alice, world))[0]?.reactions?.map(({ emoji }) => emoji)).toEqual(code === 'too_large.envelope' ? ['👍'] : undefined)
      // Bob misses the number and asks for it; what waits goes out with the next message.
      await (await mine.react(messageId, '')).acked
      await clock.advance(120_000)
      expect(await viewsOf(alice, world)).toMatchObject([{ text: `left, ${code}`, reactions: undefined }])
      expect(await viewsOf(bob, world)).toEqual(await viewsOf(alice, world))
    }
  })

  it('is the same on all devices whatever is lost, doubled and delayed on the way', async () => {
    const fates = fc.array(fc.constantFrom('pass', 'drop', 'double', 'hold'), { minLength: 30, maxLength: 30 })
    const who = fc.constantFrom(0, 1, 2)
    const steps = fc.array(fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('send', 'reply'), who, at: fc.nat({ max: 20 }) }) },
      { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('react', 'edit', 'delete', 'unreact'), who, at: fc.nat({ max: 20 }) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('wait', 'release', 'down', 'up'), who, at: fc.nat({ max: 20 }) }) },
    ), { minLength: 6, maxLength: 16 })
    await fc.assert(fc.asyncProperty(fates, steps, async (ways, script) => {
      const world = await scene()
      const { all, server, clock } = world
      let routed = 0
      const held: { readonly to: TestClient | undefined; readonly delivery: Delivery }[] = []
      server.lies.route = (delivery, to) => {
        const way = ways[routed++ % ways.length]
        if (way === 'drop') return []
        if (way === 'double') return [delivery, delivery]
        if (way === 'pass') return [delivery]
        held.push({ to: all.find(({ client }) => client.device === to), delivery })
        return []
      }
      for (const [index, { kind, who: index2, at }] of script.entries()) {
        const test = all[index2]
        if (test === undefined) continue
        const conversation = await between(test, world)
        const history = await historyOf(test, world)
        const target = history[at % Math.max(1, history.length)]
        const isStanding = target !== undefined && target.deleted !== true
        const isOwn = isStanding && target.fromAccount === test.client.account
        if (kind === 'send' || (kind === 'reply' && target === undefined)) await conversation.send(`${String(index2)}:${String(index)}`)
        else if (kind === 'reply' && target !== undefined) await conversation.send(`${String(index2)}:${String(index)}`, { replyTo: target.messageId })
        else if (kind === 'react' && isStanding) await conversation.react(target.messageId, ['👍', '❤️', '🚪'][index % 3] ?? '👍')
        else if (kind === 'unreact' && isStanding) await conversation.react(target.messageId, '')
        else if (kind === 'edit' && isOwn) await conversation.edit(target.messageId, `edit ${String(index)}`)
        else if (kind === 'delete' && isOwn) await conversation.deleteForEveryone(target.messageId)
        else if (kind === 'wait') await clock.advance(at * 100)
        else if (kind === 'down') test.link.down()
        else if (kind === 'up') test.link.up()
        else if (kind === 'release') for (const { to, delivery } of held.splice(0).reverse()) to?.link.push({ type: 'deliver', deliveries: [delivery] })
        await rest()
      }
      for (const { to, delivery } of held.splice(0).reverse()) to?.link.push({ type: 'deliver', deliveries: [delivery] })
      server.lies = {}
      for (let round = 0; round < 2; round++) {
        for (const test of all) {
          test.link.down()
          test.link.up()
        }
        await clock.advance(30_000)
      }
      const [first, ...others] = await Promise.all(all.map((test) => viewsOf(test, world)))
      for (const seen of others) expect(seen).toEqual(first)
      for (const test of all) {
        expect(test.log.filter(({ name }) => name === 'fault').map(({ event }) => event)).toEqual([])
        await test.client.close()
      }
    }), { numRuns: 30 })
  }, 240_000)
})

describe('what is said about a message of a group', () => {
  it('is deleted by owners and admins as well, by the membership that it was said under', async () => {
    const clock = new VirtualClock()
    const server = new FakeServer(clock)
    const [alice, bob, carol] = [
      await openTestClient(server, new MemoryStore(), testWallet('alice')), await openTestClient(server, new MemoryStore(), testWallet('bob')), await openTestClient(server, new MemoryStore(), testWallet('carol')),
    ]
    const group = await alice.client.createGroup('North gate', [bob.client.account, carol.client.account])
    await rest()
    const id: ConversationId = group.id
    const in_ = (test: TestClient): ReturnType<typeof test.client.group> => test.client.group(id)
    const said = await (await in_(carol)).send('rude')
    const kept = await (await in_(carol)).send('kind')
    await rest()
    await expect((await in_(bob)).deleteForEveryone(said.messageId)).rejects.toMatchObject({ code: 'denied.not_sender' })
    await (await in_(alice)).setRole(bob.client.account, 'admin')
    await (await in_(bob)).refresh()
    await (await in_(bob)).deleteForEveryone(said.messageId)
    await (await in_(bob)).react(kept.messageId, '👍')
    await rest()
    await (await in_(alice)).setRole(bob.client.account, 'member')
    await (await in_(bob)).refresh()
    // Whoever reads it later still goes by what Bob was when he said it.
    await expect((await in_(bob)).deleteForEveryone(kept.messageId)).rejects.toMatchObject({ code: 'denied.not_sender' })
    for (const test of [alice, bob, carol]) {
      expect((await (await in_(test)).history()).map(({ text, deleted, reactions }) => ({ text, deleted, reactions }))).toEqual([
        { text: '', deleted: true, reactions: undefined }, { text: 'kind', deleted: undefined, reactions: [{ emoji: '👍', by: [bob.client.account] }] },
      ])
      expect(quiet(test)).toEqual([[], []])
    }
  })
})
