import { ManualClock } from '@evegram/platform'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MemoryRoutes } from '../../flows/deposit/memory-routes.js'
import { MemoryLedger } from '../../ledger/memory/ledger-store.js'
import { CORPUS_NAMES, corporaOf } from './corpora.js'
import type { OpenCorpus } from './deposit-corpus.js'
import { isRight } from './judge-corpus.js'

const CORPORA = await corporaOf(CORPUS_NAMES)

// The command plays the same cases into SQL.
describe('the deposit corpora', () => {
  it('hold at least 60 cases, each under a name of its own', () => {
    for (const { cases } of CORPORA) expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length)
    expect(CORPORA.map(({ cases }) => cases.length).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(60)
  })

  // What has fooled bridges: in the name of a case of every chain that can express it.
  it.each([
    [/failed/, 'simulated solana terra'], [/bounced message/, 'ton'], [/inner transfer/, 'simulated solana ton terra'], [/fee on transfer|fee keeps/, 'simulated solana'],
    [/wrapped SOL/, 'solana'], [/closed/, 'simulated solana'], [/forged notification/, 'ton'], [/only looks like/, 'ton'], [/reverse-charged|charged to the recipient/, 'simulated terra'],
    [/client id that squats/, 'simulated'], [/right-to-left/, 'simulated solana ton terra'], [/NUL/, 'simulated solana ton terra'], [/1 kB|as long as/, 'simulated solana ton terra'],
    [/SQL/, 'simulated solana ton terra'], [/HTML/, 'simulated solana ton terra'], [/self-transfer|pays itself/, 'simulated solana ton terra'], [/zero amount|[Nn]othing, /, 'simulated solana ton terra'],
    [/2\^64 - 1/, 'simulated solana ton terra'], [/reorganised away/, 'simulated solana ton'], [/duplicated|twice in one block/, 'simulated solana ton terra'],
  ])('name %s', (name, chains) => {
    expect(CORPORA.filter(({ cases }) => cases.some((one) => name.test(one.name))).map((corpus) => corpus.name)).toEqual(expect.arrayContaining(chains.split(' ')))
  })

  describe.each(CORPORA)('of $name', ({ cases, open }) => {
    let corpus: OpenCorpus
    beforeAll(async () => {
      corpus = await open({ ledger: new MemoryLedger({ clock: new ManualClock(), ledger: '00'.repeat(16) }).connect(), routes: new MemoryRoutes() })
    }, 60_000)
    afterAll(() => corpus.close())

    it.each(cases.map(({ name }, index) => [name, index] as const))('%s', async (_name, index) => {
      const outcome = await corpus.play(index)
      expect(outcome).toEqual({ ...outcome, made: outcome.expected, alarms: outcome.alarmsExpected })
      expect(isRight(outcome)).toBe(true)
    }, 60_000)
  })
})
