import { existsSync, readdirSync, mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@evegram/platform'
import { isEvegramError } from '@evegram/protocol'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { amountOf } from '../../../ledger/amount.js'
import { assetIdOf } from '../../../ledger/ids.js'
import { AgreedChain } from '../../agreed-chain.js'
import type { ChainAddress, PaymentIntent, PaymentSighting, SignedPayment } from '../../chain-adapter.js'
import { countingRandom } from '../../counting-random.js'
import type { Signer } from '../../signer.js'
import type { TerraChainAdapter } from '../adapter.js'
import { LUNA, TERRA, terraToken } from '../address.js'
import { TerraRpc } from '../rpc.js'
import { readTaxTerms, taxOf, type TaxTerms } from '../tax-terms.js'
import { foundTerrad, NO_TERRAD } from './found-terrad.contract.js'
import { NodeWorld } from './node-world.contract.js'
import { serveTerraNode } from './serve.js'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const found = foundTerrad()
const UUSD = assetIdOf(TERRA, 'uusd')
/** What is funded, and more than any payment here costs. */
const FUNDS = 1_000_000_000_000n
const unavailable: unknown = expect.toSatisfy((error) => isEvegramError(error, 'unavailable.chain'))

interface Somebody {
  readonly address: ChainAddress
  readonly signer: Signer
}

describe.skipIf(found === undefined)(`a real Terra node${found === undefined ? `: ${NO_TERRAD}` : ` (terrad ${found.version})`}`, () => {
  let world: NodeWorld
  let adapter: TerraChainAdapter
  let terms: TaxTerms
  beforeAll(async () => {
    world = await NodeWorld.open(found?.path ?? '')
    adapter = world.adapter()
    terms = await readTaxTerms(new TerraRpc({ url: world.node.lcdUrl, chainId: world.node.chainId }), ['uusd'])
  })
  afterAll(async () => {
    await world.node.close()
  })

  async function funded(): Promise<Somebody> {
    const account = world.account()
    for (const denom of ['uluna', 'uusd']) await world.node.faucet.give(account.address, denom, FUNDS)
    await world.blocks(2)
    return account
  }
  const intent = (outputs: PaymentIntent['outputs'], fields: Partial<PaymentIntent> = {}): PaymentIntent =>
    ({ outputs, feeMax: amountOf(FUNDS), taxMax: new Map([[UUSD, amountOf(FUNDS)]]), inFlight: [], ...fields })
  async function signed(payer: Somebody, outputs: PaymentIntent['outputs'], fields: Partial<PaymentIntent> = {}, by = adapter): Promise<SignedPayment> {
    const answer = await by.sign(intent(outputs, fields), payer.signer)
    if (answer.status !== 'signed') throw new Error(answer.status)
    return answer.payment
  }
  async function settled(payment: SignedPayment): Promise<Extract<PaymentSighting, { readonly status: 'final' }>['settlement']> {
    return vi.waitFor(async () => {
      const sighting = await adapter.lookUp(payment)
      if (sighting.status !== 'final') throw new Error(sighting.status)
      return sighting.settlement
    }, { timeout: 30_000, interval: 50 })
  }
  async function held(address: ChainAddress, asset = LUNA): Promise<bigint> {
    const answer = await adapter.balance({ address, asset })
    if (answer.status !== 'known') throw new Error('no balance')
    return answer.amount
  }

  it.each([['little', 2_000_001n], ['so much that a tax with a cap reaches it', 400_000_000_000n]])('pays uusd in full and its tax beside it in uusd, to the unit: %s', async (_how, amount) => {
    const [payer, { address: to }] = [await funded(), world.account()]
    const payment = await signed(payer, [{ to, asset: UUSD, amount: amountOf(amount) }])
    await adapter.broadcast(payment)
    const tax = taxOf('uusd', amount, terms)
    expect(await settled(payment)).toMatchObject({ outputs: [{ status: 'paid', received: amount }], fee: payment.feeMax, taxes: [{ asset: UUSD, amount: tax }] })
    expect([await held(to, UUSD), await held(payer.address, UUSD), await held(payer.address)]).toEqual([amount, FUNDS - amount - tax, FUNDS - payment.feeMax])
    if (terms.kind === 'stability') expect(tax).toBe(amount < 10n ** 9n ? 2_001n : 1_000_000n)
  })

  it('is not paid a unit less than the tax: the node refuses it, or the recipient would be short', async () => {
    const [payer, { address: to }] = [await funded(), world.account()]
    // A source that tells half of the rate.
    const cheap = vi.spyOn(TerraRpc.prototype, 'stabilityTaxRate').mockResolvedValue(5n * 10n ** 14n)
    const payment = await signed(payer, [{ to, asset: UUSD, amount: amountOf(2_000_000n) }])
    cheap.mockRestore()
    const answer = await adapter.broadcast(payment)
    if (terms.kind === 'stability') expect(answer).toMatchObject({ status: 'refused', reason: expect.stringMatching(/13|fee/) as string })
    expect(await held(to, UUSD)).toBe(0n)
  })

  it('is paid uluna in full, and takes what it says of it', async () => {
    const [payer, { address: to }] = [await funded(), world.account()]
    const payment = await signed(payer, [{ to, asset: LUNA, amount: amountOf(300_000_000n) }])
    await adapter.broadcast(payment)
    expect(await settled(payment)).toMatchObject({ outputs: [{ status: 'paid', received: 300_000_000n }], fee: payment.feeMax, taxes: [] })
    expect([await held(to), await held(payer.address)]).toEqual([300_000_000n, FUNDS - 300_000_000n - payment.feeMax])
  })

  it('takes the fee of a payment that failed, and nothing else', async () => {
    const [payer, { address: to }] = [await funded(), world.account()]
    const { final: after } = await adapter.head()
    const most = await signed(payer, [{ to, asset: LUNA, amount: amountOf(FUNDS - 100_000_000n) }])
    // Signed as if the one before it paid nothing: it is in the next block, and what it sends is gone.
    const late = await signed(payer, [{ to, asset: LUNA, amount: amountOf(200_000_000n) }], { inFlight: [{ ...most, outputs: [] }] })
    for (const payment of [most, late]) expect(await adapter.broadcast(payment)).toEqual({ status: 'accepted' })
    expect(await settled(late)).toMatchObject({ outputs: [{ status: 'failed', reason: 'transaction_failed' }], fee: late.feeMax, taxes: [] })
    expect(await held(to)).toBe(FUNDS - 100_000_000n)
    const { final } = await adapter.head()
    const { transfers } = await adapter.watch({ addresses: new Set([payer.address]), after, upTo: final, limit: 10 })
    expect(transfers.at(-1)).toMatchObject({ txid: late.txid, direction: 'out', amount: late.feeMax, fee: late.feeMax, from: payer.address })
  })

  it('shows a payment in its newest block as confirmed before it is final', async () => {
    const [payer, { address: to }] = [await funded(), world.account()]
    for (let round = 0; round < 20; round++) {
      const payment = await signed(payer, [{ to, asset: LUNA, amount: amountOf(1n) }])
      await adapter.broadcast(payment)
      const seen: string[] = []
      while (seen.at(-1) !== 'final') seen.push((await adapter.lookUp(payment)).status)
      expect([...new Set(seen)].join()).toMatch(/^(unknown,)?(confirmed,)?final$/)
      if (seen.includes('confirmed')) return
    }
    throw new Error('never seen as confirmed')
  })

  it('refuses gas below its price, and a number that was used', async () => {
    const [payer, { address: to }] = [await funded(), world.account()]
    const cheap = await signed(payer, [{ to, asset: LUNA, amount: amountOf(1n) }], {}, world.adapter({ gasPrice: 1_000_000n }))
    expect(await adapter.broadcast(cheap)).toMatchObject({ status: 'refused', reason: expect.stringMatching(/^sdk 13: /) as string })
    const [first, second] = [await signed(payer, [{ to, asset: LUNA, amount: amountOf(1n) }]), await signed(payer, [{ to, asset: LUNA, amount: amountOf(2n) }])]
    await adapter.broadcast(first)
    await settled(first)
    expect(await adapter.broadcast(second)).toMatchObject({ status: 'refused', reason: expect.stringMatching(/^sdk 32: /) as string })
    expect(await adapter.lookUp(second)).toMatchObject({ status: 'expired' })
  })

  it('tells all of a block that many payments of one account are in, in its order', async () => {
    const [payer, { address: to }] = [await funded(), world.account()]
    const { final: after } = await adapter.head()
    const payments: SignedPayment[] = []
    for (let amount = 1n; amount <= 12n; amount++) payments.push(await signed(payer, [{ to, asset: LUNA, amount: amountOf(amount) }], { inFlight: payments }))
    for (const payment of payments) await adapter.broadcast(payment)
    await settled(payments.at(-1) ?? (() => { throw new Error('none') })())
    const { final } = await adapter.head()
    const told = (await adapter.watch({ addresses: new Set([to]), after, upTo: Math.min(final, after + 60), limit: 1_000 })).transfers
    expect(told.map(({ txid, amount }) => [txid, amount])).toEqual(payments.map(({ txid }, index) => [txid, BigInt(index + 1)]))
    expect(new Set(told.map(({ height }) => height)).size).toBeLessThan(payments.length)
  })

  it('works with no CW20 where contracts are not those of today, and says so', async () => {
    if (terms.kind !== 'stability') return
    const [payer, { address: contract }] = [await funded(), world.account()]
    const answer = await adapter.sign(intent([{ to: world.account().address, asset: terraToken(contract), amount: amountOf(5n) }]), payer.signer)
    expect(answer).toMatchObject({ status: 'not_payable', problem: expect.stringMatching(/CW20/) as string })
    await expect(world.adapter({ tokens: [contract] }).head()).rejects.toThrow(unavailable)
  })

  it('is the same through its front: two endpoints that agree', async () => {
    const [payer, { address: to }] = [await funded(), world.account()]
    const chain = new AgreedChain({
      sources: [{ name: 'node', adapter }, { name: 'front', adapter: world.adapter({ url: world.node.url }) }], alarm: ({ about, subject }) => { throw new Error(`${about} ${subject}`) },
    })
    const answer = await chain.sign(intent([{ to, asset: LUNA, amount: amountOf(5_000n) }]), payer.signer)
    if (answer.status !== 'signed') throw new Error(answer.status)
    await chain.broadcast(answer.payment)
    await settled(answer.payment)
    await world.blocks(2)
    expect(await chain.lookUp(answer.payment)).toMatchObject({ status: 'agreed', value: { status: 'final' } })
    expect(await chain.balance({ address: to, asset: LUNA })).toMatchObject({ status: 'agreed', value: { amount: 5_000n } })
  })

  it('has a front that gives what there is, refuses what there is not, and answers this machine alone', async () => {
    const { url, faucet, chainId } = world.node
    const { address } = world.account()
    const ask = async (body: unknown): Promise<number> =>
      (await fetch(`${url}/faucet`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: typeof body === 'string' ? body : JSON.stringify(body) })).status
    expect(await (await fetch(`${url}/faucet`)).json()).toEqual({ address: faucet.address, denominations: ['uluna', 'uusd'], chain_id: chainId })
    const gift = { address, denom: 'uluna', amount: '7' }
    for (const wrong of ['no json', { ...gift, amount: 7 }, { ...gift, amount: '0' }, { ...gift, amount: '1000000000000001' }, { ...gift, denom: 'ukrw' }, { ...gift, address: 'terra1x' }, { ...gift, memo: 5 }]) {
      expect([wrong, await ask(wrong)]).toEqual([wrong, 400])
    }
    expect(await ask(gift)).toBe(200)
    await world.blocks(2)
    expect(await held(address)).toBe(7n)
    const status = await new Promise((resolve, reject) => {
      request(url, { headers: { host: 'evil.example' } }, (response) => {
        response.resume()
        resolve(response.statusCode)
      }).on('error', reject).end()
    })
    expect(status).toBe(421)
  })

  it('starts a chain of its own each time, and leaves nothing behind', async () => {
    const within = mkdtempSync(join(tmpdir(), 'evegram-nodes-'))
    const options = { clock: systemClock(), program: found?.path ?? '', port: 0, blockMs: 100, within }
    const one = await serveTerraNode({ ...options, random: countingRandom('one'), chainId: 'local-other' })
    expect([readdirSync(within).length, one.chainId, one.version]).toEqual([1, 'local-other', found?.version])
    expect(one.faucet.address).not.toBe(world.node.faucet.address)
    await expect(world.adapter({ url: one.lcdUrl }).head()).rejects.toThrow(unavailable)
    const another = await one.faucet.give(world.account().address, 'uusd', 5n)
    expect(another).toMatch(/^[0-9A-F]{64}$/)
    await one.close()
    await one.close()
    expect(readdirSync(within)).toEqual([])
    await expect(fetch(`${one.lcdUrl}/cosmos/base/tendermint/v1beta1/syncing`)).rejects.toThrow()
    await expect(serveTerraNode({ ...options, random: countingRandom('two'), program: '/bin/true' })).rejects.toSatisfy((error) => isEvegramError(error, 'invalid.config'))
    await expect(serveTerraNode({ ...options, random: countingRandom('three'), chainId: 'columbus-5' })).rejects.toSatisfy((error) => isEvegramError(error, 'invalid.config'))
    expect(readdirSync(within)).toEqual([])
    rmSync(within, { recursive: true })
    expect(existsSync(within)).toBe(false)
  })

  it('does not take another node for its own, and says why its own ended', async () => {
    const taken = Number(new URL(world.node.lcdUrl).port)
    await expect(serveTerraNode({ clock: systemClock(), program: found?.path ?? '', port: 0, blockMs: 100, random: countingRandom('late'), lcdPort: taken }))
      .rejects.toSatisfy((error) => isEvegramError(error, 'unavailable.chain') && error.message.includes('address already in use'))
  })
})
