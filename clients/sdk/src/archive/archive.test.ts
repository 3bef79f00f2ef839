import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { concatBytes, decodeEnvelope, hexOf, isEvegramError, utf8 } from '@evegram/protocol'
import type { Conversation } from '../conversation.js'
import type { LocalStore, StoreTable } from '../store/local-store.js'
import { MemoryStore } from '../store/memory.js'
import { openSqliteStore } from '../store/sqlite.js'
import { FakeServer } from '../sync/testing/fake-server.js'
import { openTestClient, testWallet, textsOf, type TestClient } from '../sync/testing/test-client.js'
import { rest, VirtualClock } from '../sync/testing/virtual-clock.js'
import { ARCHIVE_MAGIC, ARCHIVE_VERSION, encodeRecord, readRecords, type ArchiveRecord } from './archive-frame.js'
import { listArchivedGaps } from './archived-gap.js'
import { ARCHIVED_ROWS, writeArchive } from './collect-archive.js'

interface Scene {
  readonly server: FakeServer
  readonly clock: VirtualClock
  readonly phone: TestClient
  readonly bob: TestClient
}

async function scene(): Promise<Scene> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const phone = await openTestClient(server, new MemoryStore(), testWallet('alice'))
  const bob = await openTestClient(server, new MemoryStore(), testWallet('bob', 'terra'))
  return { server, clock, phone, bob }
}

const another = (server: FakeServer): Promise<TestClient> => openTestClient(server, new MemoryStore(), testWallet('alice'))

const folders: string[] = []
/** A store on disk, in a folder that goes with the test file. */
function sqliteStore(): Promise<LocalStore> {
  const folder = mkdtempSync(join(tmpdir(), 'evegram-archive-'))
  folders.push(folder)
  return openSqliteStore(folder)
}
afterAll(() => { for (const folder of folders) rmSync(folder, { recursive: true }) })

async function say(from: TestClient, to: TestClient, ...texts: readonly string[]): Promise<void> {
  for (const text of texts) await (await (await from.client.conversation(to.client.account)).send(text)).acked
  await rest()
}

async function archiveOf(test: TestClient): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of (await test.core.archives.draft()).bytes) pieces.push(piece)
  return concatBytes(...pieces)
}

async function* inPieces(bytes: Uint8Array, length = 1_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield await Promise.resolve(bytes.subarray(at, at + length))
}

async function recordsOf(bytes: Uint8Array): Promise<ArchiveRecord[]> {
  const records: ArchiveRecord[] = []
  for await (const record of readRecords(inPieces(bytes, 7))) records.push(record)
  return records
}

function bytesOf(records: readonly ArchiveRecord[]): Uint8Array {
  return concatBytes(ARCHIVE_MAGIC, ...records.map(encodeRecord))
}

const messagesOf = (test: TestClient): unknown[] => test.log.filter(({ name }) => name === 'message')

describe('an archive', () => {
  it('brings to a new device what was said before it came, in the same order, and tells nothing of it as new', async () => {
    const { server, phone, bob } = await scene()
    await say(phone, bob, 'one')
    await say(bob, phone, 'two')
    await say(phone, bob, 'three')
    const laptop = await another(server)
    expect(await textsOf(laptop, bob)).toEqual([])
    expect(await laptop.core.archives.import(inPieces(await archiveOf(phone)))).toMatchObject({ messages: 3, known: 0, conversations: 0, skipped: 0 })
    expect(await textsOf(laptop, bob)).toEqual(['one', 'two', 'three'])
    expect(messagesOf(laptop)).toEqual([])
    const shown = await (await laptop.client.conversation(bob.client.account)).history()
    expect(shown.map(({ fromArchive, direction, state, arrival }) => ({ fromArchive, direction, state, arrival }))).toEqual([
      { fromArchive: true, direction: 'out', state: 'sent', arrival: 0 }, { fromArchive: true, direction: 'in', state: 'received', arrival: 0 },
      { fromArchive: true, direction: 'out', state: 'sent', arrival: 0 },
    ])
    // And the device goes on from there.
    await say(laptop, bob, 'four')
    await say(bob, phone, 'five')
    for (const test of [laptop, phone, bob]) expect(await textsOf(test, test === bob ? phone : bob)).toEqual(['one', 'two', 'three', 'four', 'five'])
  })

  it('that is imported again, or after another one, changes nothing', async () => {
    const { server, phone, bob } = await scene()
    await say(phone, bob, 'one', 'two')
    const first = await archiveOf(phone)
    await say(bob, phone, 'three')
    const second = await archiveOf(phone)
    const laptop = await another(server)
    await laptop.core.archives.import(inPieces(second))
    const before = await (await laptop.client.conversation(bob.client.account)).history()
    expect(await laptop.core.archives.import(inPieces(first))).toMatchObject({ messages: 0, known: 2 })
    expect(await laptop.core.archives.import(inPieces(second))).toMatchObject({ messages: 0, known: 3 })
    expect(await (await laptop.client.conversation(bob.client.account)).history()).toEqual(before)
  })

  it('never replaces what the device read itself', async () => {
    const { server, phone, bob } = await scene()
    const laptop = await another(server)
    await say(bob, phone, 'as it was said')
    const records = await recordsOf(await archiveOf(phone))
    const forged = bytesOf(records.map((record) => (record.type === 'message' ? { ...record, fields: { ...record.fields, text: 'as somebody has it' } } : record)))
    expect(await laptop.core.archives.import(inPieces(forged))).toMatchObject({ messages: 0, known: 1 })
    expect(await textsOf(laptop, bob)).toEqual(['as it was said'])
  })

  it('gives way to the message itself when that comes later, which is then not told a second time; its chain is whole', async () => {
    const { server, clock, phone, bob } = await scene()
    const laptop = await another(server)
    await say(bob, phone, 'one')
    server.lies.deliver = (delivery, to) => (to === laptop.client.device && decodeEnvelope(delivery.envelope).number === 2 ? [] : [delivery])
    await say(bob, phone, 'two')
    await laptop.core.archives.import(inPieces(await archiveOf(phone)))
    expect((await (await laptop.client.conversation(bob.client.account)).history()).map(({ text, fromArchive }) => [text, fromArchive === true])).toEqual([['one', false], ['two', true]])
    server.lies = {}
    await say(bob, phone, 'three')
    await clock.advance(10_000)
    expect((await (await laptop.client.conversation(bob.client.account)).history()).map(({ text, fromArchive }) => [text, fromArchive === true]))
      .toEqual([['one', false], ['two', false], ['three', false]])
    expect(messagesOf(laptop).length).toBe(2)
    expect(laptop.refusals()).toEqual([])
    expect(laptop.log.filter(({ name }) => name === 'gap')).toEqual([])
  })

  it('brings groups, channels with their posts, and marks of verified contacts', async () => {
    const { server, phone, bob } = await scene()
    const group = await phone.client.createGroup('gate', [bob.client.account])
    await (await group.send('to all')).acked
    const channel = await phone.client.createChannel({ name: 'news' })
    await channel.post('posted')
    await phone.client.conversation(bob.client.account)
    await phone.client.markVerified(bob.client.account)
    await rest()
    const laptop = await another(server)
    const counts = await laptop.core.archives.import(inPieces(await archiveOf(phone)))
    expect(counts).toMatchObject({ channels: 1, posts: 1, verified: 1, skipped: 0 })
    await rest()
    const [copy] = await laptop.client.groups()
    expect([await copy?.name(), (await copy?.history())?.map(({ text }) => text)]).toEqual(['gate', ['to all']])
    expect((await laptop.client.verify(bob.client.account)).verified).toBe(true)
    const [followed] = await laptop.client.channels()
    expect([await followed?.name(), (await followed?.posts())?.map(({ text }) => text)]).toEqual(['news', ['posted']])
    await channel.post('posted later')
    await rest()
    expect((await followed?.posts())?.map(({ text }) => text)).toEqual(['posted', 'posted later'])
  })

  it.each([['in memory', (): Promise<LocalStore> => Promise.resolve(new MemoryStore())], ['in SQLite', sqliteStore]])('brings contacts, settings, drafts, read markers and flags, and tells them to other own devices (%s)', async (_name, newStore) => {
    const { server, clock, phone, bob } = await scene()
    await say(bob, phone, 'one', 'two')
    const talk = await phone.client.conversation(bob.client.account)
    const [first] = await talk.history()
    await phone.client.contacts.rename(bob.client.account, 'Bob of the harbour')
    await phone.client.settings.set('theme', 'dark')
    await talk.setDraft('not yet')
    await talk.markRead(first?.messageId ?? '')
    await rest()
    const bytes = await archiveOf(phone)
    // Nobody can tell the others but what was restored.
    phone.link.down()
    const tablet = await openTestClient(server, await newStore(), testWallet('alice'))
    const laptop = await openTestClient(server, await newStore(), testWallet('alice'))
    await clock.advance(1_000)
    expect((await laptop.client.contacts.get(bob.client.account)).name).toBeUndefined()
    expect((await laptop.core.archives.import(inPieces(bytes))).registers).toBeGreaterThanOrEqual(4)
    await clock.advance(120_000)
    for (const test of [laptop, tablet]) {
      const copy = await test.client.conversation(bob.client.account)
      expect([
        (await test.client.contacts.get(bob.client.account)).name, (await test.client.settings.all()).theme, await copy.draft(), await copy.unread(),
      ]).toEqual(['Bob of the harbour', 'dark', 'not yet', test === laptop ? 1 : 0])
    }
    // Once more brings nothing.
    expect((await laptop.core.archives.import(inPieces(bytes))).registers).toBe(0)
    for (const test of [laptop, tablet]) await test.client.close()
  })

  it('brings what strangers wrote as requests, and follows what was decided about them', async () => {
    const { server, clock, phone } = await scene()
    const open = (name: string): Promise<TestClient> => openTestClient(server, new MemoryStore(), testWallet(name), undefined, undefined, 'ask')
    const asking = await open('alice')
    const [eve, mallory, trent] = [await open('eve'), await open('mallory'), await open('trent')]
    for (const stranger of [eve, mallory, trent]) await say(stranger, phone, 'hello', 'it is me')
    await asking.client.accept((await asking.client.conversation(trent.client.account)).id)
    await rest()
    const bytes = await archiveOf(asking)
    const laptop = await open('alice')
    await clock.advance(120_000)
    await laptop.core.archives.import(inPieces(bytes))
    expect((await laptop.client.requests()).map(({ account, messages }) => [account, messages]).sort()).toEqual([[eve.client.account, 2], [mallory.client.account, 2]].sort())
    const strange = async (test: TestClient, from: TestClient): Promise<unknown> => (await (await test.client.conversation(from.client.account)).history()).map(({ text, stranger }) => [text, stranger === true])
    expect(await strange(laptop, eve)).toEqual([['hello', true], ['it is me', true]])
    expect(await strange(laptop, trent)).toEqual([['hello', false], ['it is me', false]])
    await asking.client.block(mallory.client.account)
    await asking.client.accept((await asking.client.conversation(eve.client.account)).id)
    await clock.advance(120_000)
    expect(await laptop.client.requests()).toEqual([])
    expect(await strange(laptop, eve)).toEqual([['hello', false], ['it is me', false]])
  })

  it('of version 1 is still read, and one of a newer version is refused by name', async () => {
    const { server, phone, bob } = await scene()
    await say(phone, bob, 'one')
    const first = (await recordsOf(await archiveOf(phone))).filter(({ type }) => type !== 'register' && type !== 'end')
    const old = concatBytes(utf8('EVGARCH'), Uint8Array.of(1), ...[...first, { type: 'end', fields: { records: first.length, messages: 1 } }].map(encodeRecord))
    const laptop = await another(server)
    expect(await laptop.core.archives.import(inPieces(old))).toMatchObject({ messages: 1, registers: 0, skipped: 0 })
    const newer = concatBytes(utf8('EVGARCH'), Uint8Array.of(ARCHIVE_VERSION + 1), old.subarray(8))
    await expect(laptop.core.archives.import(inPieces(newer))).rejects.toMatchObject({ code: 'incompatible.schema' })
  })

  it('names the gaps that its device had, until the messages come', async () => {
    const { server, clock, phone, bob } = await scene()
    await say(bob, phone, 'one')
    server.lies.deliver = (delivery, to) => (to === phone.client.device && [2, 3].includes(decodeEnvelope(delivery.envelope).number) ? [] : [delivery])
    server.lies.send = (envelope, from) => (from === phone.client.device && decodeEnvelope(envelope).kind === 2 ? { status: 'refused', failure: { code: 'limited.rate', message: '' } } : undefined)
    await say(bob, phone, 'two', 'three', 'four')
    await clock.advance(10_000)
    const laptop = await another(server)
    await laptop.core.archives.import(inPieces(await archiveOf(phone)))
    const { id } = await laptop.client.conversation(bob.client.account)
    expect((await listArchivedGaps(laptop.store, id)).map(({ from, to, reason }) => ({ from, to, reason }))).toEqual([{ from: 2, to: 3, reason: 'withheld' }])
    server.lies = {}
    await clock.advance(3_600_000)
    await laptop.core.archives.import(inPieces(await archiveOf(phone)))
    expect(await textsOf(laptop, bob)).toEqual(['one', 'two', 'three', 'four'])
    expect(await listArchivedGaps(laptop.store, id)).toEqual([])
  })

  it('brings what was said about a message, together with what came to the new device before the message did', async () => {
    const { server, phone, bob } = await scene()
    await say(phone, bob, 'first')
    const of = async (test: TestClient, peer: TestClient): Promise<Conversation> => test.client.conversation(peer.client.account)
    const [sent] = await (await of(phone, bob)).history()
    if (sent === undefined) throw new Error('nothing was sent')
    await (await of(phone, bob)).edit(sent.messageId, 'second')
    await rest()
    const laptop = await another(server)
    await (await of(bob, phone)).react(sent.messageId, '👍')
    await rest()
    expect(await (await of(laptop, bob)).history()).toEqual([])
    await laptop.core.archives.import(inPieces(await archiveOf(phone)))
    const [copy] = await (await of(laptop, bob)).history()
    expect([copy?.text, copy?.editedAtMs !== undefined, copy?.reactions]).toEqual(['second', true, [{ emoji: '👍', by: [bob.client.account] }]])
    await (await of(phone, bob)).edit(sent.messageId, 'third')
    await rest()
    expect(await textsOf(laptop, bob)).toEqual(['third'])
  })

  it('leaves out what still waits for the server', async () => {
    const { server, phone, bob } = await scene()
    await say(phone, bob, 'sent')
    phone.link.down()
    await (await phone.client.conversation(bob.client.account)).send('waits')
    const records = await recordsOf(await archiveOf(phone))
    expect(records.filter(({ type }) => type === 'message').map(({ fields }) => fields['text'])).toEqual(['sent'])
    const laptop = await another(server)
    await laptop.core.archives.import(inPieces(bytesOf(records)))
    phone.link.up()
    await rest()
    expect(await textsOf(laptop, bob)).toEqual(['sent', 'waits'])
  })
})

describe('what is in an archive', () => {
  it('is read from the named tables alone, and holds no byte of a key, a session or a token', async () => {
    const { phone, bob } = await scene()
    await say(phone, bob, 'one')
    await say(bob, phone, 'two')
    const group = await phone.client.createGroup('gate', [bob.client.account])
    await (await group.send('to all')).acked
    await rest()
    const bytes = await archiveOf(phone)
    const text = hexOf(bytes)
    const secrets: string[] = []
    for (const table of ['sessions', 'prekeys', 'meta'] satisfies StoreTable[]) {
      for (const { key, value } of await phone.store.list(table, { limit: 10_000 })) {
        // Other rows hold ids, which are no secret. Of any 32 bytes in a row, one of these pieces lies within.
        const isSecret = table === 'meta' ? key === 'signal/device' : !key.startsWith('signal/sender-key-holders/')
        for (let at = 0; isSecret && at + 24 <= value.length; at += 8) secrets.push(hexOf(value.subarray(at, at + 24)))
      }
    }
    const { identity, signing } = phone.core.core.keys
    for (const key of [identity.privateKey, signing.privateKey]) secrets.push(hexOf(key))
    expect(secrets).toContain(hexOf((await phone.store.get('meta', 'signal/device') ?? new Uint8Array(0)).subarray(64, 88)))
    expect(secrets.length).toBeGreaterThan(100)
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([])
  })

  it('is what the list of archived rows says', async () => {
    const { phone, bob } = await scene()
    await say(phone, bob, 'one')
    const read: string[] = []
    const store = {
      get: (table: StoreTable, key: string) => { read.push(`${table} ${key}`); return phone.store.get(table, key) },
      list: (table: StoreTable, range: Parameters<TestClient['store']['list']>[1]) => { read.push(`${table} ${range.from ?? ''}`); return phone.store.list(table, range) },
      commit: () => Promise.reject(new Error('an archive writes nothing')), close: () => Promise.resolve(),
    }
    const { header } = await phone.core.archives.draft()
    for await (const piece of writeArchive(store, header)) expect(piece.length).toBeGreaterThan(0)
    expect(read.length).toBeGreaterThan(5)
    const isListed = (entry: string): boolean => entry.startsWith('handled ') || ARCHIVED_ROWS.some(([table, prefix]) => entry.startsWith(`${table} ${prefix}`))
    expect(read.filter((entry) => !isListed(entry))).toEqual([])
    expect(new Set(ARCHIVED_ROWS.map(([table]) => table))).toEqual(new Set(['state', 'accounts', 'conversations', 'messages', 'chains', 'history', 'channels']))
  })

  it('keeps fields that this version does not know', async () => {
    const { server, phone, bob } = await scene()
    await say(phone, bob, 'one')
    const records = await recordsOf(await archiveOf(phone))
    const newer = records.map((record) => (record.type === 'message' ? { ...record, fields: { ...record.fields, mood: 'good' } } : record))
    const laptop = await another(server)
    const withNew = [...newer.slice(0, -1), { type: 'dream', fields: { of: 'sheep' } }, { type: 'end', fields: { records: newer.length, messages: 1 } }]
    expect(await laptop.core.archives.import(inPieces(bytesOf(withNew)))).toMatchObject({ messages: 1, skipped: 1 })
    const again = await recordsOf(await archiveOf(laptop))
    expect(again.find(({ type }) => type === 'message')?.fields).toMatchObject({ text: 'one', mood: 'good' })
  })
})

describe('importing', () => {
  it('refuses an archive of another account before it writes anything', async () => {
    const { server, phone, bob } = await scene()
    await say(phone, bob, 'one')
    const carol = await openTestClient(server, new MemoryStore(), testWallet('carol'))
    await expect(carol.core.archives.import(inPieces(await archiveOf(phone)))).rejects.toMatchObject({ code: 'archive.other_account' })
    expect(await carol.store.list('messages', { limit: 10 })).toEqual([])
  })

  it('goes on where it was interrupted', async () => {
    const { server, phone, bob } = await scene()
    await say(phone, bob, ...Array.from({ length: 150 }, (_, index) => `message ${String(index)}`))
    const bytes = await archiveOf(phone)
    const laptop = await another(server)
    const stop = new AbortController()
    const seen: number[] = []
    await expect(laptop.core.archives.import(inPieces(bytes), {
      id: 'x', signal: stop.signal, onProgress: ({ messages }) => { seen.push(messages); stop.abort(new Error('stopped')) },
    })).rejects.toThrow('stopped')
    expect(seen).toEqual([127])
    const counts = await laptop.core.archives.import(inPieces(bytes), { id: 'x', onProgress: ({ messages }) => { seen.push(messages) } })
    expect([counts.messages, counts.known, seen[1]]).toEqual([150, 0, 150])
    expect((await textsOf(laptop, bob)).length).toBe(150)
    expect(await laptop.store.get('history', 'import/x')).toBeUndefined()
  })

  it('names damage, and takes any bytes without another failure', async () => {
    const { server, phone, bob } = await scene()
    await say(phone, bob, 'one')
    await say(bob, phone, 'two')
    const bytes = await archiveOf(phone)
    const laptop = await another(server)
    const outcome = async (changed: Uint8Array): Promise<string> => {
      try {
        await laptop.core.archives.import(inPieces(changed, 64))
        return 'imported'
      } catch (error) {
        return isEvegramError(error) ? error.code : `no EvegramError: ${String(error)}`
      }
    }
    await fc.assert(fc.asyncProperty(fc.nat(bytes.length - 1), async (length) => {
      expect(await outcome(bytes.subarray(0, length))).toBe('invalid.archive')
    }), { numRuns: 60 })
    await fc.assert(fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const changed = bytes.slice()
      changed[at] = (changed[at] ?? 0) ^ flip
      expect(['imported', 'invalid.archive', 'invalid.cbor', 'invalid.hex', 'invalid.id', 'archive.other_account', 'incompatible.schema']).toContain(await outcome(changed))
    }), { numRuns: 300 })
    expect(await outcome(concatBytes(bytes, Uint8Array.of(0)))).toBe('invalid.archive')
    expect(await outcome(bytesOf([{ type: 'begin', fields: {} }]))).toBe('invalid.archive')
  })
})
