import { afterEach, describe, expect, it, vi } from 'vitest'
import type { LatestRegister, StateRegister } from '@evegram/protocol'
import type * as batchesModule from '../batches.js'
import type * as registerModule from '../register.js'
import type * as keysModule from '../register-keys.js'

const HISTORIES = 60

/** Plays histories with the code as it is mocked now, until one diverges. */
async function faultOf(): Promise<string | undefined> {
  const { playHistory } = await import('./play-history.js')
  for (let index = 0; index < HISTORIES; index++) {
    const outcome = await playHistory(`test:${String(index)}`)
    if (outcome.status === 'diverged') return outcome.fault
  }
  return undefined
}

type RegisterModule = typeof registerModule
type BatchesModule = typeof batchesModule
type KeysModule = typeof keysModule

/** Plants a bug in the merging of registers. */
function plant(change: (real: RegisterModule) => Partial<RegisterModule>): void {
  vi.resetModules()
  vi.doMock('../register.js', async (load) => {
    const real = await load<RegisterModule>()
    return { ...real, ...change(real) }
  })
}

const bothLatest = (one: StateRegister, other: StateRegister): readonly [LatestRegister, LatestRegister] | undefined =>
  (one.type === 'latest' && other.type === 'latest' ? [one, other] : undefined)

afterEach(() => {
  vi.doUnmock('../register.js')
  vi.doUnmock('../batches.js')
  vi.doUnmock('../register-keys.js')
  vi.resetModules()
})

describe('histories of the devices of an account', () => {
  it('all end with the same state on every device, and the one that they demand', async () => {
    const { playHistory } = await import('./play-history.js')
    const sum = { conflicts: 0, crashes: 0, repeats: 0, losses: 0, snapshots: 0 }
    for (let index = 0; index < HISTORIES; index++) {
      const outcome = await playHistory(`test:${String(index)}`)
      expect(outcome).toMatchObject({ status: 'converged' })
      expect(outcome.counts.devices).toBeGreaterThanOrEqual(2)
      expect(outcome.counts.devices).toBeLessThanOrEqual(5)
      for (const name of ['conflicts', 'crashes', 'repeats', 'losses', 'snapshots'] as const) sum[name] += outcome.counts[name]
    }
    // What makes it hard does happen.
    for (const count of Object.values(sum)) expect(count).toBeGreaterThan(0)
  })

  it('are the same for the same seed', async () => {
    const { playHistory } = await import('./play-history.js')
    expect(await playHistory('again')).toEqual(await playHistory('again'))
  })
})

describe('a planted bug is found', () => {
  it('the last to arrive wins', async () => {
    plant((real) => ({
      mergeRegisters: (one, other) => {
        const both = bothLatest(one, other)
        const merged = real.mergeRegisters(one, other)
        return both === undefined || merged.type !== 'latest' ? merged : { ...merged, writes: both[1].writes }
      },
    }))
    expect(await faultOf()).toBeDefined()
  })

  it('clocks are not joined', async () => {
    plant((real) => ({
      mergeRegisters: (one, other) => {
        const merged = real.mergeRegisters(one, other)
        return merged.type === 'latest' && one.type === 'latest' ? { ...merged, clock: one.clock } : merged
      },
    }))
    expect(await faultOf()).toBeDefined()
  })

  it('a writer does not say what it knew', async () => {
    plant((real) => ({
      writeLatest: (key, before, write) => ({ ...real.writeLatest(key, before, write), clock: before?.clock ?? new Map() }),
    }))
    expect(await faultOf()).toBeDefined()
  })

  it('the time alone decides, whatever a writer knew', async () => {
    plant((real) => ({
      mergeRegisters: (one, other) => {
        const both = bothLatest(one, other)
        if (both === undefined) return real.mergeRegisters(one, other)
        const [left, right] = both.map((register) => real.winnerOf(register))
        return (left?.timeMs ?? 0) >= (right?.timeMs ?? 0) ? one : other
      },
    }))
    expect(await faultOf()).toBeDefined()
  })

  it('two writes at one time are not told apart', async () => {
    plant((real) => ({
      winnerOf: (register) => register.writes[0] ?? real.winnerOf(register),
    }))
    expect(await faultOf()).toBeDefined()
  })

  it('of what two devices declined the later counts, and not what goes further', async () => {
    vi.resetModules()
    vi.doMock('../register-keys.js', async (load) => {
      const real = await load<KeysModule>()
      const { highestCounts: _highestCounts, ...rules } = real.STATE_FAMILIES['request.declined']
      return { ...real, STATE_FAMILIES: { ...real.STATE_FAMILIES, 'request.declined': rules } }
    })
    expect(await faultOf()).toContain('request.declined/')
  })

  it('how far was read goes back', async () => {
    plant((real) => ({
      mergeRegisters: (one, other) => (other.type === 'highest' ? other : real.mergeRegisters(one, other)),
    }))
    expect(await faultOf()).toBeDefined()
  })

  it('a snapshot leaves out a register', async () => {
    vi.resetModules()
    vi.doMock('../batches.js', async (load) => {
      const real = await load<BatchesModule>()
      return {
        ...real,
        snapshotBatches: async function* (store: Parameters<BatchesModule['snapshotBatches']>[0]) {
          for await (const batch of real.snapshotBatches(store)) yield batch.slice(1)
        },
      }
    })
    expect(await faultOf()).toBeDefined()
  })
})
