import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, systemRandom } from '@evegram/platform'
import { serviceAddresses } from '@evegram/platform/testing'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openingOf } from '../ledger/account.js'
import { amountOf } from '../ledger/amount.js'
import { assetIdOf, parsePurpose, payoutTransferId } from '../ledger/ids.js'
import { openPostgresLedger, postgresDatabase, scratchDatabase, type ScratchDatabase } from '../ledger/postgres/index.js'
import { verifyCommand } from './main.js'

const asset = assetIdOf('solana', 'sol')
const [hot, alice] = [openingOf('hot', 'main', asset), openingOf('user', 'alice', asset)]

describe('npm run ledger:verify', () => {
  let scratch: ScratchDatabase
  let printed: string[]
  beforeEach(async () => {
    scratch = await scratchDatabase(serviceAddresses('postgres')[0] ?? '')
    printed = []
    for (const stream of ['log', 'error'] as const) vi.spyOn(console, stream).mockImplementation((line: string) => { printed.push(line) })
  })
  afterEach(async () => {
    vi.restoreAllMocks()
    await scratch.drop()
  })

  it('finds a ledger sound, gives an anchor, and names the first difference once there is one', async () => {
    const database = postgresDatabase(scratch.url)
    const store = await openPostgresLedger({ database, clock: systemClock(), random: systemRandom(), synced: true })
    await store.openAccounts([hot, alice])
    await store.submit({ linked: false, transfers: [
      { kind: 'transfer', id: payoutTransferId('a'), debit: hot.id, credit: alice.id, amount: amountOf(7n), purpose: parsePurpose('test') },
    ] })
    expect(await verifyCommand(['--url', scratch.url, '--json'])).toBe(0)
    const sound = JSON.parse(printed[0] ?? '') as { readonly anchor: string }
    expect(sound).toMatchObject({ status: 'sound', events: 3, accounts: 2 })
    expect(await verifyCommand(['--url', scratch.url, '--anchor', sound.anchor])).toBe(0)
    expect(await verifyCommand(['--url', scratch.url, '--anchor', `2:${'0'.repeat(64)}`])).toBe(1)
    await sql`ALTER TABLE ledger_accounts DISABLE TRIGGER ALL`.execute(database.queries)
    await sql`UPDATE ledger_accounts SET credits_posted = 8 WHERE id = ${alice.id}`.execute(database.queries)
    await sql`ALTER TABLE ledger_accounts ENABLE TRIGGER ALL`.execute(database.queries)
    expect(await verifyCommand(['--url', scratch.url])).toBe(1)
    expect(printed.at(-1)).toMatch(/^DAMAGED at event 3: account_differs/)
    await store.close()
    await database.close()
  })

  it('makes no ledger where there is none, and says what is wrong with its arguments', async () => {
    expect(await verifyCommand(['--url', scratch.url])).toBe(2)
    expect(printed.at(-1)).toContain('There is no ledger in this database.')
    const database = postgresDatabase(scratch.url)
    expect(await sql`SELECT 1 FROM pg_tables WHERE tablename LIKE 'ledger%'`.execute(database.queries)).toMatchObject({ rows: [] })
    await database.close()
    const folder = mkdtempSync(join(tmpdir(), 'evegram-verify-'))
    expect(await verifyCommand(['--folder', folder])).toBe(2)
    rmSync(folder, { recursive: true })
    for (const args of [[], ['--url', 'a', '--folder', 'b'], ['--url', scratch.url, '--anchor', '1:ab'], ['--what']]) expect(await verifyCommand(args)).toBe(2)
    expect(await verifyCommand(['--help'])).toBe(0)
  })
})
