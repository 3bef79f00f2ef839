import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js'
import { describe, expect, it } from 'vitest'
import { concatBytes, hexOf, LIMITS, utf8, type CborValue, encodeCbor, decodeCbor } from '@evegram/protocol'
import { EvegramClient } from '../evegram-client.js'
import { SeededRandom } from '../crypto/seeded-random.js'
import { MemoryStore } from '../store/memory.js'
import { FAKE_SERVER, FakeServer } from '../sync/testing/fake-server.js'
import { openTestClient, testWallet, textsOf, type TestClient } from '../sync/testing/test-client.js'
import { rest, VirtualClock } from '../sync/testing/virtual-clock.js'
import { BACKUP_PREFIX_BYTES, headBytesAfter } from './backup-head.js'
import { readWrap, unwrapKey, wrapFields, wrapWithCode, wrapWithPassphrase, type BackupSecret } from './backup-key.js'
import { formatRecoveryCode } from './recovery-code.js'
import { FakeBlobs } from './testing/fake-blobs.js'

/** Cheap: what scrypt costs is not tested here. */
const CHEAP = { log2n: 10, r: 8, p: 1 }
const random = new SeededRandom('backup tests')

interface Scene {
  readonly server: FakeServer
  readonly phone: TestClient
  readonly bob: TestClient
  readonly blobs: FakeBlobs
}

function withBlobs(test: TestClient, blobs: FakeBlobs): TestClient {
  return { ...test, client: new EvegramClient({ core: test.core, server: FAKE_SERVER, store: test.store, clock: test.core.core.clock, random: test.core.core.random, blobs }) }
}

async function scene(): Promise<Scene> {
  const server = new FakeServer(new VirtualClock())
  const blobs = new FakeBlobs()
  const phone = withBlobs(await openTestClient(server, new MemoryStore(), testWallet('alice')), blobs)
  const bob = await openTestClient(server, new MemoryStore(), testWallet('bob', 'terra'))
  return { server, phone, bob, blobs }
}

const another = async ({ server, blobs }: Scene): Promise<TestClient> => withBlobs(await openTestClient(server, new MemoryStore(), testWallet('alice')), blobs)

async function say(from: TestClient, to: TestClient, ...texts: readonly string[]): Promise<void> {
  for (const text of texts) await (await (await from.client.conversation(to.client.account)).send(text)).acked
  await rest()
}

async function fileOf(test: TestClient): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  await test.client.backup.toFile((bytes) => {
    pieces.push(bytes.slice())
    return Promise.resolve()
  })
  return concatBytes(...pieces)
}

async function* inPieces(bytes: Uint8Array, length = 10_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield await Promise.resolve(bytes.subarray(at, at + length))
}

const withCode = (code: string | undefined): BackupSecret => ({ kind: 'code', code: code ?? '' })

describe('a backup', () => {
  it('in a file is opened with its recovery code on a new device, which goes on with the same code', async () => {
    const all = await scene()
    const { phone, bob } = all
    await expect(fileOf(phone)).rejects.toMatchObject({ code: 'backup.none' })
    const code = await phone.client.backup.protect()
    await say(phone, bob, 'one')
    await say(bob, phone, 'two')
    const file = await fileOf(phone)
    expect(hexOf(file)).not.toContain(hexOf(utf8('two')))
    expect(await phone.client.backup.status()).toMatchObject({ openedWith: ['code'], last: { messages: 2, place: 'file' }, unfinished: false })
    const laptop = await another(all)
    expect(await laptop.client.backup.restore(inPieces(file), withCode(code))).toMatchObject({ messages: 2 })
    expect(await textsOf(laptop, bob)).toEqual(['one', 'two'])
    await say(laptop, bob, 'three')
    const tablet = await another(all)
    expect(await tablet.client.backup.restore(inPieces(await fileOf(laptop)), withCode(code))).toMatchObject({ messages: 3 })
    // Nothing of the work is left behind.
    const left = await phone.store.list('history', { limit: 100 })
    expect(left.map(({ key }) => key)).toEqual(['backup'])
  })

  it('at the server goes on after connections that broke, is stored once, and the oldest goes when there are too many', async () => {
    const all = await scene()
    const { phone, bob, blobs } = all
    const code = await phone.client.backup.protect()
    await say(phone, bob, ...Array.from({ length: 60 }, (_, index) => `${String(index)} ${'long '.repeat(6_000)}`))
    blobs.failAfter = 0
    await expect(phone.client.backup.toServer()).rejects.toMatchObject({ code: 'unavailable.server' })
    expect(await phone.client.backup.status(true)).toMatchObject({ unfinished: true, stored: [] })
    blobs.failAfter = Infinity
    const steps: number[] = []
    const made = await phone.client.backup.toServer({ onProgress: ({ step, done }) => { if (step === 'storing') steps.push(done) } })
    expect(steps[0]).toBe(1_048_576)
    expect(steps.at(-1)).toBe(made.bytes)
    expect(made.messages).toBe(60)
    const laptop = await another(all)
    expect(await laptop.client.backup.restoreStored(withCode(code))).toMatchObject({ messages: 60 })
    expect((await textsOf(laptop, bob)).length).toBe(60)
    for (let round = 0; round < 5; round++) await laptop.client.backup.toServer()
    const { stored = [] } = await laptop.client.backup.status(true)
    expect([stored.length, stored.some(({ blob }) => blob === made.blob), blobs.held.size]).toEqual([4, false, 4])
  })

  it('does not go on with one of long ago, which lacks what was said since', async () => {
    const { server, phone, bob, blobs } = await scene()
    await phone.client.backup.protect()
    await say(phone, bob, 'one')
    blobs.failAfter = 0
    await expect(phone.client.backup.toServer()).rejects.toMatchObject({ code: 'unavailable.server' })
    await server.clock.advance(LIMITS.uploadIdleMs)
    await say(phone, bob, 'two')
    blobs.failAfter = Infinity
    expect(await phone.client.backup.status()).toMatchObject({ unfinished: false })
    expect(await phone.client.backup.toServer()).toMatchObject({ messages: 2 })
  })

  it('leaves nothing behind where its file cannot be written, and the next one has what was said since', async () => {
    const { phone, bob } = await scene()
    await phone.client.backup.protect()
    await say(phone, bob, 'one')
    await expect(phone.client.backup.toFile(() => Promise.reject(new Error('no room on the disk')))).rejects.toThrow('no room on the disk')
    expect((await phone.store.list('history', { limit: 100 })).map(({ key }) => key)).toEqual(['backup'])
    await say(phone, bob, 'two')
    expect(await phone.client.backup.toServer()).toMatchObject({ messages: 2 })
  })

  it('gives one answer to a wrong code, a wrong passphrase, a secret of the other kind, and damage', async () => {
    const all = await scene()
    const { phone, bob } = all
    await say(phone, bob, 'one')
    const code = await phone.client.backup.protect()
    const file = await fileOf(phone)
    const laptop = await another(all)
    const outcome = async (bytes: Uint8Array, secret: BackupSecret): Promise<string> =>
      laptop.client.backup.restore(inPieces(bytes), secret).then(() => 'restored', (error: unknown) => String(error))
    const changed = (at: number): Uint8Array => {
      const copy = file.slice()
      copy[at] = (copy[at] ?? 0) ^ 1
      return copy
    }
    const wrong = formatRecoveryCode(new Uint8Array(16))
    const answers = [
      await outcome(file, withCode(wrong)), await outcome(file, { kind: 'passphrase', passphrase: 'correct horse battery' }),
      await outcome(changed(BACKUP_PREFIX_BYTES + 40), withCode(code)), await outcome(changed(file.length - 1), withCode(code)), await outcome(file.slice(0, -100), withCode(code)),
      await outcome(changed(BACKUP_PREFIX_BYTES + headBytesAfter(file) - 5), withCode(code)),
    ]
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toContain('backup.not_opened')
    expect(await outcome(file, withCode('not a code'))).toContain('invalid.recovery_code')
    expect(await outcome(utf8('something else altogether'), withCode(code))).toContain('invalid.archive')
    expect(await textsOf(laptop, bob)).toEqual([])
    const carol = await openTestClient(all.server, new MemoryStore(), testWallet('carol'))
    await expect(carol.client.backup.restore(inPieces(file), withCode(code))).rejects.toMatchObject({ code: 'archive.other_account' })
  })

  it('opens with the newest code only when it was made after it', async () => {
    const all = await scene()
    const { phone } = all
    const [first, before] = [await phone.client.backup.protect(), await fileOf(phone)]
    const [second, after] = [await phone.client.backup.protect(), await fileOf(phone)]
    const laptop = await another(all)
    await expect(laptop.client.backup.restore(inPieces(after), withCode(first))).rejects.toMatchObject({ code: 'backup.not_opened' })
    await expect(laptop.client.backup.restore(inPieces(before), withCode(second))).rejects.toMatchObject({ code: 'backup.not_opened' })
    await laptop.client.backup.restore(inPieces(before), withCode(first))
    await laptop.client.backup.restore(inPieces(after), withCode(second))
  })

  it('needs a store of files at the server, or a file', async () => {
    const { bob } = await scene()
    await expect(bob.client.backup.toServer()).rejects.toMatchObject({ code: 'files.none' })
  })
})

describe('the key of backups', () => {
  const key = random.bytes(32)

  it('is locked with a passphrase through scrypt, and opened by it alone', async () => {
    const wrap = await wrapWithPassphrase(key, 'correct horse battery', random, CHEAP)
    const read = readWrap(decodeCbor(encodeCbor(wrapFields(wrap)), 4_096))
    expect(await unwrapKey([read], { kind: 'passphrase', passphrase: 'correct horse battery' })).toEqual(key)
    expect(await unwrapKey([read], { kind: 'passphrase', passphrase: 'correct horse batterx' })).toBeUndefined()
    await expect(wrapWithPassphrase(key, 'too short', random, CHEAP)).rejects.toMatchObject({ code: 'invalid.argument' })
    // The same letters, composed otherwise.
    const umlaut = await wrapWithPassphrase(key, 'zwölf Boxkämpfer', random, CHEAP)
    expect(await unwrapKey([umlaut], { kind: 'passphrase', passphrase: 'zwölf Boxkämpfer'.normalize('NFD') })).toEqual(key)
  })

  it('is a secretbox that another library opens, and costs nobody more than a device can pay', async () => {
    const wrap = wrapWithCode(key, new Uint8Array(16).fill(7), random)
    expect(await unwrapKey([wrap], withCode(formatRecoveryCode(new Uint8Array(16).fill(7))))).toEqual(key)
    expect(() => xsalsa20poly1305(new Uint8Array(32), wrap.nonce).decrypt(wrap.box)).toThrow()
    const fields = wrapFields(await wrapWithPassphrase(key, 'correct horse battery', random, CHEAP)) as Record<string, CborValue>
    for (const cost of [{ log2n: 19, r: 8 }, { log2n: 18, r: 9 }, { log2n: 9 }, { r: 0 }, { p: 5 }, { log2n: 60 }]) {
      expect(() => readWrap({ ...fields, ...cost })).toThrow(expect.objectContaining({ code: 'backup.not_opened' }))
    }
  })
})
