import { describe, expect, it } from 'vitest'
import type { MessageId } from '@evegram/protocol'
import type { Conversation } from '../conversation.js'
import { MemoryStore } from '../store/memory.js'
import { SENT_KEPT_MS } from './sent-record.js'
import { FakeServer } from './testing/fake-server.js'
import { tablesWith } from './testing/tables-with.js'
import { openTestClient, testWallet, type TestClient } from './testing/test-client.js'
import { rest, VirtualClock } from './testing/virtual-clock.js'

interface Scene {
  readonly clock: VirtualClock
  readonly server: FakeServer
  /** Two devices of Alice, and one of Bob. */
  readonly phone: TestClient
  readonly laptop: TestClient
  readonly bob: TestClient
}

async function scene(): Promise<Scene> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const phone = await openTestClient(server, new MemoryStore(), testWallet('alice'))
  const laptop = await openTestClient(server, new MemoryStore(), testWallet('alice'))
  await clock.advance(20_000)
  return { clock, server, phone, laptop, bob: await openTestClient(server, new MemoryStore(), testWallet('bob', 'ton')) }
}

const between = (test: TestClient, { phone, bob }: Scene): Promise<Conversation> => test.client.conversation((test.client.account === bob.client.account ? phone : bob).client.account)

async function say(test: TestClient, of: Scene, text: string, replyTo?: MessageId): Promise<MessageId> {
  const sent = await (await between(test, of)).send(text, replyTo === undefined ? {} : { replyTo })
  await sent.acked
  await rest()
  return sent.messageId
}

/** Whoever sits at the device reads everything. */
async function read(test: TestClient, of: Scene): Promise<void> {
  const last = (await (await between(test, of)).history()).at(-1) ?? expect.fail('a message')
  await test.core.core.local.write((tx) => test.core.core.state.raiseRead(tx, last.conversation, { order: last.order, device: last.fromDevice, epoch: last.epoch, number: last.number }))
  await rest()
}

/** Where a device still has `text`: in its rows, in what search finds, in an archive or an export that it makes now. */
async function placesWith(test: TestClient, text: string): Promise<string[]> {
  const { bytes } = await test.core.archives.draft()
  const pieces: Uint8Array[] = []
  for await (const piece of bytes) pieces.push(piece)
  const found: string[] = await tablesWith(test, text)
  if (Buffer.concat(pieces).includes(text)) found.push('archive')
  if ((await new Response(test.client.exportData()).text()).includes(text)) found.push('export')
  if ((await test.client.search(text)).messages.length > 0) found.push('search')
  return found
}

describe('what is gone', () => {
  it('is nowhere on any device: deleted for everybody or disappeared, edited on another own device, and answered', async () => {
    const world = await scene()
    const { clock, phone, laptop, bob } = world
    const first = await say(phone, world, 'the secret of the text')
    await (await between(laptop, world)).edit(first, 'the secret of the edit')
    await rest()
    await say(bob, world, 'an answer', first)
    // What the laptop read of the phone it keeps for who asks once the phone is revoked.
    expect(await placesWith(laptop, 'the secret of the text')).toEqual(['healing'])
    expect(await placesWith(laptop, 'the secret of the edit')).toEqual(['messages', 'healing', 'archive', 'export', 'search'])
    // The phone hears of the deletion later.
    phone.link.down()
    await (await between(laptop, world)).deleteForEveryone(first)
    await rest()
    phone.link.up()
    await clock.advance(5_000)
    for (const test of [phone, laptop, bob]) expect(await placesWith(test, 'the secret')).toEqual([])

    await (await between(phone, world)).setTimer(60)
    await rest()
    const second = await say(phone, world, 'the secret that goes')
    await say(bob, world, 'the secret of Bob that goes', second)
    await (await between(phone, world)).edit(second, 'the secret that goes, edited')
    await rest()
    expect(await placesWith(laptop, 'the secret that goes')).toEqual(['messages', 'healing', 'export', 'search'])
    for (const test of [phone, bob]) await read(test, world)
    await clock.advance(200_000)
    for (const test of [phone, laptop, bob]) expect([await placesWith(test, 'the secret'), await placesWith(test, 'an answer')]).toEqual([[], expect.arrayContaining(['messages'])])
    for (const test of [phone, laptop, bob]) expect([test.refusals(), test.log.filter(({ name }) => name === 'gap' || name === 'fault')]).toEqual([[], []])
  })

  it('is what an edit said that waited for the server while its message disappeared', async () => {
    const world = await scene()
    const { clock, phone, laptop, bob } = world
    await (await between(phone, world)).setTimer(60)
    await rest()
    const message = await say(phone, world, 'the secret that goes')
    await read(bob, world)
    phone.link.down()
    const { acked } = await (await between(phone, world)).edit(message, 'the secret of the edit')
    await clock.advance(100_000)
    expect(await placesWith(phone, 'the secret')).toEqual(['healing'])
    phone.link.up()
    await acked
    await clock.advance(20_000)
    for (const test of [phone, laptop, bob]) expect(await placesWith(test, 'the secret')).toEqual([])
  })

  it('holds up nothing: what was said before the peer had another device, and is kept no more, goes to those it was made for', async () => {
    const world = await scene()
    const { clock, server, phone, bob } = world
    await (await between(phone, world)).setTimer(60)
    await rest()
    const message = await say(phone, world, 'the secret that goes')
    phone.link.down()
    const conversation = await between(phone, world)
    const waiting = [await conversation.edit(message, 'the secret of the edit'), await conversation.deleteForEveryone(message)]
    // Deleted, and then disappeared: nobody knows any more that the edit still waits.
    await clock.advance(100_000)
    const tablet = await openTestClient(server, new MemoryStore(), testWallet('bob', 'ton'))
    await clock.advance(20_000)
    phone.link.up()
    await clock.advance(60_000)
    await Promise.all(waiting.map(({ acked }) => acked))
    await say(phone, world, 'what comes after')
    await clock.advance(20_000)
    for (const test of [bob, tablet]) expect((await (await between(test, world)).history()).at(-1)?.text).toBe('what comes after')
  })

  it('is what was kept for sending again, after seven days, also where nothing is said any more; what waits for the server stays', async () => {
    const world = await scene()
    const { clock, phone, laptop, bob } = world
    await say(phone, world, 'kept by phone and laptop')
    await say(bob, world, 'kept by Bob')
    phone.link.down()
    const { acked } = await (await between(phone, world)).send('waits for the server')
    expect(await tablesWith(laptop, 'kept by')).toEqual(['messages', 'healing'])
    const away = async (ms: number): Promise<void> => {
      for (const test of [phone, laptop, bob]) test.link.down()
      await clock.advance(ms)
      for (const test of [laptop, bob]) test.link.up()
      await clock.advance(20_000)
    }
    await away(SENT_KEPT_MS - 3_600_000)
    expect(await tablesWith(laptop, 'kept by')).toEqual(['messages', 'healing'])
    await away(3 * 3_600_000)
    // What waits is as old, and its device is the only one that was not here since.
    for (const test of [laptop, bob]) expect(await tablesWith(test, 'kept by')).toEqual(['messages'])
    phone.link.up()
    await acked
    await clock.advance(20_000)
    expect(await tablesWith(phone, 'kept by')).toEqual(['messages'])
    expect([await tablesWith(phone, 'waits for'), (await (await between(bob, world)).history()).at(-1)?.text]).toEqual([['messages', 'healing'], 'waits for the server'])
  })
})
