import { describe, expect, it } from 'vitest'
import { decodeEnvelope, directConversationIdOf, encodeCbor, parseAccountId, parseConversationId, viewEnvelope, type AccountId } from '@evegram/protocol'
import { newConversation, readConversation } from '../core/conversation-row.js'
import { MemoryStore } from '../store/memory.js'
import { composeMessage } from '../sync/compose.js'
import { FakeServer } from '../sync/testing/fake-server.js'
import { openTestClient, testWallet, textsOf, type TestClient } from '../sync/testing/test-client.js'
import { rest, VirtualClock } from '../sync/testing/virtual-clock.js'
import type { StateFamilies, StateFamily } from './register-keys.js'
import { STATE_SYNC_LIMITS } from './state-sync.js'
import { readSync } from './sync-row.js'

const aliceWallet = testWallet('alice')
const account = (digit: string): AccountId => parseAccountId(digit.repeat(32))

async function devices(count: number): Promise<{ server: FakeServer; clock: VirtualClock; of: (index: number) => TestClient }> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const opened: TestClient[] = []
  for (let index = 0; index < count; index++) {
    opened.push(await openTestClient(server, new MemoryStore(), aliceWallet))
    await clock.advance(20_000)
  }
  const of = (index: number): TestClient => {
    const found = opened[index]
    if (found === undefined) throw new Error('no such device')
    return found
  }
  return { server, clock, of }
}

const write = <Family extends StateFamily>(test: TestClient, family: Family, id: StateFamilies[Family]['id'], value: StateFamilies[Family]['value'] | undefined): Promise<void> =>
  test.core.core.local.write((tx) => test.core.core.state.set(tx, family, id, value))

const noteToSelf = (test: TestClient) => directConversationIdOf(test.client.account, test.client.account)

/** Envelopes of the conversation with oneself that a device stored. */
const told = (server: FakeServer, test: TestClient) => server.stored
  .map(({ envelope }) => viewEnvelope(envelope)).filter(({ conversation, device }) => conversation === noteToSelf(test) && device === test.client.device)

describe('the state of an account', () => {
  it('is the same on every device a moment after one of them wrote, and shows nothing of how it came there', async () => {
    const { server, clock, of } = await devices(3)
    await write(of(0), 'contact.name', account('b'), 'Bob')
    await write(of(1), 'setting', 'theme', 'dark')
    await clock.advance(5_000)
    for (const index of [0, 1, 2]) {
      expect(await of(index).core.core.state.get('contact.name', account('b'))).toBe('Bob')
      expect(await of(index).core.core.state.get('setting', 'theme')).toBe('dark')
      expect(await of(index).client.conversations()).toEqual([])
      expect(of(index).log.filter(({ name }) => name === 'message' || name === 'security' || name === 'fault' || name === 'gap')).toEqual([])
    }
    expect(await textsOf(of(0), of(1))).toEqual([])
    const before = told(server, of(0)).length
    for (const text of ['h', 'he', 'hel']) await write(of(0), 'draft', parseConversationId('c'.repeat(32)), text)
    await clock.advance(5_000)
    expect(told(server, of(0))).toHaveLength(before + 1)
    expect(await of(2).core.core.state.get('draft', parseConversationId('c'.repeat(32)))).toBe('hel')
  })

  it('costs nothing while there is one device', async () => {
    const { server, clock, of } = await devices(1)
    await write(of(0), 'setting', 'theme', 'dark')
    await clock.advance(5_000)
    expect(server.stored).toEqual([])
  })

  it('reaches a new device whole, from one of the others, in as many messages as it takes', async () => {
    const { server, clock, of } = await devices(3)
    await of(0).core.core.local.write(async (tx) => {
      for (let index = 0; index < 900; index++) await of(0).core.core.state.set(tx, 'contact.name', parseAccountId(index.toString(16).padStart(32, '0')), `name ${String(index)}`)
    })
    await clock.advance(10_000)
    const before = [0, 1, 2].map((index) => told(server, of(index)).length)
    const late = await openTestClient(server, new MemoryStore(), aliceWallet)
    await clock.advance(30_000)
    expect(await late.core.core.state.list('contact.name', 2_000)).toEqual(await of(0).core.core.state.list('contact.name', 2_000))
    expect((await readSync(late.core.core.store)).answered).toBe(true)
    const answered = [0, 1, 2].filter((index) => told(server, of(index)).length > (before[index] ?? 0))
    expect(answered).toHaveLength(1)
    expect(told(server, of(answered[0] ?? 0)).length - (before[answered[0] ?? 0] ?? 0)).toBeGreaterThan(1)
    expect(late.log.filter(({ name }) => name === 'security' || name === 'fault')).toEqual([])
  })

  it('reaches a new device from one that was never told everything itself, when nobody else answers', async () => {
    const { server, clock, of } = await devices(1)
    // The first device is gone for good.
    of(0).link.down()
    const second = await openTestClient(server, new MemoryStore(), aliceWallet)
    await clock.advance(20_000)
    await write(second, 'setting', 'language', 'es')
    await clock.advance(5_000)
    const third = await openTestClient(server, new MemoryStore(), aliceWallet)
    await clock.advance(STATE_SYNC_LIMITS.unsureAnswerMs - 5_000)
    expect(await third.core.core.state.get('setting', 'language')).toBeUndefined()
    await clock.advance(20_000)
    expect(await third.core.core.state.get('setting', 'language')).toBe('es')
    expect((await readSync(third.core.core.store)).answered).toBe(false)
  })

  it('ends the same where devices wrote without knowing of each other', async () => {
    const { clock, of } = await devices(3)
    for (const index of [0, 1, 2]) of(index).link.down()
    await write(of(0), 'setting', 'theme', 'dark')
    await clock.advance(1_000)
    await write(of(1), 'setting', 'theme', 'light')
    await write(of(2), 'contact.relation', account('b'), 'blocked')
    await write(of(0), 'contact.name', account('b'), 'Bob')
    for (const index of [2, 0, 1]) {
      of(index).link.up()
      await clock.advance(5_000)
    }
    for (const index of [0, 1, 2]) {
      expect(await of(index).core.core.state.get('setting', 'theme')).toBe('light')
      expect(await of(index).core.core.state.get('contact.relation', account('b'))).toBe('blocked')
      expect(await of(index).core.core.state.get('contact.name', account('b'))).toBe('Bob')
    }
  })

  it('comes again where it was lost on its way, or refused', async () => {
    const { server, clock, of } = await devices(2)
    server.lies.route = (delivery, to) => (to === of(1).client.device ? [] : [delivery])
    await write(of(0), 'setting', 'theme', 'dark')
    await clock.advance(5_000)
    server.lies = {}
    await write(of(0), 'setting', 'language', 'es')
    await clock.advance(30_000)
    expect(await of(1).core.core.state.get('setting', 'theme')).toBe('dark')
    server.lies.send = (envelope) => (decodeEnvelope(envelope).conversation === noteToSelf(of(0)) && decodeEnvelope(envelope).kind === 1
      ? { status: 'refused', failure: { code: 'too_large.envelope', message: 'refused' } }
      : undefined)
    await write(of(0), 'setting', 'theme', 'light')
    await clock.advance(10_000)
    expect(await of(1).core.core.state.get('setting', 'theme')).toBe('dark')
    server.lies = {}
    await clock.advance(120_000)
    expect(await of(1).core.core.state.get('setting', 'theme')).toBe('light')
  })

  it('is written by own devices alone: a peer that says something of it is refused', async () => {
    const clock = new VirtualClock()
    const server = new FakeServer(clock)
    const alice = await openTestClient(server, new MemoryStore(), aliceWallet)
    const mallory = await openTestClient(server, new MemoryStore(), testWallet('mallory', 'ton'))
    await (await mallory.client.conversation(alice.client.account)).send('hello')
    await rest()
    const { core } = mallory.core
    const row = newConversation(mallory.client.account, alice.client.account, clock.now())
    await core.local.write(async (tx) => {
      const register = { type: 'latest' as const, key: 'setting/theme', clock: new Map(), writes: [{ device: mallory.client.device, number: 1, timeMs: 1, value: encodeCbor('pink') }] }
      const composed = await composeMessage(core, tx, (await readConversation(tx, row.conversation)) ?? row, { kind: 'state', body: { registers: [register] } })
      mallory.core.outbox.add(tx, composed.row)
    })
    await clock.advance(5_000)
    expect(await alice.core.core.state.get('setting', 'theme')).toBeUndefined()
    expect(alice.refusals()).toContain('e2ee.envelope_mismatch')
    await (await mallory.client.conversation(alice.client.account)).send('still there')
    await clock.advance(5_000)
    expect(await textsOf(alice, mallory)).toEqual(['hello', 'still there'])
  })
})
