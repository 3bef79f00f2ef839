import { EvegramError } from '@evegram/protocol'
import type { AccountWallet, UnansweredWithdrawal, Withdrawal, WithdrawalTermsAsked } from '@evegram/sdk'
import { describe, expect, it } from 'vitest'
import { runCommand } from '../testing/command-run.js'
import { askWithdrawalAgain, forgetWithdrawal, walletWithdrawals } from './wallet-withdrawals.js'

const ASKED: UnansweredWithdrawal = { id: '3f0a12bc00', asset: 'solana/sol', amount: 1_500_000_000n, to: '7xKX', memo: 'rent', askedAtMs: Date.UTC(2026, 0, 2) }
const TAKEN: Withdrawal = { id: ASKED.id, chain: 'solana', asset: 'solana/sol', amount: ASKED.amount, to: '7xKX', feeMax: 1n, taxMax: 0n, feeFrom: 'account', state: 'paid', createdAtMs: ASKED.askedAtMs }

interface Scene {
  readonly client: { readonly wallet: Partial<AccountWallet> }
  readonly withdrawn: WithdrawalTermsAsked[]
  readonly forgotten: string[]
}

/** A device that has no answer for {@link ASKED}, at a server that has `taken`, or is away. */
function scene({ taken = [], isAway = false }: { readonly taken?: readonly Withdrawal[]; readonly isAway?: boolean } = {}): Scene {
  const [withdrawn, forgotten]: [WithdrawalTermsAsked[], string[]] = [[], []]
  const answer = <Value>(value: () => Value): Promise<Value> => isAway ? Promise.reject(new EvegramError('unavailable.server')) : Promise.resolve().then(value)
  const wallet: Partial<AccountWallet> = {
    assets: () => answer(() => [{ asset: 'solana/sol', chain: 'solana', symbol: 'SOL', decimals: 9, native: true, depositMin: 1n }]),
    unansweredWithdrawals: () => Promise.resolve(taken.some(({ id }) => id === ASKED.id) ? [] : [ASKED]),
    withdrawals: () => answer(() => taken),
    withdrawal: (id) => answer(() => {
      const found = taken.find((one) => one.id === id)
      if (found === undefined) throw new EvegramError('not_found.resource')
      return found
    }),
    quote: ({ to }) => answer(() => ({ chain: 'solana', to, feeAsset: 'solana/sol', feeMax: 1n, taxMax: 0n, feeFrom: 'account' as const, holdMs: 0, needsApproval: false })),
    withdraw: (_wallet, terms) => answer(() => {
      withdrawn.push(terms)
      return TAKEN
    }),
    forgetWithdrawal: (id) => answer(() => { forgotten.push(id) }),
  }
  return { client: { wallet }, withdrawn, forgotten }
}

const options = { yes: true, wait: 1 }

describe('withdrawals without an answer', () => {
  it('are listed before what the server has, and no more once it names them', async () => {
    const other = { ...TAKEN, id: 'other' }
    const { objects } = await runCommand(scene({ taken: [other] }).client, (context) => walletWithdrawals(context, { limit: 5 }))
    expect(objects).toMatchObject([{ withdrawal: ASKED.id, state: 'unanswered', decimal: '1.5', symbol: 'SOL', to: '7xKX', memo: 'rent', askedAt: '2026-01-02T00:00:00.000Z' }, { withdrawal: 'other', state: 'paid' }])
    expect((await runCommand(scene({ taken: [TAKEN] }).client, (context) => walletWithdrawals(context, { limit: 5 }))).objects).toMatchObject([{ withdrawal: ASKED.id, state: 'paid' }])
  })

  it('are listed without a server too, which is told as the failure that it is', async () => {
    const { objects, error } = await runCommand(scene({ isAway: true }).client, (context) => walletWithdrawals(context, { limit: 5 }))
    expect(objects).toMatchObject([{ withdrawal: ASKED.id, state: 'unanswered', amount: '1500000000' }])
    expect(error).toMatchObject({ code: 'unavailable.server' })
  })

  it('are asked for again on the same terms under their id', async () => {
    const { client, withdrawn } = scene()
    const { objects, error } = await runCommand(client, (context) => askWithdrawalAgain(context, ASKED.id.slice(0, 6), options))
    expect([error, objects]).toMatchObject([undefined, [{ withdrawal: ASKED.id, state: 'paid' }]])
    expect(withdrawn).toEqual([{ id: ASKED.id, asset: ASKED.asset, amount: ASKED.amount, to: ASKED.to, memo: 'rent' }])
  })

  it('are not asked for without a yes', async () => {
    const { client, withdrawn } = scene()
    const { error } = await runCommand(client, (context) => askWithdrawalAgain(context, ASKED.id, { wait: 1 }))
    expect([error, withdrawn]).toMatchObject([{ code: 'invalid.argument', operation: 'confirm' }, []])
  })

  it('that the server has are followed and not signed again, and not forgotten', async () => {
    for (const command of [(...[context]: Parameters<typeof walletWithdrawals>) => askWithdrawalAgain(context, ASKED.id, options), (...[context]: Parameters<typeof walletWithdrawals>) => forgetWithdrawal(context, ASKED.id)]) {
      const { client, withdrawn, forgotten } = scene({ taken: [{ ...TAKEN, state: 'failed' }] })
      // The list was made before the server was asked.
      const listed = { wallet: { ...client.wallet, unansweredWithdrawals: () => Promise.resolve([ASKED]) } }
      expect((await runCommand(listed, (context) => command(context, { limit: 1 }))).objects).toMatchObject([{ withdrawal: ASKED.id, state: 'failed' }])
      expect([withdrawn, forgotten]).toEqual([[], []])
    }
  })

  it('are forgotten when the server does not have them, and are named exactly', async () => {
    const { client, forgotten } = scene()
    expect((await runCommand(client, (context) => forgetWithdrawal(context, ASKED.id))).objects).toEqual([{ withdrawal: ASKED.id, forgotten: true }])
    for (const wanted of ['3f0a1', '3f0a13', '']) {
      expect((await runCommand(client, (context) => forgetWithdrawal(context, wanted))).error).toMatchObject({ code: 'invalid.argument' })
    }
    expect(forgotten).toEqual([ASKED.id])
    expect((await runCommand(scene({ isAway: true }).client, (context) => forgetWithdrawal(context, ASKED.id))).error).toMatchObject({ code: 'unavailable.server' })
  })
})
