import { ManualClock, systemRandom } from '@evegram/platform'
import { isEvegramError } from '@evegram/protocol'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openingOf } from '../account.js'
import { amountOf } from '../amount.js'
import { assetIdOf, parsePurpose, payoutTransferId } from '../ids.js'
import type { LedgerStore } from '../ledger-store.js'
import type { LedgerSubject } from '../ledger-store.contract.js'
import { verifyLedger } from '../verify.js'
import type { LedgerDatabase } from './database.js'
import { freshLedger, type LedgerServer } from './fresh-ledger.fixture.js'
import { openPostgresLedger } from './ledger-store.js'
import { migrate } from './migrate.js'
import { MIGRATIONS } from './migrations/index.js'

const asset = assetIdOf('solana', 'sol')
const purpose = parsePurpose('test')
const [hot, alice, bob, other] = [openingOf('hot', 'main', asset), openingOf('user', 'alice', asset), openingOf('user', 'bob', asset), openingOf('user', 'other', assetIdOf('ton', 'ton'))]
const HEAD = 7

/** The rules that the schema keeps though the program be wrong: each statement is what a wrong program would do. */
export function describeLedgerSchema(name: string, server: () => LedgerServer): void {
  describe(`rules in SQL: ${name}`, () => {
    let subject: LedgerSubject
    let store: LedgerStore
    let database: LedgerDatabase
    beforeEach(async () => {
      subject = await freshLedger(server())
      store = await subject.open()
      database = await server().connect()
      await store.openAccounts([hot, alice, bob, other])
      await store.submit({ linked: false, transfers: [
        { kind: 'transfer', id: payoutTransferId('fund'), debit: hot.id, credit: alice.id, amount: amountOf(100n), purpose },
        { kind: 'pending', id: payoutTransferId('hold'), debit: alice.id, credit: bob.id, amount: amountOf(30n), purpose },
        { kind: 'pending', id: payoutTransferId('hold2'), debit: alice.id, credit: bob.id, amount: amountOf(5n), purpose },
      ] })
    })
    afterEach(async () => {
      await store.close()
      await database.close()
      await subject.close()
    })

    const run = (statement: string): Promise<unknown> => sql.raw(statement).execute(database.queries)
    const transfer = (fields: string): string => `INSERT INTO ledger_transfers (id, number, kind, debit, credit, asset, amount, purpose, pending_id, reserved, at_ms)
      VALUES ('p:x', 8, ${fields}, 0)`
    const plain = (debit: string, credit: string, amount: string, kind = 'transfer', assetName: string = asset): string =>
      transfer(`'${kind}', '${debit}', '${credit}', '${assetName}', ${amount}, 'test', NULL, NULL`)
    const ending = (kind: string, pending: string, amount: string, reserved: string, debit: string = alice.id, credit: string = bob.id): string =>
      transfer(`'${kind}', '${debit}', '${credit}', '${asset}', ${amount}, 'test', '${pending}', ${reserved}`)

    it.each([
      ['spends more than there is', () => plain(alice.id, hot.id, '66')],
      ['spends what is reserved', () => plain(alice.id, bob.id, '66')],
      ['spends what is only pending', () => plain(bob.id, hot.id, '1')],
      ['reserves more than there is', () => plain(alice.id, hot.id, '66', 'pending')],
      ['lets a wallet give more than it has', () => plain(other.id, hot.id, '101')],
      ['moves nothing', () => plain(alice.id, bob.id, '0')],
      ['moves less than nothing', () => plain(alice.id, bob.id, '-1')],
      ['moves fractions', () => plain(alice.id, bob.id, "'0.4'")],
      ['debits and credits one account', () => plain(alice.id, alice.id, '1')],
      ['moves between assets', () => plain(alice.id, other.id, '1')],
      ['names the asset of neither account', () => plain(alice.id, bob.id, '1', 'transfer', 'ton/ton')],
      ['debits an account that is not there', () => plain('user:ghost:solana/sol', bob.id, '1')],
      ['credits an account that is not there', () => plain(alice.id, 'user:ghost:solana/sol', '1')],
      ['makes up a kind', () => plain(alice.id, bob.id, '1', 'gift')],
      ['uses an id again', () => plain(alice.id, bob.id, '1').replace("'p:x'", "'p:fund'")],
      ['posts more than was reserved', () => ending('post', 'p:hold', '31', '30')],
      ['claims that more was reserved', () => ending('post', 'p:hold', '31', '31')],
      ['posts what was not pending', () => ending('post', 'p:fund', '100', '100', hot.id, alice.id)],
      ['posts to somebody else', () => ending('post', 'p:hold', '30', '30', alice.id, hot.id)],
      ['posts nothing in particular', () => transfer(`'post', '${alice.id}', '${bob.id}', '${asset}', 5, 'test', NULL, NULL`)],
      ['voids and moves', () => ending('void', 'p:hold', '1', '30')],
      ['ends a reservation twice', () => `${ending('void', 'p:hold', '0', '30')}, ('p:y', 9, 'post', '${alice.id}', '${bob.id}', '${asset}', 30, 'test', 'p:hold', 30, 0)`],
      ['changes a transfer', () => "UPDATE ledger_transfers SET amount = 1 WHERE id = 'p:fund'"],
      ['deletes a transfer', () => "DELETE FROM ledger_transfers WHERE id = 'p:hold2'"],
      ['empties the transfers', () => 'TRUNCATE ledger_transfers CASCADE'],
      ['changes an event', () => 'UPDATE ledger_events SET at_ms = 0'],
      ['deletes an event', () => `DELETE FROM ledger_events WHERE number = ${String(HEAD)}`],
      ['leaves a gap in the events', () => "INSERT INTO ledger_events (number, at_ms, bytes, hash) VALUES (9, 9999999999999, 'x', sha256('x'))"],
      ['writes events from before', () => "INSERT INTO ledger_events (number, at_ms, bytes, hash) VALUES (8, 0, 'x', sha256('x'))"],
      ['writes an event with another hash', () => "INSERT INTO ledger_events (number, at_ms, bytes, hash) VALUES (8, 9999999999999, 'x', sha256('y'))"],
      ['moves the head', () => 'UPDATE ledger_head SET number = 3'],
      ['makes a second head', () => "INSERT INTO ledger_head SELECT false, ledger, number, hash, at_ms FROM ledger_head"],
      ['writes a balance', () => `UPDATE ledger_accounts SET credits_posted = 1000 WHERE id = '${alice.id}'`],
      ['takes a flag away', () => `UPDATE ledger_accounts SET debits_must_not_exceed_credits = false WHERE id = '${alice.id}'`],
      ['deletes an account', () => `DELETE FROM ledger_accounts WHERE id = '${other.id}'`],
      ['closes an account that holds something', () => `UPDATE ledger_accounts SET closed = true WHERE id = '${alice.id}'`],
      ['opens an account with money in it', () => `INSERT INTO ledger_accounts VALUES ('user:x:${asset}', '${asset}', 'user', true, false, false, 0, 0, 0, 5)`],
    ])('refuses a program that %s', async (_what, statement) => {
      const before = await store.accounts([hot.id, alice.id, bob.id, other.id])
      // Integrity, in the words of SQL: a rule refused it, not a misspelt statement.
      await expect(run(statement())).rejects.toMatchObject({ code: expect.stringMatching(/^23/) as string })
      expect(await store.accounts([hot.id, alice.id, bob.id, other.id])).toEqual(before)
      expect(await verifyLedger(store)).toMatchObject({ status: 'sound', head: { number: HEAD } })
    })

    it('does not open an account again that was closed', async () => {
      expect(await store.closeAccount(other.id)).toBe('closed')
      await expect(run(`UPDATE ledger_accounts SET closed = false WHERE id = '${other.id}'`)).rejects.toMatchObject({ code: '23000' })
    })

    it('is found out by verify when somebody writes past the rules', async () => {
      const past = async (table: string, statement: string): Promise<unknown> => {
        await run(`ALTER TABLE ${table} DISABLE TRIGGER ALL`)
        await run(statement)
        await run(`ALTER TABLE ${table} ENABLE TRIGGER ALL`)
        return verifyLedger(store)
      }
      expect(await past('ledger_accounts', `UPDATE ledger_accounts SET credits_posted = credits_posted + 1 WHERE id = '${alice.id}'`)).toMatchObject({ fault: 'account_differs' })
      expect(await past('ledger_accounts', `UPDATE ledger_accounts SET credits_posted = credits_posted - 1 WHERE id = '${alice.id}'`)).toMatchObject({ status: 'sound' })
      expect(await past('ledger_transfers', "UPDATE ledger_transfers SET purpose = 'other' WHERE id = 'p:hold'")).toMatchObject({ fault: 'transfer_differs', number: 6 })
      expect(await past('ledger_events', "UPDATE ledger_events SET bytes = 'x', hash = sha256('x') WHERE number = 5")).toMatchObject({ fault: 'event_changed', number: 5 })
    })

    it('lists open reservations apart, and no others', async () => {
      await store.submit({ linked: false, transfers: [{ kind: 'void', id: payoutTransferId('end'), pending: payoutTransferId('hold') }] })
      expect(await sql`SELECT id FROM ledger_open_pendings`.execute(database.queries)).toMatchObject({ rows: [{ id: 'p:hold2' }] })
    })

    it('keeps its tables and its name when it is opened again, and refuses a newer schema and a changed step', async () => {
      const head = await store.head()
      const again = await openPostgresLedger({ database, clock: new ManualClock(), random: systemRandom(), synced: server().synced })
      expect(await again.head()).toEqual(head)
      await again.close()
      const incompatible: unknown = expect.toSatisfy((failure) => isEvegramError(failure, 'incompatible.schema'))
      const changed = MIGRATIONS.map((migration) => (migration.version === 1 ? { ...migration, statements: [...migration.statements, 'SELECT 1'] } : migration))
      await expect(migrate(database.queries, changed, 0)).rejects.toThrow(incompatible)
      const newer = [...MIGRATIONS, { version: MIGRATIONS.length + 1, name: 'later', statements: ['CREATE TABLE ledger_later (id integer)'] }]
      const broken = [...newer.slice(0, -1), { version: newer.length, name: 'later', statements: ['CREATE TABLE ledger_later (id integer)', 'SELECT broken'] }]
      await expect(migrate(database.queries, broken, 0)).rejects.toThrow()
      await migrate(database.queries, newer, 0)
      await expect(migrate(database.queries, MIGRATIONS, 0)).rejects.toThrow(incompatible)
    })
  })
}
