import { EvegramError, type ErrorCode } from '@evegram/protocol'
import type { Client, Message, PaymentProof } from '@evegram/sdk'
import { describe, expect, it } from 'vitest'
import { paymentViews } from './payment-view.js'

// The view reads no other field.
const PAYMENT = { payment: { transfer: 't', asset: 'ton/ton', amount: '5', note: '' }, direction: 'in' } as unknown as Message

/** What is shown of payment messages, and the questions that the server got. */
function view(answer: () => ErrorCode | PaymentProof, known: PaymentProof = 'unproven'): { readonly show: () => Promise<unknown>; readonly asked: () => number; readonly pass: (ms: number) => void } {
  let [asked, nowMs] = [0, 0]
  const wallet = {
    assets: () => Promise.resolve([]),
    proofOf: (_message: Message, { ask = true }: { readonly ask?: boolean } = {}) => {
      if (!ask) return Promise.resolve(known)
      asked += 1
      const result = answer()
      return result === 'paid' || result === 'unproven' || result === 'contradicted' ? Promise.resolve(result) : Promise.reject(new EvegramError(result))
    },
  }
  const views = paymentViews({ wallet } as unknown as Client, () => nowMs)
  return { show: async () => (await views(PAYMENT))?.object['proof'], asked: () => asked, pass: (ms) => { nowMs += ms } }
}

describe('a payment message', () => {
  it('whose question got no answer is not called unpaid, and a silent server is not asked for each', async () => {
    const { show, asked, pass } = view(() => 'timeout')
    expect([await show(), await show(), asked()]).toEqual(['unchecked', 'unchecked', 1])
    pass(60_000)
    expect([await show(), asked()]).toEqual(['unchecked', 2])
  })

  it('that this device knows to be paid is paid without a server', async () => {
    expect(await view(() => 'unavailable.server', 'paid').show()).toBe('paid')
  })

  it('that gets a refusal keeps no other one from being checked', async () => {
    let first = true
    const { show } = view(() => {
      if (!first) return 'paid'
      first = false
      return 'wallet.asset_unknown'
    })
    expect([await show(), await show()]).toEqual(['unchecked', 'paid'])
  })

  it('that the statement does not have is called so', async () => {
    expect(await view(() => 'unproven').show()).toBe('unproven')
  })
})
