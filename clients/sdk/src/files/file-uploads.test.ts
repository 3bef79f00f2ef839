import { describe, expect, it } from 'vitest'
import { concatBytes, utf8 } from '@evegram/protocol'
import { FakeBlobs } from '../backup/testing/fake-blobs.js'
import type { LocalStore, StoreTable } from '../store/local-store.js'
import { MemoryStore } from '../store/memory.js'
import { FakeServer } from '../sync/testing/fake-server.js'
import { MortalStore } from '../sync/testing/mortal-store.js'
import { openTestClient, testWallet, type TestClient } from '../sync/testing/test-client.js'
import { rest, VirtualClock } from '../sync/testing/virtual-clock.js'
import { bytesOfStream } from './bytes-of-stream.js'
import type { FileSource } from './file-source.js'

const aliceWallet = testWallet('alice')
const bobWallet = testWallet('bob', 'terra')
/** More than two pieces of 1 MiB. */
const CONTENT = Uint8Array.from({ length: 2_500_000 }, (_, at) => (at * 2_654_435_761) >>> 24)

/** A file that tells how often it was read. */
function source(reads: { count: number } = { count: 0 }): FileSource {
  return {
    name: 'C:\\films\\harbour.mp4', type: 'video/MP4',
    async* stream() {
      reads.count += 1
      for (let at = 0; at < CONTENT.length; at += 300_000) yield CONTENT.subarray(at, at + 300_000)
    },
  }
}

async function scene(): Promise<{ clock: VirtualClock; blobs: FakeBlobs; disk: LocalStore; alice: TestClient; bob: TestClient; readonly openAlice: () => Promise<TestClient> }> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const blobs = new FakeBlobs()
  const disk = new MemoryStore()
  const open = (store: LocalStore, wallet: typeof aliceWallet): Promise<TestClient> => openTestClient(server, store, wallet, server.api(), undefined, undefined, blobs)
  const openAlice = (): Promise<TestClient> => open(new MortalStore(disk), aliceWallet)
  return { clock, blobs, disk, alice: await openAlice(), bob: await open(new MemoryStore(), bobWallet), openAlice }
}

/** Lets passing failures be tried again until nothing waits. */
async function settle(clock: VirtualClock, test: TestClient): Promise<void> {
  for (let tries = 0; test.client.pending > 0 && tries < 30; tries++) await clock.advance(1_000)
  expect(test.client.pending).toBe(0)
  await rest()
}

async function shownTo(reader: TestClient): Promise<readonly { readonly text: string; readonly files: readonly { name: string; type: string; size: number }[] }[]> {
  const messages = await (await reader.client.conversation(aliceWallet.address)).history()
  return messages.map(({ text, files }) => ({ text, files: (files ?? []).map(({ name, type, size }) => ({ name, type, size })) }))
}

async function fetched(reader: TestClient): Promise<Uint8Array> {
  const [message] = await (await reader.client.conversation(aliceWallet.address)).history()
  if (message === undefined) throw new Error('nothing was said')
  const parts: Uint8Array[] = []
  for await (const bytes of bytesOfStream(reader.client.download(message, 0))) parts.push(bytes)
  return concatBytes(...parts)
}

const TABLES: readonly StoreTable[] = [
  'meta', 'sessions', 'prekeys', 'accounts', 'conversations', 'messages', 'handled', 'chains', 'outbox', 'healing', 'payments', 'channels', 'files', 'state', 'history',
]

/** Tables of a profile whose rows hold `bytes` in clear. */
async function tablesWith(test: TestClient, bytes: Uint8Array): Promise<StoreTable[]> {
  const found: StoreTable[] = []
  for (const table of TABLES) {
    const rows = await test.store.list(table, { limit: 10_000 })
    if (rows.some(({ value }) => Buffer.from(value).includes(Buffer.from(bytes)))) found.push(table)
  }
  return found
}

const isCode = (code: string): unknown => expect.objectContaining({ code })
const SHOWN = [{ text: 'as promised', files: [{ name: 'harbour.mp4', type: 'video/mp4', size: CONTENT.length }] }]

describe('files in a message', () => {
  it('arrive as they were after a connection that broke twice: read once, said once, forgotten here', async () => {
    const { clock, blobs, disk, alice, bob } = await scene()
    const reads = { count: 0 }
    const told: number[] = []
    blobs.failAfter = 1
    const { message } = await (await alice.client.conversation(bobWallet.address)).sendFiles([source(reads)], { text: 'as promised', onProgress: ({ doneBytes }) => { told.push(doneBytes) } })
    await rest()
    expect(await shownTo(bob)).toEqual([])
    await clock.advance(5_000)
    blobs.failAfter = Infinity
    await settle(clock, alice)
    await (await message).acked
    await rest()
    expect(await shownTo(bob)).toEqual(SHOWN)
    expect(Buffer.from(await fetched(bob)).equals(Buffer.from(CONTENT))).toBe(true)
    expect(reads.count).toBe(1)
    expect(told).toEqual([...told].sort((left, right) => left - right))
    expect(await disk.list('files', { from: '', to: '~', limit: 10 })).toEqual([])
    expect(blobs.held.size).toBe(1)
  })

  it('go on in the next run, with the bytes that were sealed in the first', async () => {
    const { clock, blobs, alice, bob, openAlice } = await scene()
    blobs.failAfter = 0
    const reads = { count: 0 }
    const { message } = await (await alice.client.conversation(bobWallet.address)).sendFiles([source(reads)], { text: 'as promised' })
    await rest()
    await alice.client.close()
    await expect(message).rejects.toEqual(isCode('client.closed'))
    blobs.failAfter = Infinity
    const again = await openAlice()
    await rest()
    await settle(clock, again)
    expect(again.log.filter(({ name }) => name === 'fault')).toEqual([])
    expect(await shownTo(bob)).toEqual(SHOWN)
    expect(Buffer.from(await fetched(bob)).equals(Buffer.from(CONTENT))).toBe(true)
    expect([reads.count, blobs.held.size]).toEqual([1, 1])
  })

  it('are not said when they were cancelled, and leave nothing here or there', async () => {
    const { clock, blobs, disk, alice, bob } = await scene()
    blobs.failAfter = 0
    const { upload, message } = await (await alice.client.conversation(bobWallet.address)).sendFiles([source()], {})
    await rest()
    await alice.client.cancelUpload(upload)
    await clock.advance(1_000)
    await expect(message).rejects.toEqual(isCode('files.cancelled'))
    expect([await shownTo(bob), await disk.list('files', { from: '', to: '~', limit: 10 }), blobs.held.size, alice.client.pending]).toEqual([[], [], 0, 0])
  })

  it('that the server changed give nothing but what was sent before the change', async () => {
    const { clock, blobs, alice, bob } = await scene()
    const { message } = await (await alice.client.conversation(bobWallet.address)).sendFiles([source()], { text: 'as promised' })
    await settle(clock, alice)
    await (await message).acked
    await rest()
    for (const held of blobs.held.values()) held.bytes = held.bytes.map((byte, at) => (at === 2_000_000 ? byte ^ 1 : byte))
    await expect(fetched(bob)).rejects.toEqual(isCode('e2ee.file_damaged'))
  })

  it('are refused where there are none, too many, or none stored', async () => {
    const { alice, bob } = await scene()
    const toBob = await alice.client.conversation(bobWallet.address)
    await expect(toBob.sendFiles([])).rejects.toEqual(isCode('invalid.argument'))
    await expect(toBob.sendFiles(Array.from({ length: 100 }, () => source()))).rejects.toEqual(isCode('invalid.argument'))
    await expect(toBob.sendFiles([{ name: 'gone', async* stream() { yield new Uint8Array(10); throw new Error('unplugged') } }])).rejects.toEqual(isCode('files.source'))
    const plain = await openTestClient(new FakeServer(new VirtualClock()), new MemoryStore(), bobWallet)
    await expect((await plain.client.conversation(plain.client.address)).sendFiles([source()])).rejects.toEqual(isCode('files.none'))
    expect(await shownTo(bob)).toEqual([])
  })

  it('can be said something else about, also where nothing was said first, and stay as they are', async () => {
    const { clock, alice, bob } = await scene()
    const mine = await alice.client.conversation(bobWallet.address)
    const { message } = await mine.sendFiles([source()], {})
    await settle(clock, alice)
    const { messageId } = await message
    for (const text of ['a harbour', 'Genoa, in the rain']) {
      await (await mine.edit(messageId, text)).acked
      await rest()
      expect(await shownTo(bob)).toEqual([{ ...SHOWN[0], text }])
    }
    expect(Buffer.from(await fetched(bob)).equals(Buffer.from(CONTENT))).toBe(true)
    await expect((await bob.client.conversation(aliceWallet.address)).edit(messageId, 'mine')).rejects.toThrow(isCode('denied.not_sender'))
    await expect(mine.edit(messageId, '')).rejects.toThrow(isCode('invalid.argument'))
  })

  it('are gone from a device when the message is deleted for everyone', async () => {
    const { clock, alice, bob } = await scene()
    const toBob = await alice.client.conversation(bobWallet.address)
    const { message } = await toBob.sendFiles([source()], { text: 'as promised' })
    await settle(clock, alice)
    const { messageId, acked } = await message
    await acked
    await rest()
    const [file] = (await toBob.history(1))[0]?.files ?? []
    const key = file?.key ?? new Uint8Array(32)
    expect([await tablesWith(alice, key), await tablesWith(bob, key)]).toEqual([expect.arrayContaining(['messages', 'healing']), ['messages']])
    await (await toBob.deleteForEveryone(messageId)).acked
    await rest()
    expect(await shownTo(bob)).toEqual([{ text: '', files: [] }])
    // Nor is there a key, a caption, or a piece that waits anywhere in the store of either side.
    for (const test of [alice, bob]) {
      expect([await tablesWith(test, key), await tablesWith(test, utf8('as promised')), await test.store.list('files', { limit: 10 })]).toEqual([[], [], []])
    }
  })
})
