import { AUTH_INTERNAL_API, INTERNAL_ACCOUNTS_MAX, type InternalClient, type InternalRequest } from '@evegram/platform'
import { EvegramError, hexOf, parseAccountId, parseDeviceId, type AccountId } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { HttpAccountDirectory, isTokenVerdict } from './account-directory.js'

const account = (number: number): AccountId => parseAccountId(`a${number.toString(16).padStart(31, '0')}`)
const device = parseDeviceId('d1'.repeat(16))
const signingKey = new Uint8Array(32).fill(5)

let asked: string[][]
let reply: (accounts: readonly string[]) => unknown
let directory: HttpAccountDirectory

beforeEach(() => {
  asked = []
  reply = (accounts) => ({ accounts: accounts.map((id) => ({ status: 'known', account: id, seq: 3, head: '00'.repeat(32), closed: false, devices: [{ device, signingKey: hexOf(signingKey) }] })) })
  const ask = async <Answer>(request: InternalRequest<Answer>): Promise<Answer> => {
    const { accounts } = AUTH_INTERNAL_API.accounts.body.parse(request.body)
    asked.push(accounts)
    await new Promise((resolve) => setTimeout(resolve, 5))
    return request.answer.parse(reply(accounts))
  }
  // Only `ask` is used.
  directory = new HttpAccountDirectory({
    client: { ask } as unknown as InternalClient, changes: { onChange: () => () => undefined }, turn: { defer: (task) => { setImmediate(task) } },
  })
})

describe('accounts over HTTP', () => {
  it('that are asked for in one turn go in one request, each once', async () => {
    const summaries = await Promise.all([1, 2, 1, 3].map((number) => directory.summary(account(number))))
    expect(summaries[0]).toEqual({ account: account(1), seq: 3, head: new Uint8Array(32), closed: false, devices: [{ device, signingKey }] })
    expect(summaries.map((summary) => summary?.account)).toEqual([1, 2, 1, 3].map(account))
    expect(asked).toEqual([[account(1), account(2), account(3)]])
  })

  it('are asked for again by whoever comes after the question was sent: an answer is never older than its question', async () => {
    const first = directory.summary(account(1))
    await new Promise((resolve) => setImmediate(resolve))
    expect(asked).toHaveLength(1)
    const second = directory.summary(account(1))
    await Promise.all([first, second])
    expect(asked).toHaveLength(2)
  })

  it('go in requests of a bounded size, a bounded number of them at once', async () => {
    const count = INTERNAL_ACCOUNTS_MAX * 10 + 1
    await Promise.all(Array.from({ length: count }, (_, number) => directory.summary(account(number))))
    expect(asked.map(({ length }) => length)).toEqual([...Array.from({ length: 10 }, () => INTERNAL_ACCOUNTS_MAX), 1])
  })

  it('that do not exist are undefined; one that cannot be read, or comes in another place, fails alone', async () => {
    reply = ([, , third]) => ({ accounts: [{ status: 'unknown' }, { status: 'unavailable' }, { status: 'known', account: third, seq: 1, head: '00'.repeat(32), closed: true, devices: [] }, { status: 'known', account: third, seq: 1, head: '00'.repeat(32), closed: true, devices: [] }] })
    const answers = await Promise.allSettled([1, 2, 3, 4, 5].map((number) => directory.summary(account(number))))
    expect(answers[0]).toEqual({ status: 'fulfilled', value: undefined })
    expect(answers[2]).toMatchObject({ status: 'fulfilled', value: { seq: 1, closed: true } })
    for (const index of [1, 3, 4]) expect(answers[index]).toMatchObject({ status: 'rejected', reason: { code: 'unavailable.auth' } })
  })

  it('fail together when auth does not answer, and are asked for anew', async () => {
    const fine = reply
    reply = () => { throw new EvegramError('unavailable.auth') }
    await expect(Promise.all([directory.summary(account(1)), directory.summary(account(2))])).rejects.toMatchObject({ code: 'unavailable.auth' })
    reply = fine
    expect(await directory.summary(account(1))).toMatchObject({ seq: 3 })
  })

  it('take only verdicts about tokens for verdicts', () => {
    expect((['auth.token_invalid', 'auth.token_expired', 'auth.token_revoked'] as const).every(isTokenVerdict)).toBe(true)
    expect((['auth.service', 'auth.token_missing', 'unavailable.store', 'limited.rate', 'internal'] as const).some(isTokenVerdict)).toBe(false)
  })
})
