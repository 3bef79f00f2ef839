import { isEvegramError } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openingOf, type AccountOpening } from './account.js'
import { amountOf } from './amount.js'
import { assetIdOf, parsePurpose, payoutTransferId } from './ids.js'
import type { LedgerStore } from './ledger-store.js'
import { STATEMENT_LINES_MAX, StatementProjector, type StatementLine, type StatementStore } from './statement.js'
import type { TransferRequest } from './transfer.js'

/** An empty ledger with statements beside it. */
export interface StatementSubject {
  readonly ledger: LedgerStore
  readonly statements: StatementStore
  close(): Promise<void>
}

const asset = assetIdOf('solana', 'sol')
const purpose = parsePurpose('test')
const hot = openingOf('hot', 'main', asset)
const alice = openingOf('user', 'alice', asset)
const bob = openingOf('user', 'bob', asset)
const move = (name: string, debit: AccountOpening, credit: AccountOpening, amount: bigint): TransferRequest =>
  ({ kind: 'transfer', id: payoutTransferId(name), debit: debit.id, credit: credit.id, amount: amountOf(amount), purpose })

/** The promises of {@link StatementStore}, run by every adapter, with what {@link StatementProjector} makes of them. */
export function describeStatementStore(adapter: { readonly name: string; readonly setup: () => Promise<StatementSubject> }): void {
  describe(`StatementStore: ${adapter.name}`, () => {
    let subject: StatementSubject
    let ledger: LedgerStore
    let statements: StatementStore
    let projector: StatementProjector
    beforeEach(async () => {
      subject = await adapter.setup();
      ({ ledger, statements } = subject)
      projector = new StatementProjector(ledger, statements)
      await ledger.openAccounts([hot, alice, bob])
    })
    afterEach(async () => {
      await ledger.close()
      await subject.close()
    })
    const submit = (...transfers: readonly TransferRequest[]): Promise<unknown> => ledger.submit({ transfers, linked: false })
    const brief = (lines: readonly StatementLine[]): readonly unknown[] =>
      lines.map(({ number, side, amount, after }) => [number, side, amount, after.debitsPending, after.debitsPosted, after.creditsPending, after.creditsPosted])

    it('shows each transfer on both sides, with what the account held after it, the newest first', async () => {
      await submit(
        move('fund', hot, alice, 100n), { ...move('hold', alice, bob, 30n), kind: 'pending' } as TransferRequest,
        { kind: 'post', id: payoutTransferId('post'), pending: payoutTransferId('hold'), amount: amountOf(20n) },
      )
      await projector.catchUp()
      expect(brief(await statements.lines(alice.id, undefined, 10))).toEqual([
        [6, 'debit', 20n, 0n, 20n, 0n, 100n], [5, 'debit', 30n, 30n, 0n, 0n, 100n], [4, 'credit', 100n, 0n, 0n, 0n, 100n],
      ])
      expect(brief(await statements.lines(bob.id, undefined, 10))).toEqual([[6, 'credit', 20n, 0n, 0n, 0n, 20n], [5, 'credit', 30n, 0n, 0n, 30n, 0n]])
      const [newest] = await statements.lines(bob.id, undefined, 1)
      const [transfer] = await ledger.transfers([payoutTransferId('post')])
      expect(newest).toMatchObject({ account: bob.id, other: alice.id, transfer: payoutTransferId('post'), kind: 'post', purpose, atMs: transfer?.atMs })
    })

    it('agrees with the accounts, and is the same when it is made again', async () => {
      await submit(move('fund', hot, alice, 1_000n))
      for (let turn = 0; turn < 12; turn++) {
        await submit(move(`there${String(turn)}`, alice, bob, 50n), move(`back${String(turn)}`, bob, alice, 20n))
        if (turn % 3 === 0) await projector.step()
      }
      await projector.catchUp()
      const read = async (): Promise<unknown> => Promise.all([hot, alice, bob].map(({ id }) => statements.lines(id, undefined, 100)))
      const before = await read()
      expect([await statements.position(), (await ledger.head()).number]).toEqual([28, 28])
      const [held] = await ledger.accounts([alice.id])
      const [line] = await statements.lines(alice.id, undefined, 1)
      expect(held).toMatchObject({ ...line?.after })
      expect((await statements.newest([alice.id, openingOf('user', 'ghost', asset).id])).get(alice.id)).toEqual(line)
      await projector.rebuild()
      expect(await read()).toEqual(before)
    })

    it('writes each line once, whoever writes at once', async () => {
      const other = new StatementProjector(ledger, statements)
      for (let turn = 0; turn < 10; turn++) {
        await submit(move(`fund${String(turn)}`, hot, alice, 1n))
        await Promise.all([projector.step(), other.step()])
      }
      await projector.catchUp()
      expect((await statements.lines(alice.id, undefined, 100)).map(({ number }) => number)).toEqual([13, 12, 11, 10, 9, 8, 7, 6, 5, 4])
      expect(await statements.append(0, 99, [])).toBe(false)
      expect(await statements.position()).toBe(13)
    })

    it('has everything that had moved when it was reached for, whoever else reaches or writes', async () => {
      const other = new StatementProjector(ledger, statements)
      const newest = async (): Promise<number | undefined> => (await statements.lines(alice.id, undefined, 1))[0]?.number
      for (let turn = 0; turn < 5; turn++) {
        await submit(move(`fund${String(turn)}`, hot, alice, 1n))
        const { number } = await ledger.head()
        expect(await newest()).not.toBe(number)
        await Promise.all([projector.reach().then(async () => { expect(await newest()).toBe(number) }), projector.reach(), other.reach(), other.step()])
      }
      await projector.reach()
      expect(await statements.lines(alice.id, undefined, 100)).toHaveLength(5)
    })

    it('goes back page by page', async () => {
      for (let turn = 0; turn < 11; turn++) await submit(move(`fund${String(turn)}`, hot, alice, 1n))
      await projector.catchUp()
      const first = await statements.lines(alice.id, undefined, 6)
      const second = await statements.lines(alice.id, first.at(-1)?.number, 6)
      expect([...first, ...second].map(({ number }) => number)).toEqual([14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4])
      await expect(statements.lines(alice.id, undefined, STATEMENT_LINES_MAX + 1)).rejects.toSatisfy((failure) => isEvegramError(failure, 'invalid.argument'))
    })
  })
}
