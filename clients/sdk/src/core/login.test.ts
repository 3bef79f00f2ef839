import { describe, expect, it } from 'vitest'
import { activeDevices, EvegramError, LIMITS, sealEntry, draftEntry, entryHash } from '@evegram/protocol'
import type { AuthApi } from '../api/auth-api.js'
import { generateDevice, signWithIdentity, signWithSigning } from '../crypto/device-keys.js'
import { MemoryStore } from '../store/memory.js'
import { FAKE_SERVER, FakeServer } from '../sync/testing/fake-server.js'
import { MortalStore } from '../sync/testing/mortal-store.js'
import { openTestClient, testSignal, testWallet } from '../sync/testing/test-client.js'
import { VirtualClock } from '../sync/testing/virtual-clock.js'
import { systemRandom } from '../system.js'
import { readCursor } from './profile.js'

const wallet = testWallet('carol', 'ton')

describe('signing in', () => {
  it('needs a wallet once: afterwards the device proves itself', async () => {
    const server = new FakeServer(new VirtualClock())
    const disk = new MemoryStore()
    await expect(openTestClient(server, new MortalStore(disk))).rejects.toMatchObject({ code: 'client.not_signed_in' })
    const first = await openTestClient(server, new MortalStore(disk), wallet)
    expect(first.client.address).toBe(wallet.address)
    await first.client.close()
    const again = await openTestClient(server, new MortalStore(disk))
    expect(again.client.device).toBe(first.client.device)
    expect(server.stateOf(again.client.account).seq).toBe(1)
  })

  it('survives a crash at any commit with one device in the account', async () => {
    const whole = new MortalStore(new MemoryStore())
    await openTestClient(new FakeServer(new VirtualClock()), whole, wallet)
    expect(whole.commits).toBeGreaterThan(3)
    for (let atCommit = 1; atCommit <= whole.commits; atCommit++) {
      for (const durable of [false, true]) {
        const server = new FakeServer(new VirtualClock())
        const disk = new MemoryStore()
        await openTestClient(server, new MortalStore(disk, { atCommit, durable }), wallet).catch(() => undefined)
        const { client } = await openTestClient(server, new MortalStore(disk), wallet)
        expect(activeDevices(server.stateOf(client.account)), `commit ${String(atCommit)}`).toEqual([client.device])
        await client.close()
      }
    }
  }, 60_000)

  it('starts reading a little before the device was added, so that nothing sent to it is missed', async () => {
    const clock = new VirtualClock()
    const disk = new MemoryStore()
    const startedAtMs = clock.now()
    const { link } = await openTestClient(new FakeServer(clock), new MortalStore(disk), wallet)
    expect(link.cursorMs).toBeLessThanOrEqual(startedAtMs)
    expect(await readCursor(disk)).toBeGreaterThanOrEqual(startedAtMs - LIMITS.overlapMs)
  })

  it('signs again when the account moved on meanwhile', async () => {
    const server = new FakeServer(new VirtualClock())
    const first = await openTestClient(server, new MemoryStore(), wallet)
    const { account } = first.client
    const signal = await testSignal()
    const api = server.api()
    let raced = false
    const racing: AuthApi = {
      ...api,
      appendEntry: async (id: typeof account, entry: Uint8Array) => {
        if (!raced) {
          raced = true
          // Another device of the account is faster by a moment.
          const keys = await generateDevice(signal, systemRandom)
          const state = server.stateOf(account)
          const draft = draftEntry(state, 'device.add', {
            identityKey: keys.identity.publicKey, signingKey: keys.signing.publicKey, registrationId: keys.registrationId,
          }, server.clock.now())
          const { nonce, issuedAtMs, expirationTimeMs } = await api.challenge('add-device', keys.device)
          const { domain, origin } = FAKE_SERVER
          const proof = await wallet.signProof({
            domain, origin, purpose: 'add-device', account, logSeq: state.seq, logHead: state.head, device: keys.device, nonce, issuedAtMs, expirationTimeMs,
          })
          await api.appendEntry(account, sealEntry(draft, [
            { type: 'wallet', proof },
            { type: 'identity-key', device: keys.device, signature: await signWithIdentity(signal, keys, entryHash(draft)) },
            { type: 'signing-key', device: keys.device, signature: signWithSigning(keys, entryHash(draft)) },
          ]).bytes)
        }
        return api.appendEntry(id, entry)
      },
    }
    const second = await openTestClient(server, new MemoryStore(), wallet, racing)
    expect(second.client.account).toBe(account)
    expect(activeDevices(server.stateOf(account)).length).toBe(3)
  })

  it('refuses a wallet of another account for a profile that has one', async () => {
    const server = new FakeServer(new VirtualClock())
    const disk = new MemoryStore()
    await (await openTestClient(server, new MortalStore(disk), wallet)).client.close()
    await expect(openTestClient(server, new MortalStore(disk), testWallet('dave'))).rejects.toMatchObject({ code: 'account.wallet_unknown' })
  })

  it('renews an attestation that is half as old as peers accept', async () => {
    const clock = new VirtualClock()
    const server = new FakeServer(clock)
    const disk = new MemoryStore()
    const { client } = await openTestClient(server, new MortalStore(disk), wallet)
    await client.close()
    await clock.advance(LIMITS.attestationMs / 2 + 1)
    const again = await openTestClient(server, new MortalStore(disk), wallet)
    const state = server.stateOf(again.client.account)
    expect(state.seq).toBe(2)
    expect(activeDevices(state)).toEqual([client.device])
    expect(state.devices.get(client.device)?.attestedAtMs).toBe(clock.now())
  })

  it('passes on why the server refused', async () => {
    const server = new FakeServer(new VirtualClock())
    const api = server.api()
    const refusing: AuthApi = { ...api, appendEntry: () => Promise.reject(new EvegramError('account.device_limit', { operation: 'append' })) }
    await expect(openTestClient(server, new MemoryStore(), wallet, refusing)).rejects.toMatchObject({ code: 'account.device_limit' })
  })
})
