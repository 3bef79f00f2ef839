import { Address, beginCell, external, internal, storeMessage } from '@ton/core'
import { isEvegramError } from '@evegram/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseChainTxid, type ChainTxid } from '../chain-adapter.js'
import { PaymentSearch, type HistoryPage, type SearchAnswer } from './payment-search.js'
import type { TransactionPlace } from './transaction-place.js'
import { wrong } from './wrong.js'
import { externalHash, messageOf, type TonMessage, type TonTransaction } from './transaction.js'

const EMPTY = beginCell().endCell()
const WALLET = new Address(0, Buffer.alloc(32, 7))
const unavailable: unknown = expect.toSatisfy((error) => isEvegramError(error, 'unavailable.chain'))

/** A history of one account: ten logical times from one transaction to the next, three in each second. A stranger's each, but for those at `payments`. */
function historyOf(length: number, payments: ReadonlySet<number>, fork = ''): readonly TonTransaction[] {
  return Array.from({ length }, (_, index): TonTransaction => ({
    account: WALLET, lt: ltOf(index), hash: hashOf(index, fork), cell: EMPTY, seconds: secondsOf(index), previous: { lt: index === 0 ? 0n : ltOf(index - 1), hash: hashOf(index - 1, fork) },
    incoming: payments.has(index) ? paymentMessage(index) : DUST, outgoing: [], isAborted: false, balanceDelta: 1n, isActive: true,
  }))
}
const secondsOf = (index: number): number => Math.floor(index / 3)
const ltOf = (index: number): bigint => BigInt(index + 1) * 10n
const hashOf = (index: number, fork = ''): string => `${fork}${String(index)}`
const placeOf = (index: number): TransactionPlace => ({ lt: ltOf(index), hash: hashOf(index) })
const DUST: TonMessage = messageOf(beginCell().store(storeMessage({
  info: { type: 'internal', ihrDisabled: true, bounce: false, bounced: false, src: WALLET, dest: WALLET, value: { coins: 1n }, ihrFee: 0n, forwardFee: 0n, createdLt: 0n, createdAt: 0 },
  init: null, body: internal({ to: WALLET, value: 1n }).body,
})).endCell())
const paymentMessage = (index: number): TonMessage => messageOf(beginCell().store(storeMessage(external({ to: WALLET, body: beginCell().storeUint(index, 32).endCell() }))).endCell())
const txidOf = (index: number): ChainTxid => parseChainTxid(externalHash(paymentMessage(index).message))

/** Reads a history; `asked` hears how much of it. */
const pageOf = (history: readonly TonTransaction[], asked: (count: number) => void = () => undefined): HistoryPage => async (_account, from, limit) => {
  const index = history.findIndex(({ lt, hash }) => lt === from.lt && hash === from.hash)
  if (index === -1) throw wrong('transactions do not follow each other')
  const page = history.slice(Math.max(0, index + 1 - limit), index + 1).reverse()
  asked(page.length)
  return page
}

describe('the search for payments', () => {
  it('finds what strangers buried, in several goes, and says nothing before it has searched everything', async () => {
    const read: number[] = []
    const search = new PaymentSearch(pageOf(historyOf(20_001, new Set([10])), (count) => read.push(count)), 1_000)
    const request = { account: WALLET, from: placeOf(20_000), sinceSeconds: secondsOf(10), isLast: true }
    const answers: SearchAnswer['status'][] = []
    do answers.push((await search.find({ ...request, txid: txidOf(10) })).status)
    while (answers.at(-1) === 'searching' && answers.length < 100)
    expect([answers.length, answers.at(-1)]).toEqual([20, 'landed'])
    // Nothing twice, but for the one that is shown.
    expect(read.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(20_000 + 1)
    // For another payment the most is searched already.
    expect(await search.find({ ...request, txid: txidOf(11) })).toEqual({ status: 'absent' })
  })

  it('ends whatever comes meanwhile, also where more comes than one go reads', async () => {
    const history = historyOf(20_000, new Set([100]))
    const search = new PaymentSearch(pageOf(history), 50)
    // Two hundred new ones for each fifty that are read.
    for (let newest = 2_000, goes = 1; ; newest += 200, goes++) {
      const found = await search.find({ account: WALLET, txid: txidOf(100), from: placeOf(newest), sinceSeconds: secondsOf(100), isLast: false })
      if (found.status === 'landed') {
        expect(goes).toBeLessThan(50)
        return
      }
    }
  })

  it('answers right for every history, however it is asked and interrupted', async () => {
    const lengths = fc.integer({ min: 1, max: 120 })
    await fc.assert(fc.asyncProperty(lengths, fc.array(fc.nat(130), { maxLength: 6 }), fc.integer({ min: 1, max: 40 }), fc.array(fc.record({
      txid: fc.nat(130), from: fc.nat(119), since: fc.nat(130), isLast: fc.boolean(), fails: fc.boolean(),
    }), { minLength: 1, maxLength: 40 }), async (length, payments, max, asks) => {
      const landed = new Set(payments.filter((index) => index < length))
      let fails = false
      const page = pageOf(historyOf(length, landed))
      const search = new PaymentSearch((...asked) => fails ? Promise.reject(wrong('away')) : page(...asked), max)
      for (const ask of asks) {
        fails = ask.fails
        const from = Math.min(ask.from, length - 1)
        const answer = await search.find({ account: WALLET, txid: txidOf(ask.txid), from: placeOf(from), sinceSeconds: secondsOf(ask.since), isLast: ask.isLast }).catch(() => undefined)
        const isThere = landed.has(ask.txid)
        if (answer?.status === 'landed') expect(isThere).toBe(true)
        // The one answer on which money moves again.
        if (answer?.status === 'absent') expect(isThere && ask.txid <= from && secondsOf(ask.txid) >= secondsOf(ask.since)).toBe(false)
      }
      fails = false
      for (let goes = 0; goes < 130; goes++) {
        const answer = await search.find({ account: WALLET, txid: txidOf(0), from: placeOf(length - 1), sinceSeconds: 0, isLast: true })
        if (answer.status !== 'searching') {
          expect(answer.status).toBe(landed.has(0) ? 'landed' : 'absent')
          return
        }
      }
      throw new Error('without an end')
    }), { numRuns: 300 })
  })

  it('believes neither of two histories, and begins anew', async () => {
    const [history, forked] = [historyOf(100, new Set([3])), historyOf(100, new Set(), 'other ')]
    let told: readonly TonTransaction[] = forked
    const search = new PaymentSearch((...asked) => pageOf(told)(...asked), 20)
    const ask = (from: TransactionPlace): Promise<SearchAnswer> => search.find({ account: WALLET, txid: txidOf(3), from, sinceSeconds: 0, isLast: true })
    expect(await ask({ lt: ltOf(50), hash: hashOf(50, 'other ') })).toEqual({ status: 'searching' })
    told = history
    const answers: unknown[] = []
    for (let goes = 0; goes < 12; goes++) answers.push(await ask(placeOf(99)).then(({ status }) => status, () => 'refused'))
    expect(answers).toContain('refused')
    expect(answers.at(-1)).toBe('landed')
  })

  it('gives up a payment that was found in a history which is not there any more', async () => {
    let told = historyOf(100, new Set([40]), 'other ')
    const search = new PaymentSearch((...asked) => pageOf(told)(...asked), 200)
    const ask = (from: TransactionPlace): Promise<SearchAnswer> => search.find({ account: WALLET, txid: txidOf(40), from, sinceSeconds: 0, isLast: true })
    expect(await ask({ lt: ltOf(50), hash: hashOf(50, 'other ') })).toMatchObject({ status: 'landed' })
    told = historyOf(100, new Set())
    for (let goes = 0; goes < 5; goes++) await expect(ask(placeOf(99))).rejects.toThrow(unavailable)
    expect(await ask(placeOf(99))).toEqual({ status: 'absent' })
  })

  it.each([[4, 61], [5, 101]])('reads on where it was behind %i failures, or begins anew behind the fifth', async (failures, readAgain) => {
    let isAway = false
    let read = 0
    const page = pageOf(historyOf(100, new Set([3])), (count) => { read += count })
    const search = new PaymentSearch((...asked) => isAway ? Promise.reject(wrong('away')) : page(...asked), 40)
    const ask = (): Promise<SearchAnswer> => search.find({ account: WALLET, txid: txidOf(3), from: placeOf(99), sinceSeconds: 0, isLast: true })
    expect(await ask()).toEqual({ status: 'searching' })
    isAway = true
    for (let count = 0; count < failures; count++) await expect(ask()).rejects.toThrow(unavailable)
    isAway = false
    read = 0
    const answers = [await ask(), await ask(), await ask()]
    expect(answers.some(({ status }) => status === 'landed')).toBe(true)
    // With the one that is shown, each time.
    expect(read - answers.filter(({ status }) => status === 'landed').length + 1).toBe(readAgain)
  })
})
