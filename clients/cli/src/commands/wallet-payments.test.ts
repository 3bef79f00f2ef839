import { EvegramError, parseConversationId } from '@evegram/protocol'
import type { PendingPayment } from '@evegram/sdk'
import { describe, expect, it, vi } from 'vitest'
import { runCommand } from '../testing/command-run.js'
import { dismissPayment, walletPayments } from './wallet-payments.js'

const BOB = parseConversationId('0b'.repeat(16))
const WAITING: PendingPayment = { transfer: 'aaaaaa01', conversation: BOB, asset: 'solana/sol', amount: 5n, note: 'rent', state: 'waiting', decidedAtMs: Date.UTC(2026, 0, 2) }
const REFUSED: PendingPayment = { transfer: 'aaaaaa02', conversation: BOB, asset: 'solana/sol', amount: 7n, note: '', state: 'refused', code: 'wallet.insufficient_funds', decidedAtMs: 0 }

/** A profile with these payments. `told` are those that are left once the listener of `payment-changed` was called. */
function client(payments: readonly PendingPayment[], told?: readonly PendingPayment[], isAway = false): { readonly dismissed: string[]; readonly client: unknown } {
  const dismissed: string[] = []
  let left = payments
  return {
    dismissed,
    client: {
      state: 'live', whenSynced: () => Promise.resolve(), conversations: () => Promise.resolve([{ id: BOB, peer: { address: 'UQbob' } }]),
      on: (name: string, listener: () => void) => {
        if (name === 'payment-changed' && told !== undefined) setTimeout(() => { left = told; listener() }, 50)
        return () => undefined
      },
      wallet: {
        assets: () => isAway ? Promise.reject(new EvegramError('unavailable.server')) : Promise.resolve([{ asset: 'solana/sol', chain: 'solana', symbol: 'SOL', decimals: 9, native: true, depositMin: 1n }]),
        payments: () => Promise.resolve(left.filter(({ transfer }) => !dismissed.includes(transfer))),
        dismissPayment: (transfer: string) => {
          dismissed.push(transfer)
          return Promise.resolve()
        },
      },
    },
  }
}

describe('payments that have no message yet', () => {
  it('are listed with whom, how much, why, and their state', async () => {
    const { objects } = await runCommand(client([REFUSED, WAITING]).client, (context) => walletPayments(context, { wait: 0 }))
    expect(objects).toEqual([
      { transfer: 'aaaaaa02', to: 'UQbob', asset: 'solana/sol', amount: '7', decimal: '0.000000007', symbol: 'SOL', state: 'refused', code: 'wallet.insufficient_funds' },
      { transfer: 'aaaaaa01', to: 'UQbob', asset: 'solana/sol', amount: '5', decimal: '0.000000005', symbol: 'SOL', note: 'rent', state: 'waiting', decidedAt: '2026-01-02T00:00:00.000Z' },
    ])
  })

  it('that arrive meanwhile are not called waiting', async () => {
    expect((await runCommand(client([WAITING], []).client, (context) => walletPayments(context, { wait: 60 }))).objects).toEqual([])
  })

  it('are listed without a server too, which is told as the failure that it is', async () => {
    vi.useFakeTimers()
    try {
      const away = { ...Object(client([REFUSED, WAITING], undefined, true).client) as object, state: 'offline', whenSynced: () => new Promise<void>(() => undefined) }
      const run = runCommand(away, (context) => walletPayments(context, { wait: 60 }))
      await vi.advanceTimersByTimeAsync(10_000)
      const { objects, error } = await run
      expect([objects.length, error]).toMatchObject([2, { code: 'unavailable.server', advice: expect.stringContaining('what this device has') as unknown }])
    } finally {
      vi.useRealTimers()
    }
  })

  it('are listed without the assets of the server too', async () => {
    expect((await runCommand(client([REFUSED], undefined, true).client, (context) => walletPayments(context, { wait: 0 }))).objects).toMatchObject([{ amount: '7', state: 'refused' }])
  })

  it('are put away when they were refused, one or all; never while they are on their way', async () => {
    const one = client([REFUSED, WAITING])
    expect((await runCommand(one.client, (context) => dismissPayment(context, 'aaaaaa02'))).objects).toEqual([{ transfer: 'aaaaaa02', dismissed: true }])
    expect(one.dismissed).toEqual(['aaaaaa02'])
    expect((await runCommand(one.client, (context) => dismissPayment(context, 'aaaaaa01'))).error).toMatchObject({ code: 'conflict.busy' })
    for (const wanted of ['aaaaa', 'aaaaaa', 'bbbbbb01']) expect((await runCommand(client([REFUSED, WAITING]).client, (context) => dismissPayment(context, wanted))).error).toMatchObject({ code: 'invalid.argument' })
    const all = client([REFUSED, { ...REFUSED, transfer: 'aaaaaa03' }, WAITING])
    await runCommand(all.client, (context) => dismissPayment(context, undefined))
    expect(all.dismissed).toEqual(['aaaaaa02', 'aaaaaa03'])
  })
})
