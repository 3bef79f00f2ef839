import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, systemRandom } from '@evegram/platform'
import { hexOf } from '@evegram/protocol'
import { afterAll, describe, expect, it } from 'vitest'
import { operatorTokensOf, readChainsFile, type ChainsFile } from './chains-file.js'
import { openChain } from './open-chains.js'

const folder = mkdtempSync(join(tmpdir(), 'chains-'))
afterAll(() => { rmSync(folder, { recursive: true, force: true }) })
const page = readFileSync(new URL('../../docs/wally-operations.md', import.meta.url), 'utf8')
const example = JSON.parse(/```json\n([^`]+)```/.exec(page)?.[1] ?? '') as { chains: Record<string, unknown>[] }

function read(value: unknown): ChainsFile {
  const path = join(folder, 'chains.json')
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value))
  return readChainsFile(path)
}
const changed = (change: Readonly<Record<string, unknown>>): unknown => ({ ...example, chains: [{ ...example.chains[0], ...change }] })

describe('the file of chains', () => {
  it('of docs/wally-operations.md is one, and opens with its variables', async () => {
    const file = read(changed({ key: { seed: 'env:SOLANA_SEED' } }))
    const [entry] = file.chains
    const seed = 'ab'.repeat(32)
    const chain = await openChain(entry!, { SOLANA_SEED: seed, SOLANA_URL: 'http://127.0.0.1:1' }, { clock: systemClock(), random: systemRandom() })
    expect(chain).toMatchObject({ beginsAt: 300_000_000, reconcileEveryMs: 600_000, policy: { holdMs: 86_400_000, feeFrom: 'account', feeReserve: { fixed: 3_000_000n, ppm: 0 } } })
    expect([chain.signer.algorithm, chain.sources.map(({ name }) => name), chain.assets[0]?.foundingDayMax]).toEqual(['ed25519', ['own', 'other'], 100_000_000n])
    expect(operatorTokensOf(file).map(({ person, hash }) => [person, hexOf(hash)])).toEqual([['olga', '00'.repeat(32)]])
    await expect(openChain(entry!, { SOLANA_SEED: seed }, { clock: systemClock(), random: systemRandom() })).rejects.toMatchObject({ code: 'invalid.config', advice: expect.stringContaining('SOLANA_URL') as string })
    await expect(openChain(entry!, { SOLANA_SEED: 'word', SOLANA_URL: 'http://127.0.0.1:1' }, { clock: systemClock(), random: systemRandom() })).rejects.toMatchObject({ code: 'invalid.config' })
  })

  it.each([
    ['chains.0.endpoints', changed({ endpoints: [] })], ['chains.0.endpoints.0.url', changed({ endpoints: [{ name: 'a', url: 'file:///etc/passwd' }] })], ['chains.0.holdHours', changed({ holdHours: -1 })],
    ['chains.0.assets.0.payoutMin', changed({ assets: [{ ...(example.chains[0]?.['assets'] as object[])[0], payoutMin: 5 }] })], ['chains.0.chain', changed({ chain: 'bitcoin' })],
    ['chains.0.key', changed({ key: { seed: 'ab'.repeat(32) } })], ['chains.0', changed({ surprise: 1 })], ['operators.0.sha256', { ...example, operators: [{ person: 'olga', scopes: ['read'], sha256: 'token' }] }],
    ['chains.0.assets.0.asset', changed({ assets: [{ ...(example.chains[0]?.['assets'] as object[])[0], asset: 'sol/sol' }] })],
    ['chains.0.assets.1.asset', changed({ assets: [0, 0].map((index) => (example.chains[0]?.['assets'] as object[])[index]) })],
    ['operatorWallets.0', { ...example, operatorWallets: ['solana:somewhere:nobody'] }],
    ['chains.0.coinTaxMax: needed', changed({ chain: 'terra', assets: [{ ...(example.chains[0]?.['assets'] as object[])[0], asset: 'terra/uusd' }] })],
    ['chains.0.coinTaxMax: of terra', changed({ coinTaxMax: 1 })], ['chains.0.computeUnitPrice', changed({ computeUnitPrice: String(2n ** 64n) })],
    ['JSON', '{'],
  ])('is refused where %s is wrong, and says so', (place, value) => {
    expect(() => read(value)).toThrowError(expect.objectContaining({ code: 'invalid.config', advice: expect.stringContaining(place) as string }))
  })

  it('says how much tax is paid beside a coin of Terra, and what is offered for a compute unit of Solana', async () => {
    const coin = { ...(example.chains[0]?.['assets'] as object[])[0], asset: 'terra/uusd' }
    const [terra] = read(changed({ chain: 'terra', identity: 'columbus-5', assets: [coin], coinTaxMax: 12_000, key: { seed: 'env:SEED' } })).chains
    const [solana] = read(changed({ computeUnitPrice: '20000', key: { seed: 'env:SEED' } })).chains
    const environment = { SEED: 'ab'.repeat(32), SOLANA_URL: 'http://127.0.0.1:1' }
    expect([terra?.coinTaxMax, solana?.computeUnitPrice]).toEqual([12_000, 20_000n])
    for (const entry of [terra, solana]) expect((await openChain(entry!, environment, { clock: systemClock(), random: systemRandom() })).sources).toHaveLength(2)
  })

  it('is refused with an advice that holds no value of it', () => {
    expect(() => read(changed({ key: { seed: 'cd'.repeat(32) } }))).toThrowError(expect.objectContaining({ advice: expect.not.stringContaining('cdcd') as string }))
  })
})
