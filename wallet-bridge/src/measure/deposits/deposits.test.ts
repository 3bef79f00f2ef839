import { ManualClock } from '@evegram/platform'
import { describe, expect, it } from 'vitest'
import { MemoryRoutes } from '../../flows/deposit/memory-routes.js'
import { MemoryLedger } from '../../ledger/memory/ledger-store.js'
import { DEPOSIT_CORPUS } from './corpus.js'
import { judgeCorpus } from './judge-corpus.js'

// The command plays the same cases into SQL.
describe('the deposit corpus', () => {
  it('holds at least 60 cases, each under a name of its own', () => {
    expect(DEPOSIT_CORPUS.length).toBeGreaterThanOrEqual(60)
    expect(new Set(DEPOSIT_CORPUS.map(({ name }) => name)).size).toBe(DEPOSIT_CORPUS.length)
  })

  it.each(DEPOSIT_CORPUS.map((one) => [one.name, one] as const))('%s', async (_name, one) => {
    const ledger = new MemoryLedger({ clock: new ManualClock(), ledger: '00'.repeat(16) }).connect()
    expect((await judgeCorpus([one], { ledger, routes: new MemoryRoutes() })).failed).toEqual([])
  })
})
