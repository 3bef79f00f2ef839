import { describe, expect, it } from 'vitest'
import { parseConversationId } from '@evegram/protocol'
import type { Conversation } from './conversation.js'
import { SETTING_DEFAULTS } from './setting-values.js'
import { MemoryStore } from './store/memory.js'
import { FakeServer } from './sync/testing/fake-server.js'
import { openTestClient, testWallet, type TestClient } from './sync/testing/test-client.js'
import { rest, VirtualClock } from './sync/testing/virtual-clock.js'

async function scene(): Promise<{ clock: VirtualClock; alice: TestClient; alice2: TestClient; bob: TestClient }> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const alice = await openTestClient(server, new MemoryStore(), testWallet('alice'))
  const alice2 = await openTestClient(server, new MemoryStore(), testWallet('alice'))
  const bob = await openTestClient(server, new MemoryStore(), testWallet('bob', 'terra'))
  await clock.advance(20_000)
  return { clock, alice, alice2, bob }
}

const between = (one: TestClient, other: TestClient): Promise<Conversation> => one.client.conversation(other.client.account)

async function say(from: TestClient, to: TestClient, text: string): Promise<string> {
  const sent = await (await between(from, to)).send(text)
  await sent.acked
  await rest()
  return sent.messageId
}

describe('what the user keeps', () => {
  it('is how far a conversation was read, on all own devices, never less', async () => {
    const { clock, alice, alice2, bob } = await scene()
    const first = await say(bob, alice, 'one')
    await clock.advance(1_000)
    await say(alice, bob, 'an answer')
    await say(bob, alice, 'two')
    const [here, there] = [await between(alice, bob), await between(alice2, bob)]
    expect([await here.unread(), await there.unread()]).toEqual([2, 2])
    await here.markRead(first)
    expect(await here.unread()).toBe(1)
    await there.markRead()
    await clock.advance(5_000)
    expect([await here.unread(), await there.unread()]).toEqual([0, 0])
    await here.markRead(first)
    expect(await here.unread()).toBe(0)
    await say(bob, alice, 'three')
    expect([await here.unread(), await there.unread()]).toEqual([1, 1])
    await expect(here.markRead('nothing')).rejects.toMatchObject({ code: 'not_found.message' })
  })

  it('is a draft, how a conversation is listed, and what was hidden', async () => {
    const { clock, alice, alice2, bob } = await scene()
    const messageId = await say(bob, alice, 'one')
    const [here, there] = [await between(alice, bob), await between(alice2, bob)]
    await here.setDraft('half a sen')
    await here.setFlags({ pinned: true, muted: true })
    await there.setFlags({ muted: false, archived: true })
    await here.hide(messageId)
    await clock.advance(5_000)
    expect(await there.draft()).toBe('half a sen')
    expect(await there.flags()).toEqual(await here.flags())
    expect(await here.flags()).toMatchObject({ pinned: true, archived: true })
    expect([...(await there.hidden(await there.history()))]).toEqual([messageId])
    await there.setDraft('')
    await there.hide(messageId, false)
    await clock.advance(5_000)
    expect([await here.draft(), (await here.hidden(await here.history())).size]).toEqual(['', 0])
    await expect(here.setDraft('x'.repeat(40_000))).rejects.toMatchObject({ code: 'too_large.payload' })
  })

  it('are names of contacts and settings', async () => {
    const { clock, alice, alice2, bob } = await scene()
    await alice.client.contacts.rename(bob.client.address, 'Bob, north gate')
    await alice.client.settings.set('theme', 'dark')
    await alice2.client.settings.set('receipts.read', false)
    await clock.advance(5_000)
    expect(await alice2.client.settings.all()).toEqual({ ...SETTING_DEFAULTS, 'theme': 'dark', 'receipts.read': false })
    expect(await alice.client.settings.all()).toEqual(await alice2.client.settings.all())
    expect(await alice2.client.contacts.list()).toMatchObject([{ account: bob.client.account, name: 'Bob, north gate' }])
    expect(await alice.client.contacts.get(bob.client.account)).toMatchObject({ address: bob.client.address, name: 'Bob, north gate' })
    await alice2.client.contacts.rename(bob.client.account, '')
    expect(await alice2.client.contacts.list()).toEqual([])
    await expect(alice.client.settings.set('language', 'no language')).rejects.toMatchObject({ code: 'invalid.argument' })
    await expect(alice.client.contacts.rename(bob.client.account, 'x'.repeat(300))).rejects.toMatchObject({ code: 'invalid.argument' })
  })
})

describe('search', () => {
  it('finds what is stored, whatever its case and accents, page by page, and not what was removed', async () => {
    const { alice, bob } = await scene()
    for (const text of ['Café at noon?', 'a cafe is fine', 'tea', 'CAFÉ!']) await say(bob, alice, text)
    const found = await alice.client.search('cafe')
    expect(found.messages.map(({ text }) => text)).toEqual(['CAFÉ!', 'a cafe is fine', 'Café at noon?'])
    expect(found.next).toBeUndefined()
    const first = await alice.client.search('café', { limit: 2 })
    expect(first.messages.map(({ text }) => text)).toEqual(['CAFÉ!', 'a cafe is fine'])
    const rest = await alice.client.search('café', { limit: 2, ...(first.next === undefined ? {} : { from: first.next }) })
    expect(rest.messages.map(({ text }) => text)).toEqual(['Café at noon?'])
    expect((await alice.client.search('cafe', { conversation: parseConversationId('0'.repeat(32)) })).messages).toEqual([])
    await (await between(alice, bob)).forget()
    expect((await alice.client.search('cafe')).messages).toEqual([])
    for (const text of ['', '  ', 'x'.repeat(300)]) await expect(alice.client.search(text)).rejects.toMatchObject({ code: 'invalid.argument' })
    await expect(alice.client.search('cafe', { from: 'accounts/x' })).rejects.toMatchObject({ code: 'invalid.argument' })
  })
})
