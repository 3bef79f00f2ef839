import { EvegramError, type MessageId } from '@evegram/protocol'
import type { SentMessage } from '@evegram/sdk'
import { describe, expect, it } from 'vitest'
import { followPayment } from './follow-payment.js'

const MESSAGE = 'id' as MessageId
const never = <Value>(): Promise<Value> => new Promise(() => undefined)
const soon = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 20) })
const sent = (acked: SentMessage['acked']): Promise<SentMessage> => Promise.resolve({ messageId: MESSAGE, acked } as SentMessage)
const refused = (code: 'wallet.insufficient_funds' | 'client.closed'): Promise<never> => {
  const rejected = Promise.reject(new EvegramError(code))
  rejected.catch(() => undefined)
  return rejected
}

describe('following a payment', () => {
  it('calls it paid when the money has moved, though nobody stored the message', async () => {
    expect(await followPayment('t', { paid: Promise.resolve(), done: sent(never()) }, soon())).toEqual({ isPaid: true, isAcked: false, messageId: MESSAGE })
    expect(await followPayment('t', { paid: Promise.resolve(), done: never() }, soon())).toEqual({ isPaid: true, isAcked: false })
  })

  it('does not call it paid before', async () => {
    expect(await followPayment('t', { paid: never(), done: never() }, soon())).toEqual({ isPaid: false, isAcked: false })
  })

  it('names the transfer, and that it is paid, when the chat fails afterwards', async () => {
    const failed = await followPayment('t1', { paid: Promise.resolve(), done: sent(refused('client.closed')) }, never()).catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 'client.closed', details: { transfer: 't1', paid: true } })
    expect(String(failed)).toContain('t1')
  })

  it('passes a refusal on as it is', async () => {
    const refusal = refused('wallet.insufficient_funds')
    const failed = await followPayment('t1', { paid: refusal, done: refusal }, never()).catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 'wallet.insufficient_funds' })
    expect((failed as EvegramError).details).toBeUndefined()
  })
})
