import { draftEntry, encodeCbor, parseAccountId, sealEntry, type DeviceId } from '@evegram/protocol'
import { encodeWalletProof, withdrawalBodyHash, type WalletProof } from '@evegram/protocol/proof'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestDevice, TestWallet, type TestMember } from './testing/actors.js'
import { TestServer } from './testing/test-server.js'
import type { WithdrawalCheck } from './withdrawals.js'

const [alice, cold, mallory] = ['alice', 'alice cold', 'mallory'].map((name) => new TestWallet(name)) as [TestWallet, TestWallet, TestWallet]
const phone = new TestDevice('phone')
const bodyHash = withdrawalBodyHash({ id: 'w-1', chain: 'solana', asset: 'solana/sol', amount: '7', to: 'there' })
const other = withdrawalBodyHash({ id: 'w-1', chain: 'solana', asset: 'solana/sol', amount: '70', to: 'there' })
const stranger = parseAccountId('00'.repeat(16))

let server: TestServer
let member: TestMember

beforeAll(async () => {
  server = await TestServer.start()
  member = await server.signUp(alice, phone)
})
afterAll(() => server.close())

async function signed(wallet: TestWallet = alice, change: Partial<Pick<WalletProof, 'purpose' | 'device' | 'bodyHash'>> = {}, account = member.account): Promise<Uint8Array> {
  const proof = await server.prove(wallet, { purpose: 'withdraw', device: phone.device, bodyHash, ...change }, await server.state(account))
  if (proof.type !== 'wallet') throw new Error('no wallet proof')
  return encodeCbor(encodeWalletProof(proof.proof))
}
const verify = (proof: Uint8Array, hash = bodyHash, account = member.account): Promise<WithdrawalCheck> => server.auth.withdrawals.verify({ account, bodyHash: hash, proof })
const codeOf = async (check: Promise<WithdrawalCheck>): Promise<string> => {
  const answer = await check
  return answer.status === 'valid' ? 'valid' : answer.code
}

/** Adds a device or a wallet, and gives the time of the newest wallet signature under it. */
async function addDevice(device: TestDevice): Promise<void> {
  await server.signUp(alice, device, member.account)
}

describe('a withdrawal', () => {
  it('is allowed by a wallet of the account that signed exactly it, and as often as it is asked about', async () => {
    const proof = await signed()
    expect([await codeOf(verify(proof)), await codeOf(verify(proof))]).toEqual(['valid', 'valid'])
  })

  it('is refused when anything of it is different from what was signed', async () => {
    const proof = await signed()
    expect(await codeOf(verify(proof, other))).toBe('proof.body')
    expect(await codeOf(verify(proof.subarray(0, -1)))).toBe('proof.malformed')
    expect(await codeOf(verify(new Uint8Array()))).toBe('proof.malformed')
    expect(await codeOf(verify(proof, bodyHash, stranger))).toBe('account.not_found')
    expect(await codeOf(verify(await signed(mallory)))).toBe('account.wallet_unknown')
    expect(await codeOf(verify(await signed(alice, { purpose: 'add-device', bodyHash: undefined })))).toBe('proof.nonce')
    const tablet: DeviceId = new TestDevice('a tablet that nobody added').device
    expect(await codeOf(verify(await signed(alice, { device: tablet })))).toBe('account.device_unknown')
  })

  it('is not allowed by the proof of another account, although its wallet is somewhere active', async () => {
    const hers = await server.signUp(mallory, new TestDevice('mallory phone'))
    expect(await codeOf(verify(await signed(mallory, {}, hers.account)))).toBe('account.wallet_unknown')
  })

  it('is refused when the account changed since, or the nonce ran out', async () => {
    const proof = await signed()
    const late = await signed()
    server.clock.shiftMs += 11 * 60_000
    expect(await codeOf(verify(late))).toBe('proof.expired')
    server.clock.shiftMs = 0
    await addDevice(new TestDevice('laptop'))
    expect(await codeOf(verify(proof))).toBe('proof.log')
  })

  it('is refused with a signature that was changed', async () => {
    const state = await server.state(member.account)
    const proof = await server.prove(alice, { purpose: 'withdraw', device: phone.device, bodyHash }, state)
    if (proof.type !== 'wallet') throw new Error('no wallet proof')
    const signature = proof.proof.signature.slice()
    signature[0] = (signature[0] ?? 0) ^ 1
    expect(await codeOf(verify(encodeCbor(encodeWalletProof({ ...proof.proof, signature }))))).toBe('proof.signature')
  })
})

describe('the owner of an account', () => {
  it('is told with the time when a device or wallet was added last, and never the time of the first device', async () => {
    const bob = new TestWallet('bob')
    const first = await server.signUp(bob, new TestDevice('bob phone'))
    expect(await server.auth.withdrawals.owner(first.account)).toEqual({ foundingWallet: bob.walletId, lastAddedMs: undefined, closed: false })
    expect(await server.auth.withdrawals.owner(stranger)).toBeUndefined()

    server.clock.shiftMs = 3_600_000
    const before = server.clock.now()
    await server.signUp(bob, new TestDevice('bob laptop'), first.account)
    const device = await server.auth.withdrawals.owner(first.account)
    expect(device?.lastAddedMs).toBeGreaterThanOrEqual(before)
    expect(device?.lastAddedMs).toBeLessThanOrEqual(server.clock.now())

    server.clock.shiftMs = 7_200_000
    const state = await server.state(first.account)
    const asking = new TestDevice('bob phone').device
    const challenge = await server.challenge('link-wallet', asking)
    const claim = { purpose: 'link-wallet' as const, device: asking, state, challenge, domain: server.domain, origin: server.origin }
    const proofs = [
      bob.prove({ ...claim, otherWallet: cold.walletId }),
      cold.prove({ ...claim, challenge: await server.challenge('link-wallet', asking), otherWallet: bob.walletId }),
    ]
    const draft = draftEntry(state, 'wallet.link', { wallet: cold.walletId }, server.clock.now())
    await server.expectOk(server.append(first.account, sealEntry(draft, proofs.map((proof) => ({ type: 'wallet' as const, proof }))).bytes))
    expect((await server.auth.withdrawals.owner(first.account))?.lastAddedMs).toBeGreaterThanOrEqual(before + 3_600_000)
    server.clock.shiftMs = 0
  })
})
