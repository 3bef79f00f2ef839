import { describe, expect, it } from 'vitest'
import { unitInterval, viewEnvelope, type ConversationId } from '@evegram/protocol'
import { SeededRandom } from '../crypto/seeded-random.js'
import type { ClientEvents } from '../events.js'
import { MemoryStore } from '../store/memory.js'
import type { LocalStore } from '../store/local-store.js'
import { FakeServer } from './testing/fake-server.js'
import { MortalStore } from './testing/mortal-store.js'
import { openTestClient, testWallet, textsOf, type TestClient } from './testing/test-client.js'
import { rest, VirtualClock } from './testing/virtual-clock.js'

const asking = (server: FakeServer, store: LocalStore, name: string): Promise<TestClient> => openTestClient(server, store, testWallet(name), undefined, undefined, 'ask')

interface Scene {
  readonly clock: VirtualClock
  readonly server: FakeServer
  readonly alice: TestClient
  /** Two devices of Bob, who asks about strangers. */
  readonly phone: TestClient
  readonly laptop: TestClient
  readonly laptopDisk: LocalStore
}

async function scene(): Promise<Scene> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const laptopDisk = new MemoryStore()
  const phone = await asking(server, new MemoryStore(), 'bob')
  await clock.advance(20_000)
  const laptop = await asking(server, new MortalStore(laptopDisk), 'bob')
  await clock.advance(20_000)
  return { clock, server, laptopDisk, phone, laptop, alice: await openTestClient(server, new MemoryStore(), testWallet('alice')) }
}

async function say(from: TestClient, to: TestClient, text: string): Promise<ConversationId> {
  const conversation = await from.client.conversation(to.client.account)
  await (await conversation.send(text)).acked
  await rest()
  return conversation.id
}

/** What a person sees of a stranger: how many messages wait, and what they say. */
async function seen(test: TestClient, stranger: TestClient): Promise<{ waiting: number[]; texts: string[]; listed: number }> {
  const [requests, listed] = [await test.client.requests(), await test.client.conversations()]
  // Asking for the conversation would begin one.
  const texts = requests.length === 0 ? [] : await textsOf(test, stranger)
  return { waiting: requests.map(({ messages }) => messages), texts, listed: listed.length }
}

const senderOf = (delivery: { readonly envelope: Uint8Array }): string => viewEnvelope(delivery.envelope).device

async function* inPieces(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield await Promise.resolve(piece)
}

const NOTHING = { waiting: [], texts: [], listed: 0 }
const changes = (test: TestClient): ClientEvents['request-changed'][] =>
  test.log.filter(({ name }) => name === 'request-changed').map(({ event }) => event as ClientEvents['request-changed'])

describe('a request that was declined on one device', () => {
  it('goes from the lists of the others, with what it said, and is listed nowhere', async () => {
    const { clock, alice, phone, laptop } = await scene()
    const id = await say(alice, phone, 'the secret of the stranger')
    expect([(await seen(phone, alice)).waiting, (await seen(laptop, alice)).waiting]).toEqual([[1], [1]])
    await phone.client.decline(id)
    await clock.advance(5_000)
    expect([await seen(phone, alice), await seen(laptop, alice), changes(laptop)]).toEqual([NOTHING, NOTHING, [{ conversation: id, status: 'declined' }]])
    const rows = await laptop.store.list('messages', { limit: 1_000 })
    expect(rows.some(({ value }) => Buffer.from(value).includes('the secret'))).toBe(false)
    expect(laptop.log.filter(({ name }) => name === 'gap' || name === 'fault')).toEqual([])
  })

  it('does not show on one that was away, in whatever order it hears of message and decision, and what comes behind it is a new request on all', async () => {
    for (const hears of ['message first', 'decision first'] as const) {
      const { clock, server, alice, phone, laptop, laptopDisk } = await scene()
      if (hears === 'decision first') server.lies.route = (delivery, device) => (device === laptop.client.device && senderOf(delivery) === alice.client.device ? [] : [delivery])
      else laptop.link.down()
      const id = await say(alice, phone, 'hello?')
      await phone.client.decline(id)
      await clock.advance(5_000)
      server.lies = {}
      laptop.link.down()
      laptop.link.up()
      await clock.advance(10_000)
      expect([hears, await seen(laptop, alice)]).toEqual([hears, NOTHING])
      await say(alice, phone, 'once more')
      await clock.advance(5_000)
      for (const device of [phone, laptop]) expect([hears, await seen(device, alice)]).toEqual([hears, { waiting: [1], texts: ['once more'], listed: 0 }])
      // A new process goes on with what the disk says.
      await laptop.client.close()
      const again = await asking(server, new MortalStore(laptopDisk), 'bob')
      expect([hears, await seen(again, alice)]).toEqual([hears, { waiting: [1], texts: ['once more'], listed: 0 }])
    }
  })

  it('shows the same on all devices in the end, whatever each of them heard and said meanwhile', async () => {
    for (let seed = 0; seed < 5; seed++) {
      const random = new SeededRandom(`declined ${String(seed)}`)
      const pick = (below: number): number => Math.min(below - 1, Math.floor(unitInterval(random) * below))
      const { clock, alice, phone, laptop } = await scene()
      const declined = new Set<string>()
      let sinceDeclined: string[] = []
      for (let step = 0; step < 14; step++) {
        const device = pick(2) === 0 ? phone : laptop
        const dice = pick(8)
        if (dice < 4) {
          await say(alice, phone, `${String(seed)}-${String(step)}`)
          sinceDeclined.push(`${String(seed)}-${String(step)}`)
        } else if (dice === 4) device.link.down()
        else if (dice === 5) device.link.up()
        else {
          const [request] = await device.client.requests()
          if (request === undefined) continue
          for (const text of (await seen(device, alice)).texts) declined.add(text)
          await device.client.decline(request.conversation)
          sinceDeclined = []
        }
        await clock.advance(pick(4_000))
      }
      for (const device of [phone, laptop]) device.link.up()
      await clock.advance(30_000)
      const [here, there] = [await seen(phone, alice), await seen(laptop, alice)]
      expect([seed, here]).toEqual([seed, there])
      expect([seed, here.texts.filter((text) => declined.has(text))]).toEqual([seed, []])
      expect([seed, sinceDeclined.filter((text) => !here.texts.includes(text))]).toEqual([seed, []])
      expect([seed, here.waiting, here.listed]).toEqual([seed, here.texts.length === 0 ? [] : [here.texts.length], 0])
    }
  }, 60_000)

  it('does not come back with an archive that was made before', async () => {
    const { clock, server, alice, phone, laptop } = await scene()
    const id = await say(alice, phone, 'hello?')
    const { bytes } = await phone.core.archives.draft()
    const pieces: Uint8Array[] = []
    for await (const piece of bytes) pieces.push(piece)
    await phone.client.decline(id)
    await clock.advance(5_000)
    const late = await asking(server, new MemoryStore(), 'bob')
    await clock.advance(20_000)
    expect(await seen(late, alice)).toEqual(NOTHING)
    for (const device of [late, laptop]) {
      const counts = await device.core.archives.import(inPieces(pieces))
      await clock.advance(5_000)
      expect([await seen(device, alice), counts.messages]).toEqual([NOTHING, 0])
    }
  })
})
