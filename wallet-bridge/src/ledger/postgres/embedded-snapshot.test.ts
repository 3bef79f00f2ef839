import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ManualClock, systemRandom } from '@evegram/platform'
import { expect, it } from 'vitest'
import { openingOf } from '../account.js'
import { amountOf } from '../amount.js'
import { assetIdOf, parsePurpose, payoutTransferId } from '../ids.js'
import type { Submission } from '../transfer.js'
import { verifyLedger } from '../verify.js'
import { embeddedDatabase } from './database.js'
import { openPostgresLedger } from './ledger-store.js'

const asset = assetIdOf('solana', 'sol')
const [hot, alice] = [openingOf('hot', 'main', asset), openingOf('user', 'alice', asset)]
const paying = (name: string): Submission => ({ linked: false, transfers: [
  { kind: 'transfer', id: payoutTransferId(name), debit: hot.id, credit: alice.id, amount: amountOf(1n), purpose: parsePurpose('test') },
] })

it('a snapshot of an embedded ledger that is at work is a sound ledger, and holds what was acknowledged before it was asked for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'evegram-snapshot-'))
  const [clock, random] = [new ManualClock(), systemRandom()]
  const database = await embeddedDatabase(join(folder, 'one'))
  const store = await openPostgresLedger({ database, clock, random, synced: false })
  try {
    await store.openAccounts([hot, alice])
    for (let count = 0; count < 20; count++) await store.submit(paying(`before-${String(count)}`))
    const { number } = await store.head()
    const during = Array.from({ length: 20 }, (_, count) => store.submit(paying(`during-${String(count)}`)))
    const [snapshot] = await Promise.all([database.snapshot(), ...during])
    await store.submit(paying('after'))
    const copy = await embeddedDatabase(join(folder, 'two'), { snapshot })
    const copied = await openPostgresLedger({ database: copy, clock, random, synced: false })
    const head = await copied.head()
    expect(head.number).toBeGreaterThanOrEqual(number)
    expect(head.number).toBeLessThanOrEqual(number + 20)
    expect(await verifyLedger(copied)).toMatchObject({ status: 'sound', head: { number: head.number } })
    expect(await copied.submit(paying('before-19'))).toMatchObject([{ status: 'exists' }])
    expect(await copied.submit(paying('after'))).toMatchObject([{ status: 'created' }])
    for (const { parentPath, name } of readdirSync(folder, { recursive: true, withFileTypes: true })) expect(statSync(join(parentPath, name)).mode & 0o077, name).toBe(0)
    await copied.close()
    await copy.close()
  } finally {
    await store.close()
    await database.close()
    rmSync(folder, { recursive: true, force: true })
  }
}, 240_000)
