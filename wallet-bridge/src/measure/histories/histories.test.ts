import { ManualClock } from '@evegram/platform'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MemoryLedger } from '../../ledger/memory/ledger-store.js'
import { TRANSFER_STATUSES } from '../../ledger/transfer-status.js'
import { verifyLedger } from '../../ledger/verify.js'
import { histories } from './history.js'
import { runHistory } from './run-history.js'

const HISTORIES = 1_000
/** Needs balances near 38 digits, which histories of small amounts never have: the contract suite has it. */
const BEYOND = ['exceeds_amount_max']

describe('random histories', () => {
  it('break no promise, and are replayed to the same balances', async () => {
    const reached = new Set<string>()
    await fc.assert(fc.asyncProperty(histories, async (history) => {
      const clock = new ManualClock()
      const store = new MemoryLedger({ clock, ledger: '00'.repeat(16) }).connect()
      for (const status of (await runHistory(store, clock, 'h', history)).statuses) reached.add(status)
      expect(await verifyLedger(store)).toMatchObject({ status: 'sound' })
    }), { numRuns: HISTORIES })
    // They are worth something only while they come to every answer there is.
    expect([...reached, ...BEYOND].sort()).toEqual(TRANSFER_STATUSES.map(([status]) => status).sort())
  })
})
