import { describe, expect, it } from 'vitest'
import { parseAccountId } from '@evegram/protocol'
import { testDeviceKeys } from '../account/testing/log-author.js'
import { signWithSigning } from '../crypto/device-keys.js'
import { SeededRandom } from '../crypto/seeded-random.js'
import { ManualClock } from '../testing/manual-clock.js'
import { createWallyApi } from './http-wally-api.js'
import { ServerClock } from './server-clock.js'
import { StubFetch, type SeenRequest, type StubAnswer } from './testing/stub-fetch.js'
import type { WallyApi } from './wally-api.js'

const keys = await testDeviceKeys('phone')
const [account, to] = [parseAccountId('0a'.repeat(16)), parseAccountId('0b'.repeat(16))]
const asset = 'solana/sol'

function apiOn(answer: (request: SeenRequest) => StubAnswer): { readonly api: WallyApi; readonly seen: SeenRequest[] } {
  const clock = new ManualClock(1_790_000_000_000)
  const stub = new StubFetch(answer)
  const api = createWallyApi({
    url: 'http://127.0.0.1:9', server: { origin: 'http://localhost:8080' }, fetch: stub.fetch, clock, random: new SeededRandom('jti'), serverClock: new ServerClock(clock),
    tokens: {
      signer: { account, device: keys.device, publicKey: keys.signing.publicKey, sign: (message) => signWithSigning(keys, message) },
      accessToken: async () => Promise.resolve('access-1'), forgetAccessToken: () => undefined,
    },
  })
  return { api, seen: stub.seen }
}

const LINE = { number: 7, atMs: 1, transfer: `u:${to}:x`, kind: 'transfer', direction: 'in', amount: '12', purpose: 'chat', other: to, after: { held: '20', reserved: '5' } }
const PAYOUT = { id: 'w1', number: 1, chain: 'solana', asset, amount: '7', to: 'addr', feeMax: '5', taxMax: '0', feeFrom: 'account', createdMs: 1, state: 'held' }
const ASSET = { asset, chain: 'solana', native: true, symbol: 'SOL', decimals: 9, depositMin: '1', payout: { min: '1', max: '2', accountDayMax: '3', approvalAbove: '4' } }
const QUOTE = { chain: 'solana', to: 'addr', feeAsset: asset, feeMax: '5', taxMax: '0', feeFrom: 'account', holdMs: 0, needsApproval: false }
const BALANCE = { asset, held: '20', reserved: '5', available: '15', closed: false }

describe('the API of the wallet bridge', () => {
  it('reads what the server says, with the token and a proof of the device', async () => {
    const { api, seen } = apiOn(({ path }) => ({ json: path.includes('statement') ? { lines: [LINE] } : { balances: [BALANCE] } }))
    expect(await api.statement(asset, 9, 2)).toEqual([
      { asset, number: 7, atMs: 1, transfer: `u:${to}:x`, kind: 'transfer', side: 'credit', amount: 12n, heldAfter: 20n, availableAfter: 15n, other: to },
    ])
    expect(await api.balances()).toEqual([{ asset, held: 20n, reserved: 5n, available: 15n }])
    expect(seen[0]?.path).toBe('/v1/wally/statement?asset=solana%2Fsol&limit=2&before=9')
    expect([seen[0]?.headers['authorization'], (seen[0]?.headers['dpop'] ?? '').split('.').length]).toEqual(['DPoP access-1', 3])
  })

  it('sends amounts as decimal digits: none is ever a number', async () => {
    const amount = 2n ** 64n + 1n
    const { api, seen } = apiOn(({ body }) => ({ json: { ...(body as object), number: 1, atMs: 1 } }))
    await api.send({ id: 'a', to, asset, amount })
    expect(seen[0]?.body).toEqual({ id: 'a', to, asset, amount: '18446744073709551617' })
  })

  const refused = { code: 'invalid.response' }

  it.each<readonly [string, object]>([
    ['number', { amount: 12 }], ['sign', { amount: '-12' }], ['point', { amount: '1.2' }], ['exponent', { amount: '1e3' }], ['zeros', { amount: '012' }], ['39 digits', { amount: '1'.repeat(39) }],
    ['kind', { kind: 'gift' }], ['direction', { direction: 'up' }], ['after', { after: { held: '1', reserved: '2' } }], ['no after', { after: undefined }], ['person', { other: `${to.slice(1)}G` }], ['place', { number: -1 }],
  ])('refuses a statement with a wrong %s', async (_, change) => {
    await expect(apiOn(() => ({ json: { lines: [{ ...LINE, ...change }] } })).api.statement(asset, undefined, 10)).rejects.toMatchObject(refused)
  })

  it('refuses lists that are too long, assets of another chain, and quotes that say not who pays', async () => {
    await expect(apiOn(() => ({ json: { lines: Array.from({ length: 101 }, () => LINE) } })).api.statement(asset, undefined, 10)).rejects.toMatchObject(refused)
    await expect(apiOn(() => ({ json: { assets: [{ ...ASSET, chain: 'ton' }] } })).api.assets()).rejects.toMatchObject(refused)
    await expect(apiOn(() => ({ json: { assets: [{ ...ASSET, decimals: 39 }] } })).api.assets()).rejects.toMatchObject(refused)
    await expect(apiOn(() => ({ json: { ...QUOTE, feeFrom: 'you' } })).api.quote({ asset, amount: 1n, to: 'addr' })).rejects.toMatchObject(refused)
    expect(await apiOn(() => ({ json: { assets: [ASSET] } })).api.assets()).toMatchObject([{ withdrawal: { accountDayMax: 3n } }])
  })

  it('refuses an answer about something else than what was asked for', async () => {
    const terms = { id: 'a', to, asset, amount: 5n }
    for (const change of [{ id: 'b' }, { to: account }, { asset: 'ton/ton' }, { amount: '6' }]) {
      await expect(apiOn(({ body }) => ({ json: { ...(body as object), ...change } })).api.send(terms)).rejects.toMatchObject(refused)
    }
    const request = { id: 'w1', asset, amount: 7n, to: 'addr', proof: new Uint8Array(3) }
    for (const change of [{ id: 'w2' }, { to: 'other' }, { asset: 'ton/ton' }, { amount: '8' }]) {
      await expect(apiOn(() => ({ json: { ...PAYOUT, ...change } })).api.withdraw(request)).rejects.toMatchObject(refused)
    }
    expect(await apiOn(() => ({ json: { ...PAYOUT, state: 'paid', fee: '2', txid: 'tx' } })).api.withdraw(request)).toMatchObject({ state: 'paid', fee: 2n, transaction: 'tx' })
    await expect(apiOn(() => ({ json: { chain: 'ton', address: 'a', memo: 'm' } })).api.depositPlace('solana')).rejects.toMatchObject(refused)
  })
})
