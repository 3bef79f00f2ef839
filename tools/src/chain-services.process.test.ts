import { describe, expect, it, vi } from 'vitest'
import { isRunning } from '../services/process-identity.mjs'
import { environmentOf } from '../services/up.mjs'
import { servicesScene } from './services-scene.fixture.js'

// The real program: built, started and ended here.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 })

const { services, up, state } = servicesScene('solana,ton,terra')
async function ask(url: string | undefined, method: string, ...params: readonly unknown[]): Promise<unknown> {
  const response = await fetch(url ?? '', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) })
  return (await response.json() as { readonly result?: unknown }).result
}

describe('the local chains of npm run services', () => {
  it('run on loopback, make slots, give play money, and say where they are', async () => {
    const { EVEGRAM_SOLANA: url } = state().env
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    const slot = await ask(url, 'getSlot', { commitment: 'processed' })
    await vi.waitFor(async () => { expect(await ask(url, 'getSlot', { commitment: 'processed' })).toBeGreaterThan(Number(slot)) }, 10_000)
    const address = 'So11111111111111111111111111111111111111112'
    const before = await ask(url, 'getBalance', address, { commitment: 'processed' }) as { readonly value: number }
    expect(await ask(url, 'requestAirdrop', address, 5_000)).toMatch(/^[1-9A-HJ-NP-Za-km-z]{80,90}$/)
    expect(await ask(url, 'getBalance', address, { commitment: 'processed' })).toMatchObject({ value: before.value + 5_000 })
  })

  it('have a TON chain among them, with a faucet', async () => {
    const { EVEGRAM_TON: url = '' } = state().env
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/api\/v2\/jsonRPC$/)
    const call = async (method: string, params: object): Promise<unknown> => {
      const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) })
      return (await response.json() as { readonly result?: unknown }).result
    }
    const address = 'UQAzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM-lI'
    expect(await call('faucet', { address, amount: '5000' })).toMatchObject({ '@type': 'ok' })
    await vi.waitFor(async () => { expect(await call('getAddressInformation', { address })).toMatchObject({ balance: '5000' }) }, 10_000)
  })

  it('have a Terra Classic chain among them, with a faucet', async () => {
    const { EVEGRAM_TERRA: url = '' } = state().env
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    const get = async (path: string): Promise<unknown> => (await fetch(`${url}${path}`)).json()
    const heightOf = async (): Promise<number> => {
      const { block } = await get('/cosmos/base/tendermint/v1beta1/blocks/latest') as { readonly block: { readonly header: { readonly height: string } } }
      return Number(block.header.height)
    }
    const [before, address] = [await heightOf(), 'terra1x46rqay4d3cssq8gxxvqz8xt6nwlz4td20k38v']
    expect((await fetch(`${url}/faucet`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ address, denom: 'uluna', amount: '5000' }) })).status).toBe(200)
    await vi.waitFor(async () => { expect(await heightOf()).toBeGreaterThan(before + 1) }, 10_000)
    expect(await get(`/cosmos/bank/v1beta1/balances/${address}`)).toMatchObject({ balances: [{ denom: 'uluna', amount: '5000' }] })
  })

  it('are started once, keep their ports, and are ended', async () => {
    const { processes } = state()
    await up()
    expect(state().processes.map(({ pid }) => pid)).toEqual(processes.map(({ pid }) => pid))
    await expect(services('up', '--native', '--only', 'terra', '--terra-node')).rejects.toThrow(/imitating chain of Terra runs in .*run "npm run services -- down" first/)
    await services('down')
    expect(processes.filter(isRunning)).toEqual([])
    await up()
    expect(state().processes.map(({ kind, address }) => [kind, address])).toEqual(processes.map(({ kind, address }) => [kind, address]))
  })

  it('are no part of what services find when they do not run', () => {
    expect(environmentOf({ nodes: 1, processes: [] })).not.toHaveProperty('EVEGRAM_SOLANA')
    const processes = [{ kind: 'solana', address: '127.0.0.1:1' }, { kind: 'terra', address: '127.0.0.1:2' }, { kind: 'ton', address: '127.0.0.1:3' }]
    expect(environmentOf({ nodes: 1, processes })).toEqual({
      EVEGRAM_SOLANA: 'http://127.0.0.1:1', EVEGRAM_TERRA: 'http://127.0.0.1:2', EVEGRAM_TON: 'http://127.0.0.1:3/api/v2/jsonRPC',
    })
  })
})
