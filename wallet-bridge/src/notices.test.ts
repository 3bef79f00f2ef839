import { createNodePrimitives, ManualClock } from '@evegram/platform'
import { decodeAccountNotice, EvegramError, isNoticeSigned, messageIdOf, noticeHeaderOf, parseAccountId, type AccountNotice } from '@evegram/protocol'
import { verifyEd25519 } from '@evegram/protocol/proof'
import { beforeEach, describe, expect, it } from 'vitest'
import { payoutIdOf } from './flows/payout/payout.js'
import { openingOf } from './ledger/account.js'
import { amountOf } from './ledger/amount.js'
import { assetIdOf, depositTransferId, parsePurpose, payoutTransferId, userTransferId, type LedgerAccountId, type TransferId } from './ledger/ids.js'
import type { LedgerStore } from './ledger/ledger-store.js'
import { MemoryLedger } from './ledger/memory/ledger-store.js'
import type { TransferRequest } from './ledger/transfer.js'
import { NoticeRelay, NoticeSigner, NOTICES_CURSOR } from './notices.js'
import type { NoticeSink } from './ports/notice-sink.js'

const asset = assetIdOf('simulated', 'play')
const [ALICE, BOB] = [parseAccountId('a1'.repeat(16)), parseAccountId('b2'.repeat(16))]
const [hot, alice, bob] = [openingOf('hot', 'custody', asset), openingOf('user', ALICE, asset), openingOf('user', BOB, asset)]
const [one, two] = [payoutIdOf(ALICE, 'one'), payoutIdOf(ALICE, 'two')]
const signer = new NoticeSigner(new Uint8Array(32).fill(1))
const primitives = createNodePrimitives()

/** A sink that keeps what came, and dies when it is told to: before it stores the notice, or behind it. */
class MortalSink implements NoticeSink {
  readonly stored: AccountNotice[] = []
  dies: { readonly at: number; readonly isStored: boolean } | undefined
  #calls = 0

  async append(bytes: Uint8Array): Promise<void> {
    const isLast = ++this.#calls === this.dies?.at
    if (!isLast || this.dies?.isStored === true) this.stored.push(decodeAccountNotice(bytes))
    if (!isLast) return
    this.dies = undefined
    throw new EvegramError('unavailable.server')
  }
}

let ledger: LedgerStore
let sink: MortalSink
beforeEach(async () => {
  sink = new MortalSink()
  ledger = new MemoryLedger({ clock: new ManualClock(), ledger: 'cd'.repeat(16) }).connect()
  await ledger.openAccounts([hot, alice, bob])
})

const created = async (transfer: TransferRequest): Promise<void> => {
  expect((await ledger.submit({ linked: false, transfers: [transfer] })).map(({ status }) => status)).toEqual(['created'])
}
const move = async (id: TransferId, debit: LedgerAccountId, credit: LedgerAccountId, amount: bigint, kind: 'transfer' | 'pending' = 'transfer'): Promise<void> => {
  await created({ kind, id, debit, credit, amount: amountOf(amount), purpose: parsePurpose('test') })
}
const end = async (kind: 'post' | 'void', payout: string): Promise<void> => {
  await created({ kind, id: payoutTransferId(payout, kind), pending: payoutTransferId(payout) })
}
const relay = (): NoticeRelay => new NoticeRelay({ ledger, payouts: { get: async () => undefined }, signer, sink })
const deposit = (index: number, amount = 100n): Promise<void> => move(depositTransferId('simulated', `tx${String(index)}`, 0), hot.id, alice.id, amount)
const told = (): (readonly [string, string, string])[] => sink.stored.map(({ kind, account, amount }) => [kind, account, amount] as const)

describe('NoticeRelay', () => {
  it('tells each person what happened to their money, and of nothing else', async () => {
    await deposit(1)
    await move(userTransferId(ALICE, 'lunch'), alice.id, bob.id, 30n)
    await move(payoutTransferId(one), alice.id, hot.id, 20n, 'pending')
    await move(payoutTransferId(one, 'fee'), hot.id, bob.id, 1n, 'pending')
    await end('post', one)
    await move(payoutTransferId(two), alice.id, hot.id, 10n, 'pending')
    await end('void', two)
    await relay().step()
    // Those of one step are on their way at once: each names its place.
    sink.stored.sort((first, second) => first.number - second.number)
    expect(told()).toEqual([
      ['deposit_credited', ALICE, '100'], ['payment_received', BOB, '30'], ['payout_reserved', ALICE, '20'], ['payout_paid', ALICE, '20'], ['payout_reserved', ALICE, '10'], ['payout_released', ALICE, '10'],
    ])
    expect(sink.stored[0]).toMatchObject({ source: 'cd'.repeat(16), transfer: 'd:simulated:tx1:0', transaction: 'tx1', asset })
    expect(sink.stored[1]).toMatchObject({ transfer: `u:${ALICE}:lunch` })
    const numbers = sink.stored.map(({ number }) => number)
    expect(numbers).toEqual([...new Set(numbers)].sort((one, other) => one - other))
    expect(await ledger.cursor(NOTICES_CURSOR)).toBe((await ledger.head()).number)
  })

  it('signs with its key alone', async () => {
    await deposit(1)
    await relay().step()
    const [notice] = sink.stored
    const isSignedBy = (key: Uint8Array): boolean => notice !== undefined
      && isNoticeSigned(notice, [key], (publicKey, message, signature) => verifyEd25519(primitives, publicKey, message, signature) === 'valid')
    expect([isSignedBy(signer.publicKey), isSignedBy(new NoticeSigner(new Uint8Array(32).fill(2)).publicKey)]).toEqual([true, false])
  })

  it.each([[1, false], [1, true], [40, false], [40, true], [100, true]] as const)('that dies at notice %i (stored: %s) leaves nothing out, and what it tells again is the same message', async (at, isStored) => {
    for (let index = 1; index <= 100; index++) await deposit(index)
    sink.dies = { at, isStored }
    await expect(relay().step()).rejects.toMatchObject({ code: 'unavailable.server' })
    expect(await ledger.cursor(NOTICES_CURSOR)).toBe(0)
    // The next process goes on, and a further one finds nothing to do.
    expect([await relay().step(), await relay().step()]).toEqual([103, 0])
    const byMessage = new Map(sink.stored.map((notice) => [messageIdOf(noticeHeaderOf(notice)), notice]))
    expect([...byMessage.values()].map(({ transfer }) => transfer).sort()).toEqual(Array.from({ length: 100 }, (_, index) => `d:simulated:tx${String(index + 1)}:0`).sort())
    for (const notice of sink.stored) expect(notice).toEqual(byMessage.get(messageIdOf(noticeHeaderOf(notice))))
  })

  it('moves its cursor behind what is stored, never before', async () => {
    await deposit(1)
    let seen: number | undefined
    const watching: NoticeSink = { append: async () => { seen = await ledger.cursor(NOTICES_CURSOR) } }
    await new NoticeRelay({ ledger, payouts: { get: async () => undefined }, signer, sink: watching }).step()
    expect([seen, await ledger.cursor(NOTICES_CURSOR)]).toEqual([0, 4])
  })
})
