import { utf8 } from '@evegram/protocol'
import { readTonBoc, type Chain } from '@evegram/protocol/proof'
import { ed25519 } from '@noble/curves/ed25519.js'
import { base58 } from '@scure/base'
import { describe, expect, it } from 'vitest'
import { createLocalPayer } from './local-payer.js'
import type { LocalPayment, PayerFacts } from './local-payment.js'
import { createLocalWallet } from './local-wallet.js'

// That local chains take what is signed here, and pay exactly that, is shown by clients/cli: the tour of README.md on local chains.
const seed = Uint8Array.from({ length: 32 }, (_, index) => index + 1)
const other = (chain: Chain): string => createLocalWallet(chain, seed.map((byte) => byte + 9)).address
const FACTS: { readonly [Name in Chain]: PayerFacts } = {
  solana: { chain: 'solana', blockhash: base58.encode(new Uint8Array(32).fill(5)) },
  ton: { chain: 'ton', seqno: 3, isDeployed: true, seconds: 1_800_000_000 },
  terra: { chain: 'terra', chainId: 'localterra', accountNumber: 4, sequence: 0, gasPrice: 28_325_000n, taxRate: 5_000_000_000_000_000n },
}
const CHAINS = ['solana', 'ton', 'terra'] as const

function includes(bytes: Uint8Array, part: Uint8Array): boolean {
  return Buffer.from(bytes).includes(Buffer.from(part))
}

describe('a wallet that pays on a local chain', () => {
  it.each(CHAINS)('%s: pays from the address of the wallet, the same way each time', (chain) => {
    const payer = createLocalPayer(chain, seed)
    expect([payer.chain, payer.address]).toEqual([chain, createLocalWallet(chain, seed).address])
    const payment: LocalPayment = { to: other(chain), amount: 1_234n, memo: 'evg1memo' }
    const { bytes } = payer.sign(payment, FACTS[chain])
    expect(payer.sign(payment, FACTS[chain]).bytes).toEqual(bytes)
    expect(includes(bytes, utf8('evg1memo'))).toBe(true)
    for (const change of [{ amount: 1_235n }, { to: createLocalWallet(chain, seed.map((byte) => byte + 1)).address }, { memo: 'evg1memp' }]) {
      expect(payer.sign({ ...payment, ...change }, FACTS[chain]).bytes).not.toEqual(bytes)
    }
  })

  it.each(CHAINS)('%s: signs nothing that is no payment, and nothing for another chain', (chain) => {
    const payer = createLocalPayer(chain, seed)
    const payment: LocalPayment = { to: other(chain), amount: 1n }
    for (const change of [{ amount: 0n }, { amount: -1n }, { amount: 1n << 63n }, { to: payer.address }, { memo: 'x'.repeat(121) }, { memo: 'é'.repeat(61) }]) {
      expect(() => payer.sign({ ...payment, ...change }, FACTS[chain])).toThrow('invalid.argument')
    }
    for (const wrong of CHAINS.filter((one) => one !== chain)) expect(() => payer.sign(payment, FACTS[wrong])).toThrow('invalid.argument')
    expect(payer.sign({ ...payment, memo: 'x'.repeat(120) }, FACTS[chain]).bytes.length).toBeGreaterThan(120)
  })

  it('Terra: refuses every chain that is not a local one', () => {
    const facts = FACTS.terra
    for (const chainId of ['columbus-5', 'rebel-2', '', 'Localterra', 'phoenix-1', 'localterra\ncolumbus-5']) {
      expect(() => createLocalPayer('terra', seed).sign({ to: other('terra'), amount: 1n }, { ...facts, chain: 'terra', chainId } as PayerFacts), chainId).toThrow('invalid.argument')
    }
  })

  it('Terra: offers gas and tax, rounded up; Solana: one signature over all that follows; TON: its state with the first message', () => {
    // 200,000 units of gas at 28.325, and 0.5 % of 1,001.
    expect(createLocalPayer('terra', seed).sign({ to: other('terra'), amount: 1_001n }, FACTS.terra).fee).toBe(5_665_000n + 6n)
    const { bytes, fee } = createLocalPayer('solana', seed).sign({ to: other('solana'), amount: 7n }, FACTS.solana)
    expect([fee, bytes[0], ed25519.verify(bytes.subarray(1, 65), bytes.subarray(65), ed25519.getPublicKey(seed))]).toEqual([5_000n, 1, true])
    const payer = createLocalPayer('ton', seed)
    const refs = (isDeployed: boolean): number | undefined =>
      readTonBoc(payer.sign({ to: other('ton'), amount: 7n }, { chain: 'ton', seqno: 0, isDeployed, seconds: 1_800_000_000 }).bytes)?.refs.length
    expect([refs(true), refs(false)]).toEqual([1, 2])
  })
})
