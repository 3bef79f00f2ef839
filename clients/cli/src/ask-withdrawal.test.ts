import { EvegramError, type ErrorCode } from '@evegram/protocol'
import type { Withdrawal } from '@evegram/sdk'
import { describe, expect, it } from 'vitest'
import { ASK_LIMITS, askForWithdrawal } from './ask-withdrawal.js'

const TAKEN: Withdrawal = { id: 'mine', chain: 'ton', asset: 'ton/ton', amount: 1n, to: 'UQ', feeMax: 1n, taxMax: 0n, feeFrom: 'account', state: 'requested', createdAtMs: 0 }

/** Asks of a server that answers so, one after the other. */
async function asked(...answers: readonly (ErrorCode | Withdrawal)[]): Promise<{ readonly requests: number; readonly pauses: readonly number[]; readonly outcome: unknown }> {
  let requests = 0
  const pauses: number[] = []
  const outcome = await askForWithdrawal('mine', {
    ask: () => {
      const answer = answers[requests] ?? 'internal'
      requests += 1
      return typeof answer === 'string' ? Promise.reject(new EvegramError(answer, { operation: 'withdraw', details: { status: 1 } })) : Promise.resolve(answer)
    },
    pause: (ms) => {
      pauses.push(ms)
      return Promise.resolve()
    },
    note: () => undefined,
  }).catch((error: unknown) => error)
  return { requests, pauses, outcome }
}

describe('asking for a withdrawal', () => {
  it('asks under the same id again when no answer came, until there is one', async () => {
    expect(await asked('timeout', 'unavailable.server', TAKEN)).toEqual({ requests: 3, pauses: [1_000, 2_000], outcome: TAKEN })
  })

  it('ends after some requests, and says that it may have been taken and under which id', async () => {
    const { requests, outcome } = await asked('timeout', 'timeout', 'timeout', 'timeout', TAKEN)
    expect([requests, outcome]).toMatchObject([ASK_LIMITS.attemptsMax, { code: 'timeout', operation: 'withdraw', details: { withdrawal: 'mine', mayBeTaken: true, status: 1 } }])
    expect(String(outcome)).toContain('withdrawals ask mine')
  })

  it('does not call refused what an earlier request may have done', async () => {
    const { requests, outcome } = await asked('timeout', 'wallet.insufficient_funds')
    expect([requests, outcome]).toMatchObject([2, { code: 'wallet.insufficient_funds', details: { withdrawal: 'mine', mayBeTaken: true } }])
    expect(String(outcome)).toContain('may have been taken')
  })

  it('believes the first answer that is one', async () => {
    const { requests, outcome } = await asked('wallet.insufficient_funds', TAKEN)
    expect([requests, outcome]).toMatchObject([1, { code: 'wallet.insufficient_funds', details: { withdrawal: 'mine', mayBeTaken: false } }])
    expect(String(outcome)).not.toContain('may have been taken')
  })

  it('takes an answer that cannot be read for none', async () => {
    expect((await asked('invalid.response')).outcome).toMatchObject({ code: 'invalid.response', details: { mayBeTaken: true } })
  })
})
