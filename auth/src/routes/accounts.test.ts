import {
  accountIdOf, LIMITS, policyBodyHash, sealEntry, draftEntry, deviceIdOf, decodeEntry, encodeEntry, type AccountState,
} from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AccountChange } from '../accounts.js'
import { TestDevice, TestWallet } from '../testing/actors.js'
import { TestServer, type TestAnswer } from '../testing/test-server.js'

const alice = new TestWallet('alice')
const spare = new TestWallet('alice spare')
const bob = new TestWallet('bob')
const phone = new TestDevice('phone')
const laptop = new TestDevice('laptop')
const account = accountIdOf(alice.walletId)

let server: TestServer
beforeEach(async () => { server = await TestServer.start() })
afterEach(async () => { await server.close() })

const outcomes = (answers: readonly TestAnswer[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const { code, status } of answers) counts[code ?? String(status)] = (counts[code ?? String(status)] ?? 0) + 1
  return counts
}

async function link(state: AccountState, wallet: TestWallet): Promise<TestAnswer> {
  const request = { purpose: 'link-wallet', device: phone.device } as const
  const proofs = [
    await server.prove(alice, { ...request, otherWallet: wallet.walletId }, state),
    await server.prove(wallet, { ...request, otherWallet: alice.walletId }, state),
  ]
  return server.append(state.account, server.entry(state, 'wallet.link', { wallet: wallet.walletId }, proofs))
}

describe('POST /v1/accounts/:account/log', () => {
  it('accepts one of 1,000 parallel replays of a proof and answers the others by name', async () => {
    const entry = await server.deviceEntry(alice, phone, await server.state(account))
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => server.append(account, entry)))
    expect(outcomes(answers)).toEqual({ '201': 1, 'proof.replayed': 999 })
    expect((await server.state(account)).seq).toBe(1)
    expect((await server.append(account, entry)).code).toBe('proof.replayed')
  }, 120_000)

  it('remembers a used proof over a restart', async () => {
    const entry = await server.deviceEntry(alice, phone, await server.state(account))
    await server.expectOk(server.append(account, entry))
    await server.restart()
    expect((await server.append(account, entry)).code).toBe('proof.replayed')
    expect((await server.state(account)).seq).toBe(1)
  })

  it('appends exactly one of two entries made for the same head and names the head to the other', async () => {
    const member = await server.signUp(alice, phone)
    const state = await server.state(member.account)
    const entries = await Promise.all([laptop, new TestDevice('tablet')].map((device) => server.deviceEntry(alice, device, state)))
    const answers = await Promise.all(entries.map((entry) => server.append(member.account, entry)))
    expect(outcomes(answers)).toEqual({ '201': 1, 'conflict.log_head': 1 })
    const refused = answers.find(({ status }) => status === 409)
    const after = await server.state(member.account)
    expect(refused?.body).toMatchObject({ error: { details: { seq: 2, head: Buffer.from(after.head).toString('base64url') } } })
  })

  it('refuses a nonce of another server, purpose or device, and one that ran out', async () => {
    const state = await server.state(account)
    const codes: (string | undefined)[] = []
    const offer = async (challenge: { nonce: string; issuedAtMs: number; expirationTimeMs: number }): Promise<void> => {
      const { identityKey, signingKey, registrationId } = phone
      const draft = draftEntry(state, 'device.add', { identityKey, signingKey, registrationId }, server.clock.now())
      const proof = alice.prove(
        { purpose: 'add-device', device: phone.device, state, challenge, domain: server.domain, origin: server.origin }
      )
      codes.push((await server.append(account, sealEntry(draft, [{ type: 'wallet', proof }, ...phone.keyProofs(draft)]).bytes)).code)
    }
    const honest = await server.challenge('add-device', phone.device)
    await offer({ ...honest, nonce: 'A'.repeat(46) })
    await offer({ ...honest, nonce: 'A'.repeat(22) })
    await offer(await server.challenge('revoke-device', phone.device))
    await offer(await server.challenge('add-device', laptop.device))
    server.clock.shiftMs += LIMITS.challengeMs + 1_000
    await offer(honest)
    expect(codes).toEqual(['proof.nonce', 'proof.nonce', 'proof.nonce', 'proof.nonce', 'proof.expired'])
    expect((await server.state(account)).seq).toBe(0)
  })

  it('refuses a proof for another domain or state, changing nothing', async () => {
    const state = await server.state(account)
    const { identityKey, signingKey, registrationId } = phone
    const draft = draftEntry(state, 'device.add', { identityKey, signingKey, registrationId }, server.clock.now())
    const offer = async (change: { domain?: string; origin?: string; state?: AccountState }): Promise<TestAnswer> => {
      const challenge = await server.challenge('add-device', phone.device)
      const proof = alice.prove(
        { purpose: 'add-device', device: phone.device, state, challenge, domain: server.domain, origin: server.origin, ...change }
      )
      return server.append(account, sealEntry(draft, [{ type: 'wallet', proof }, ...phone.keyProofs(draft)]).bytes)
    }
    for (const domain of ['chat.example.evil.example', 'xn--cht-5na.example', 'chat.example:8443', 'evil.example']) {
      expect([domain, (await offer({ domain, origin: `https://${domain}` })).code]).toEqual([domain, 'proof.domain'])
    }
    expect((await offer({ state: { ...state, seq: 1 } })).code).toBe('proof.log')
    expect(await offer({})).toMatchObject({ status: 201 })
  })

  it('refuses bytes that are no entry, and an entry under the name of another account', async () => {
    const entry = await server.deviceEntry(alice, phone, await server.state(account))
    expect((await server.append(account, entry.subarray(0, 50))).status).toBe(400)
    expect((await server.append(accountIdOf(bob.walletId), entry)).code).toBe('account.mismatch')
    expect((await server.append(account, new Uint8Array(LIMITS.logEntryBytesMax + 1))).status).toBe(400)
    expect(
      (await server.request('POST', `/v1/accounts/${account}/log`, { body: { entry: 'A'.repeat(40_000) } })).code
    ).toBe('too_large.request')
    expect((await server.request('POST', '/v1/accounts/nonsense/log', { body: { entry: 'AA' } })).code).toBe('invalid.request')
  })

  it('does not let a changed signature use up the nonce of an honest proof', async () => {
    const entry = await server.deviceEntry(alice, phone, await server.state(account))
    const decoded = decodeEntry(entry)
    const forged = encodeEntry({ ...decoded, proofs: decoded.proofs.map((proof) => {
      if (proof.type !== 'wallet') return proof
      const signature = Uint8Array.from(proof.proof.signature)
      signature[5] = (signature[5] ?? 0) ^ 1
      return { ...proof, proof: { ...proof.proof, signature } }
    }) })
    expect((await server.append(account, forged)).code).toMatch(/^proof\.signature/)
    expect((await server.append(account, entry)).status).toBe(201)
  })

  it('tells listeners of revoked devices and of closing, once it is durable', async () => {
    const changes: AccountChange[] = []
    server.auth.onAccountChanged((change) => { changes.push(change) })
    await server.signUp(alice, phone)
    await server.signUp(alice, laptop)
    const state = await server.state(account)
    const revocation = await server.prove(alice, { purpose: 'revoke-device', device: laptop.device }, state)
    await server.expectOk(server.append(account, server.entry(state, 'device.revoke', { device: laptop.device }, [revocation])))
    const later = await server.state(account)
    const erase = await server.prove(alice, { purpose: 'erase', device: phone.device }, later)
    await server.expectOk(server.append(account, server.entry(later, 'closed', {}, [erase])))
    expect(changes).toEqual([
      { account, seq: 1, addedDevices: [phone.device], revokedDevices: [], closed: false },
      { account, seq: 2, addedDevices: [laptop.device], revokedDevices: [], closed: false },
      { account, seq: 3, addedDevices: [], revokedDevices: [laptop.device], closed: false },
      { account, seq: 4, addedDevices: [], revokedDevices: [phone.device], closed: true },
    ])
    const view = await server.auth.accountDirectory.state(account)
    expect(view).toMatchObject(
      { seq: 4, closed: true, devices: [{ device: phone.device, active: false }, { device: laptop.device, active: false }] }
    )
  })

  it('changes the policy by a proof that names the new one, and only that', async () => {
    await server.signUp(alice, phone)
    const state = await server.state(account)
    const request = { purpose: 'policy', device: phone.device } as const
    const wrong = await server.prove(alice, { ...request, bodyHash: policyBodyHash({ approveDevices: false }) }, state)
    expect((await server.append(account, server.entry(state, 'policy', { approveDevices: true }, [wrong]))).status).toBe(401)
    const right = await server.prove(alice, { ...request, bodyHash: policyBodyHash({ approveDevices: true }) }, state)
    expect((await server.append(account, server.entry(state, 'policy', { approveDevices: true }, [right]))).status).toBe(201)
    const unapproved = await server.deviceEntry(alice, laptop, await server.state(account))
    expect((await server.append(account, unapproved)).code).toBe('account.policy')
  })

  it('ends revoked devices for ever', async () => {
    await server.signUp(alice, phone)
    await server.signUp(alice, laptop)
    const state = await server.state(account)
    const draft = draftEntry(state, 'device.revoke', { device: laptop.device }, server.clock.now())
    const own = laptop.keyProofs(draft).filter(({ type }) => type === 'signing-key')
    expect((await server.append(account, sealEntry(draft, own).bytes)).status).toBe(201)
    const back = await server.deviceEntry(alice, laptop, await server.state(account))
    expect((await server.append(account, back)).code).toBe('account.device_revoked')
  })
})

describe('wallets of an account', () => {
  it('finds the account by each active wallet and by no other', async () => {
    await server.signUp(alice, phone)
    const find = (wallet: TestWallet) => server.request('GET', `/v1/accounts/by-wallet/${encodeURIComponent(wallet.walletId)}`)
    expect((await find(alice)).body).toMatchObject({ account, seq: 1 })
    expect((await find(spare)).code).toBe('account.not_found')
    // As browsers ask, which write a 404 on the console.
    const asked = (wallet: TestWallet) => server.request('GET', `/v1/accounts/by-wallet/${encodeURIComponent(wallet.walletId)}?absent=null`)
    expect(await asked(spare)).toMatchObject({ status: 200, body: { account: null } })
    expect((await asked(alice)).body).toMatchObject({ account, seq: 1 })
    expect((await server.request('GET', '/v1/accounts/by-wallet/solana%3Anonsense?absent=null')).code).toBe('invalid.address')
    expect((await link(await server.state(account), spare)).status).toBe(201)
    expect((await find(spare)).body).toMatchObject({ account, seq: 2 })
    const state = await server.state(account)
    const unlink = await server.prove(spare, { purpose: 'unlink-wallet', device: phone.device, otherWallet: spare.walletId }, state)
    expect((await server.append(account, server.entry(state, 'wallet.unlink', { wallet: spare.walletId }, [unlink]))).status).toBe(201)
    expect((await find(spare)).code).toBe('account.not_found')
    expect((await server.request('GET', '/v1/accounts/by-wallet/solana%3Anonsense')).code).toBe('invalid.address')
  })

  it('keeps a wallet in one account: a linked one cannot found, a founding one cannot be linked', async () => {
    await server.signUp(alice, phone)
    await server.expectOk(link(await server.state(account), spare))
    const founding = await server.deviceEntry(spare, laptop, await server.state(accountIdOf(spare.walletId)))
    expect((await server.append(accountIdOf(spare.walletId), founding)).code).toBe('account.wallet_taken')
    await server.signUp(bob, new TestDevice('bob'))
    expect((await link(await server.state(account), bob)).code).toBe('account.wallet_taken')
    // The refused proof of bob was not used up by it.
    expect((await server.state(account)).seq).toBe(2)
  })

  it('lets exactly one of two accounts link the same wallet at once', async () => {
    await server.signUp(alice, phone)
    const desk = new TestDevice('bob desk')
    const member = await server.signUp(bob, desk)
    const [mine, his] = [await server.state(account), await server.state(member.account)]
    const request = { purpose: 'link-wallet', device: desk.device } as const
    const proofs = [
      await server.prove(
        bob, { ...request, otherWallet: spare.walletId }, his,
      ), await server.prove(spare, { ...request, otherWallet: bob.walletId }, his),
    ]
    const other = server.append(his.account, server.entry(his, 'wallet.link', { wallet: spare.walletId }, proofs))
    expect(outcomes(await Promise.all([link(mine, spare), other]))).toEqual({ '201': 1, 'account.wallet_taken': 1 })
  })

  it('frees linked wallets of a closed account and keeps its founding one', async () => {
    await server.signUp(alice, phone)
    await server.expectOk(link(await server.state(account), spare))
    const state = await server.state(account)
    const erase = await server.prove(alice, { purpose: 'erase', device: phone.device }, state)
    await server.expectOk(server.append(account, server.entry(state, 'closed', {}, [erase])))
    expect((await server.signUp(spare, laptop)).account).toBe(accountIdOf(spare.walletId))
    const again = await server.deviceEntry(alice, new TestDevice('new'), await server.state(account))
    expect((await server.append(account, again)).code).toBe('account.closed')
  })
})

describe('GET /v1/accounts/:account/log', () => {
  it('gives the log that peers can verify, page by page', async () => {
    await server.signUp(alice, phone)
    for (const name of ['a', 'b', 'c']) await server.signUp(alice, new TestDevice(name))
    const state = await server.state(account)
    expect(state.seq).toBe(4)
    expect([...state.devices.keys()][0]).toBe(deviceIdOf(phone.identityKey, phone.signingKey))
    const tail = await server.request('GET', `/v1/accounts/${account}/log?after=3`)
    expect(tail.body).toMatchObject({ seq: 4, more: false, head: Buffer.from(state.head).toString('base64url') })
    expect((await server.request('GET', `/v1/accounts/${accountIdOf(bob.walletId)}/log`)).code).toBe('account.not_found')
    expect((await server.request('GET', `/v1/accounts/${account}/log?after=-1`)).code).toBe('invalid.request')
  })
})
