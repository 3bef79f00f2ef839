import { EvegramError, hexOf, parseAccountId, utf8 } from '@evegram/protocol'
import { withdrawalBodyHash } from '@evegram/protocol/proof'
import { describe, expect, it } from 'vitest'
import { parseSolanaAddress, SOL, SOLANA } from './chain/solana/index.js'
import type { ChainAddress } from './chain/chain-adapter.js'
import { payoutIdOf } from './flows/payout/payout.js'
import type { WithdrawalClaim } from './flows/payout/withdrawal-proofs.js'
import { amountOf } from './ledger/amount.js'
import type { AccountOwner, WithdrawalQuestion } from './ports/auth.js'
import { WalletProofs } from './wallet-proofs.js'

const alice = parseAccountId('a'.repeat(32))
// The public key of RFC 8032, test 1.
const home = parseSolanaAddress('FVen3X669xLzsi6N2V91DoiyzHzg1uAgqiT8jZ9nS96Z')
const elsewhere = parseSolanaAddress('586Z7H2vpX9qNhN2T4e9Utugie3ogjbxzGaMtM3E6HR5')
const owner: AccountOwner = { foundingWallet: `solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:${home}`, lastAddedMs: 77, closed: false }
const claim: WithdrawalClaim = { id: payoutIdOf(alice, 'w-1'), chain: SOLANA, account: alice, asset: SOL, amount: amountOf(5n), to: home, memo: undefined }
const nothing = new Uint8Array()

function proofsOf(found: AccountOwner | undefined, asked: WithdrawalQuestion[] = [], foundingDayMax = new Map([[SOL, amountOf(10n)]])): WalletProofs {
  return new WalletProofs({
    auth: {
      owner: async () => found,
      verifyWithdrawal: async (question) => {
        asked.push(question)
        return question.proof[0] === 1 ? { status: 'valid' } : { status: 'refused', code: 'proof.body' }
      },
    },
    parseAddress: (text): ChainAddress | undefined => {
      try {
        return parseSolanaAddress(text)
      } catch (error) {
        if (error instanceof EvegramError) return undefined
        throw error
      }
    },
    foundingDayMax,
  })
}

describe('a withdrawal', () => {
  it('is asked about by the hash of its account, id, chain, asset, amount, destination and memo', async () => {
    const asked: WithdrawalQuestion[] = []
    const proofs = proofsOf(owner, asked)
    expect(await proofs.check({ ...claim, to: elsewhere, memo: utf8('m') }, new Uint8Array([1]))).toBe('valid')
    expect(await proofs.check(claim, new Uint8Array([2]))).toBe('invalid')
    expect(asked.map(({ account, bodyHash }) => [account, hexOf(bodyHash)])).toEqual([
      [alice, hexOf(withdrawalBodyHash({ id: 'w-1', chain: 'solana', asset: 'solana/sol', amount: '5', to: elsewhere, memo: utf8('m') }))],
      [alice, hexOf(withdrawalBodyHash({ id: 'w-1', chain: 'solana', asset: 'solana/sol', amount: '5', to: home }))],
    ])
  })

  it('needs no proof to the founding wallet, within the limit of a day', async () => {
    expect(await proofsOf(owner).check(claim, nothing)).toEqual({ status: 'within', accountDayMax: 10n })
  })

  it.each([
    ['to another address', claim, { ...claim, to: elsewhere }, owner],
    ['with a memo', claim, { ...claim, memo: utf8('exchange') }, owner],
    ['from a closed account', claim, claim, { ...owner, closed: true }],
    ['from an account that nobody has', claim, claim, undefined],
    ['when the founding wallet is on another chain', claim, claim, { ...owner, foundingWallet: 'cosmos:columbus-5:terra1x46rqay4d3cssq8gxxvqz8xt6nwlz4td20k38v' }],
  ])('needs one %s', async (_, __, asked, found) => {
    expect(await proofsOf(found).check(asked, nothing)).toBe('invalid')
  })

  it('needs one where no limit is configured for the asset', async () => {
    expect(await proofsOf(owner, [], new Map()).check(claim, nothing)).toBe('invalid')
  })

  it('is held from the time that auth tells', async () => {
    expect(await proofsOf(owner).lastAddedMs(alice)).toBe(77)
    expect(await proofsOf({ ...owner, lastAddedMs: undefined }).lastAddedMs(alice)).toBeUndefined()
    // Auth has forgotten the account: no answer is no permission.
    await expect(proofsOf(undefined).lastAddedMs(alice)).rejects.toMatchObject({ code: 'unavailable.auth' })
  })
})
