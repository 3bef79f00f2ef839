import { draftEntry, headOf, LIMITS, type AccountState } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { noblePrimitives } from '../crypto/noble-primitives.js'
import { MemoryStore } from '../store/memory.js'
import { ManualClock, settle } from '../testing/manual-clock.js'
import type { AccountVerifier } from './account-verifier.js'
import { createAccountVerifier } from './log-verifier.js'
import { LogAuthor, TEST_NOW_MS, TEST_SITE, testDeviceKeys, testWallet } from './testing/log-author.js'
import { LogServer } from './testing/log-server.js'

const phone = await testDeviceKeys('phone')
const laptop = await testDeviceKeys('laptop')
const tablet = await testDeviceKeys('tablet')

const alice = testWallet('solana', 'alice')
const aliceTerra = testWallet('terra', 'alice terra')
const mallory = testWallet('ton', 'mallory')

let server: LogServer
let store: MemoryStore
let clock: ManualClock
let author: LogAuthor
let verifier: AccountVerifier

const verifierOn = (kept: MemoryStore): AccountVerifier => createAccountVerifier({
  api: server, store: kept, primitives: noblePrimitives, ...TEST_SITE, clock, serverClock: { now: () => clock.now() },
})
const show = (shown: LogAuthor, entries: readonly Uint8Array[] = shown.entries): void => {
  server.logs.set(shown.account, [...entries])
  server.wallets.set(shown.wallet.walletId, shown.account)
}

beforeEach(async () => {
  server = new LogServer()
  store = new MemoryStore()
  clock = new ManualClock(TEST_NOW_MS + 60_000)
  author = new LogAuthor(alice)
  await author.addDevice(phone)
  verifier = verifierOn(store)
  show(author)
})

describe('following an address', () => {
  it('leads from an address to the account, its wallets and its devices', async () => {
    const { verified, walletId, address } = await verifier.resolveAddress(` ${alice.address} `)
    expect({ walletId, address }).toEqual({ walletId: alice.walletId, address: alice.address })
    expect(verified).toMatchObject({ account: author.account, seq: 1, confirmedAtMs: clock.now() })
    expect(await verifier.attestedDevices(author.account)).toMatchObject([
      { account: author.account, device: phone.device, identityKey: phone.identity.publicKey, signingKey: phone.signing.publicKey },
    ])
  })

  it('leads from a linked wallet to the same account', async () => {
    await author.linkWallet(aliceTerra, phone.device)
    show(author)
    server.wallets.set(aliceTerra.walletId, author.account)
    expect((await verifier.resolveAddress(aliceTerra.address)).verified).toMatchObject({ account: author.account, seq: 2 })
  })

  it('refuses an address that nobody signed in with, and one that is none', async () => {
    await expect(verifier.resolveAddress(mallory.address)).rejects.toMatchObject({ code: 'account.not_found' })
    await expect(verifier.resolveAddress('alice')).rejects.toMatchObject({ code: 'invalid.address' })
  })

  it('refuses an account whose log does not hold the wallet', async () => {
    const other = new LogAuthor(mallory)
    await other.addDevice(laptop)
    show(other)
    server.wallets.set(alice.walletId, other.account)
    await expect(verifier.resolveAddress(alice.address)).rejects.toMatchObject({ code: 'account.mismatch' })
    // The other account is not to blame for what the directory said.
    expect(verifier.alarm(other.account)).toBeUndefined()
  })

  it('refuses a log that belongs to another account', async () => {
    const other = new LogAuthor(mallory)
    await other.addDevice(laptop)
    server.logs.set(author.account, other.entries)
    server.claims.set(author.account, { account: author.account, seq: 1, head: headOf(other.entries[0] ?? new Uint8Array()) })
    await expect(verifier.resolveAddress(alice.address)).rejects.toMatchObject({ code: 'account.mismatch' })
  })

  it('says when an address leads to another account than before', async () => {
    await author.linkWallet(aliceTerra, phone.device)
    show(author)
    server.wallets.set(aliceTerra.walletId, author.account)
    expect((await verifier.resolveAddress(aliceTerra.address)).changedFrom).toBeUndefined()
    const own = new LogAuthor(aliceTerra)
    await own.addDevice(laptop)
    show(own)
    const moved = await verifierOn(store).resolveAddress(aliceTerra.address)
    expect(moved).toMatchObject({ changedFrom: author.account, verified: { account: own.account } })
    expect((await verifier.resolveAddress(aliceTerra.address)).changedFrom).toBeUndefined()
  })

  it('finds a founder that it verified before even when the directory denies it', async () => {
    await verifier.resolveAddress(alice.address)
    server.wallets.clear()
    expect((await verifier.resolveAddress(alice.address)).verified.account).toBe(author.account)
  })

  it('raises an alarm when the directory names a state that the log does not show', async () => {
    server.claims.set(author.account, { account: author.account, seq: 2, head: new Uint8Array(32).fill(1) })
    await expect(verifier.resolveAddress(alice.address)).rejects.toMatchObject({ code: 'account.log_withheld' })
    expect(verifier.alarm(author.account)?.code).toBe('account.log_withheld')
  })

  it('refuses a closed account and has no devices for it', async () => {
    await author.close(phone.device)
    show(author)
    await expect(verifier.resolveAddress(alice.address)).rejects.toMatchObject({ code: 'account.closed' })
    expect(await verifier.attestedDevices(author.account)).toEqual([])
  })
})

describe('a log that goes on', () => {
  it('is verified from where it was left, entries alone', async () => {
    await verifier.refresh(author.account)
    await author.addDevice(laptop)
    await author.revokeDevice(phone)
    show(author)
    // What was verified before is not asked for, so it may be garbage by now.
    server.logs.set(author.account, [new Uint8Array(3), ...author.entries.slice(1)])
    expect(await verifier.refresh(author.account)).toMatchObject({ seq: 3 })
    expect((await verifier.attestedDevices(author.account)).map(({ device }) => device)).toEqual([laptop.device])
  })

  it('is read page by page', async () => {
    await author.addDevice(laptop)
    await author.addDevice(tablet)
    show(author)
    server.pageEntries = 1
    expect(await verifier.refresh(author.account)).toMatchObject({ seq: 3 })
    expect(server.requests).toBe(3)
  })

  it('commits each verified step with the state before it', async () => {
    const updates: { before: AccountState | undefined; after: AccountState }[] = []
    const watched = createAccountVerifier({
      api: server, store, primitives: noblePrimitives, ...TEST_SITE, clock, serverClock: { now: () => clock.now() },
      commit: async (changes, update) => {
        updates.push(update)
        await store.commit(changes)
      },
    })
    await watched.refresh(author.account)
    await watched.refresh(author.account)
    await author.addDevice(laptop)
    show(author)
    await watched.refresh(author.account)
    expect(updates.map(({ before, after }) => [before?.seq, after.seq])).toEqual([[undefined, 1], [1, 2]])
  })

  it('is not believed while its commit fails', async () => {
    const failing = createAccountVerifier({
      api: server, store, primitives: noblePrimitives, ...TEST_SITE, clock, serverClock: { now: () => clock.now() },
      commit: async () => { throw new Error('disk full') },
    })
    await expect(failing.refresh(author.account)).rejects.toThrow('disk full')
    expect(await failing.known(author.account)).toBeUndefined()
  })

  it('is asked for once by calls at one time, and not again while it is fresh', async () => {
    let open: () => void = () => undefined
    server.gate = new Promise((resolve) => { open = resolve })
    const both = Promise.all([verifier.refresh(author.account), verifier.refresh(author.account)])
    open()
    await both
    expect(server.requests).toBe(1)
    await verifier.refresh(author.account, { maxAgeMs: 5_000 })
    expect(server.requests).toBe(1)
    await clock.advance(5_001)
    await verifier.refresh(author.account, { maxAgeMs: 5_000 })
    expect(server.requests).toBe(2)
  })

  it('stops attesting a device after 400 days', async () => {
    await verifier.refresh(author.account)
    await clock.advance(LIMITS.attestationMs - 60_000)
    expect(await verifier.attestedDevices(author.account)).toHaveLength(1)
    await clock.advance(2)
    expect(await verifier.attestedDevices(author.account)).toEqual([])
  })
})

describe('a server that lies about a log it showed before', () => {
  beforeEach(async () => {
    await author.addDevice(laptop)
    show(author)
    await verifier.refresh(author.account)
  })

  const expectRefusal = async (code: string): Promise<void> => {
    const before = await verifier.known(author.account)
    await expect(verifier.refresh(author.account)).rejects.toMatchObject({ code })
    expect(verifier.alarm(author.account)?.code).toBe(code)
    expect((await verifier.known(author.account))?.head).toEqual(before?.head)
    // The same after a restart: what was verified is durable.
    await expect(verifierOn(store).refresh(author.account)).rejects.toMatchObject({ code })
  }

  it('is caught cutting it off', async () => {
    show(author, author.entries.slice(0, 1))
    await expectRefusal('account.log_rolled_back')
  })

  it('is caught denying it altogether', async () => {
    server.logs.delete(author.account)
    await expectRefusal('account.log_rolled_back')
  })

  it('is caught showing another history of the same length', async () => {
    const forked = new LogAuthor(alice)
    await forked.addDevice(phone)
    await forked.addDevice(tablet)
    show(forked)
    await expectRefusal('account.log_rolled_back')
  })

  it('is caught going on from another history', async () => {
    const forked = new LogAuthor(alice)
    await forked.addDevice(phone)
    await forked.addDevice(tablet)
    await forked.addDevice(await testDeviceKeys('watch'))
    show(forked)
    await expectRefusal('account.log_rolled_back')
  })

  it('is caught hiding entries that it names', async () => {
    await author.revokeDevice(laptop)
    server.claims.set(author.account, { account: author.account, seq: 3, head: headOf(author.entries[2] ?? new Uint8Array()) })
    await expectRefusal('account.log_withheld')
  })

  it('is caught adding a ghost device that no wallet attests', async () => {
    const ghost = await testDeviceKeys('ghost')
    await author.addDevice(ghost, mallory)
    show(author)
    await expectRefusal('account.log_invalid')
  })

  it('is caught adding a link that the other wallet did not sign', async () => {
    const draft = draftEntry(author.state, 'wallet.link', { wallet: mallory.walletId }, author.nowMs)
    author.append(draft, [
      await author.prove('link-wallet', phone.device, mallory, { otherWallet: alice.walletId }),
      await author.prove('link-wallet', phone.device, mallory, { otherWallet: alice.walletId }),
    ])
    show(author)
    await expectRefusal('account.log_invalid')
  })

  it('is caught reviving a revoked device with an old proof', async () => {
    const old = author.entries[1] ?? new Uint8Array()
    await author.revokeDevice(laptop)
    show(author, [...author.entries, old])
    await expectRefusal('account.log_invalid')
  })

  it('is believed again once it shows the true history', async () => {
    show(author, author.entries.slice(0, 1))
    await expectRefusal('account.log_rolled_back')
    show(author)
    expect(await verifier.refresh(author.account)).toMatchObject({ seq: 2 })
    expect(verifier.alarm(author.account)).toBeUndefined()
  })
})

describe('a head named inside a payload', () => {
  const headAt = (log: LogAuthor, seq: number): Uint8Array => (seq === 0 ? new Uint8Array(32) : headOf(log.entries[seq - 1] ?? new Uint8Array()))

  it('is known when it lies on the verified log, and the server is not asked', async () => {
    await author.addDevice(laptop)
    show(author)
    await verifier.refresh(author.account)
    const requests = server.requests
    for (const seq of [0, 1, 2]) expect(await verifier.expectHead(author.account, seq, headAt(author, seq))).toMatchObject({ status: 'known' })
    expect(server.requests).toBe(requests)
  })

  it('makes the verifier look for news', async () => {
    await verifier.refresh(author.account)
    await author.revokeDevice(phone)
    show(author)
    expect(await verifier.expectHead(author.account, 2, headAt(author, 2))).toMatchObject({ status: 'known', verified: { seq: 2 } })
    expect(await verifier.attestedDevices(author.account)).toEqual([])
  })

  it('is withheld when the server cannot show it: a hidden revocation is noticed', async () => {
    await verifier.refresh(author.account)
    await author.revokeDevice(phone)
    const check = await verifier.expectHead(author.account, 2, headAt(author, 2))
    expect(check).toMatchObject({ status: 'withheld', error: { code: 'account.log_withheld' } })
  })

  it('is forked when the verified log has another head there, older ones included', async () => {
    await author.addDevice(laptop)
    await author.addDevice(tablet)
    show(author)
    for (const seq of [1, 2, 3]) {
      expect(await verifier.expectHead(author.account, seq, new Uint8Array(32).fill(7))).toMatchObject({ status: 'forked', error: { code: 'account.log_rolled_back' } })
    }
    // The sender may be the one who lies: the account is not stopped.
    expect(verifier.alarm(author.account)).toBeUndefined()
  })

  it('is not taken for withheld because an earlier request was still on its way', async () => {
    let open: () => void = () => undefined
    server.gate = new Promise((resolve) => { open = resolve })
    const early = verifier.refresh(author.account)
    await settle()
    await author.addDevice(laptop)
    show(author)
    const check = verifier.expectHead(author.account, 2, headAt(author, 2))
    open()
    expect((await early).seq).toBe(1)
    expect(await check).toMatchObject({ status: 'known', verified: { seq: 2 } })
  })
})
