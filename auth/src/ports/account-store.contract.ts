import { createHash } from 'node:crypto'
import { accountIdOf, deviceIdOf, emptyAccountState, utf8, type AccountState, type WalletId } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TestWallet } from '../testing/actors.js'
import type { AccountStore, AppendRequest } from './account-store.js'
import type { StoreSetup } from './nonce-store.contract.js'
import type { NonceStore, NonceUse } from './nonce-store.js'

const hash = (text: string): Uint8Array => Uint8Array.from(createHash('sha256').update(text).digest())
const nonce = (name: string): NonceUse => ({ key: hash(name), expiresAtMs: 1_000 })
const alice = new TestWallet('alice').walletId
const bob = new TestWallet('bob').walletId
const spare = new TestWallet('spare').walletId

function founded(wallet: WalletId): AccountState {
  return emptyAccountState(accountIdOf(wallet))
}

function follow(before: AccountState, name: string, change: Partial<AppendRequest> = {}): AppendRequest {
  const after = { ...before, seq: before.seq + 1, head: hash(`head ${name}`) }
  return { before, after, entry: utf8(`entry ${name}`), nonces: [], bind: [], release: [], ...change }
}

/** The promises of {@link AccountStore}, for one adapter; its nonces are those of the {@link NonceStore} beside it. */
export function describeAccountStore(
  name: string, create: () => Promise<StoreSetup<{ readonly accounts: AccountStore; readonly nonces: NonceStore }>>,
): void {
  describe(`AccountStore contract: ${name}`, () => {
    let setup: StoreSetup<{ readonly accounts: AccountStore; readonly nonces: NonceStore }>
    beforeEach(async () => { setup = await create() })
    afterEach(async () => { await setup.close() })
    const accounts = (): AccountStore => setup.store.accounts

    it('knows nothing of an account without entries', async () => {
      expect(await accounts().read(accountIdOf(alice))).toBeUndefined()
      expect(await accounts().accountOfWallet(alice)).toBeUndefined()
      expect(await accounts().entries(accountIdOf(alice), 0, { entriesMax: 10, bytesMax: 100 })).toEqual({ entries: [], more: false })
    })

    it('keeps entry, state, wallets and nonces together, over a restart too', async () => {
      const request = follow(founded(alice), '1', { nonces: [nonce('n')], bind: [alice] })
      const device = deviceIdOf(new Uint8Array(33).fill(5), new Uint8Array(32).fill(7))
      const keys = { identityKey: new Uint8Array(33).fill(5), signingKey: new Uint8Array(32).fill(7) }
      const after: AccountState = {
        ...request.after, foundingWallet: alice, approveDevices: true,
        wallets: new Map([[alice, { active: true, linkedAtSeq: 1 }], [bob, { active: false, linkedAtSeq: 1 }]]),
        devices: new Map([[device, { ...keys, registrationId: 3, addedSeq: 1, attestedAtMs: 5, active: true, approvedBy: device }]]),
      }
      expect(await accounts().append({ ...request, after })).toEqual({ status: 'appended' })
      expect(await accounts().read(after.account)).toEqual(after)
      setup = await setup.reopen()
      expect(await accounts().read(after.account)).toEqual(after)
      expect(await accounts().accountOfWallet(alice)).toBe(after.account)
      expect(
        await accounts().entries(after.account, 0, { entriesMax: 10, bytesMax: 100 })
      ).toEqual({ entries: [request.entry], more: false })
      expect(await setup.store.nonces.consume(nonce('n'))).toBe('used')
    })

    it('lets exactly one of many concurrent appends to one head through', async () => {
      const requests = Array.from({ length: 200 }, (_, index) => follow(founded(alice), String(index), { nonces: [nonce(String(index))] }))
      const outcomes = await Promise.all(requests.map((request) => accounts().append(request)))
      const won = outcomes.findIndex(({ status }) => status === 'appended')
      expect(outcomes.filter(({ status }) => status === 'appended')).toHaveLength(1)
      expect(outcomes.filter(({ status }) => status === 'conflict')).toHaveLength(199)
      expect(outcomes.find(({ status }) => status === 'conflict')).toEqual({ status: 'conflict', seq: 1, head: requests[won]?.after.head })
      expect((await accounts().entries(accountIdOf(alice), 0, { entriesMax: 10, bytesMax: 1_000 })).entries).toEqual([requests[won]?.entry])
      // A refused append used no nonce up.
      expect(await setup.store.nonces.isUsed(nonce(String(won === 0 ? 1 : 0)).key)).toBe(false)
    })

    it('uses a nonce up once, whatever it is used for', async () => {
      await setup.store.nonces.consume(nonce('session'))
      expect(
        await accounts().append(follow(founded(alice), '1', { nonces: [nonce('fresh'), nonce('session')] }))
      ).toEqual({ status: 'nonce_used' })
      expect(await accounts().read(accountIdOf(alice))).toBeUndefined()
      expect(await setup.store.nonces.isUsed(nonce('fresh').key)).toBe(false)
      const answers = await Promise.all(
        [alice, bob].map((wallet) => accounts().append(follow(founded(wallet), wallet, { nonces: [nonce('shared')] })))
      )
      expect(answers.map(({ status }) => status).sort()).toEqual(['appended', 'nonce_used'])
    })

    it('takes two proofs under one nonce in one entry', async () => {
      expect(await accounts().append(follow(founded(alice), '1', { nonces: [nonce('n'), nonce('n')] }))).toEqual({ status: 'appended' })
    })

    it('binds a wallet to one account at a time and frees it when told', async () => {
      const [one, other] = [follow(founded(alice), 'a', { bind: [alice, spare] }), follow(founded(bob), 'b', { bind: [bob, spare] })]
      const outcomes = await Promise.all([accounts().append(one), accounts().append(other)])
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['appended', 'wallet_taken'])
      expect(outcomes[0]?.status).toBe('appended')
      expect(await accounts().accountOfWallet(bob)).toBeUndefined()
      expect(await accounts().append(follow(one.after, 'c', { release: [spare] }))).toEqual({ status: 'appended' })
      expect(await accounts().accountOfWallet(spare)).toBeUndefined()
      expect(await accounts().append(other)).toEqual({ status: 'appended' })
      expect(await accounts().accountOfWallet(spare)).toBe(accountIdOf(bob))
    })

    it('pages a log by entries and by bytes, in order', async () => {
      let state = founded(alice)
      const written: Uint8Array[] = []
      for (let index = 0; index < 12; index++) {
        const request = follow(state, String(index))
        await accounts().append(request)
        written.push(request.entry)
        state = request.after
      }
      const { account } = state
      expect(await accounts().entries(account, 0, { entriesMax: 5, bytesMax: 1_000 })).toEqual({ entries: written.slice(0, 5), more: true })
      expect(await accounts().entries(account, 7, { entriesMax: 5, bytesMax: 1_000 })).toEqual({ entries: written.slice(7), more: false })
      expect(await accounts().entries(account, 0, { entriesMax: 100, bytesMax: 10 })).toEqual({ entries: written.slice(0, 2), more: true })
      expect(await accounts().entries(account, 12, { entriesMax: 5, bytesMax: 10 })).toEqual({ entries: [], more: false })
    })
  })
}
