import { describe, expect, it } from 'vitest'
import { attempt, tally } from '../attempt.js'
import { HOSTILE_BOUNDS, judgeCase, type CanaryWindow } from './judge.js'

const peace: CanaryWindow = { sent: 50, delivered: 50, faults: [], p50Ms: 1, p99Ms: 4 }
const memory = { baseMiB: 100, peakMiB: 120 }
const refused = { what: 'an old proof', expected: '401 proof.replayed', got: '401 proof.replayed' }

describe('the judge of hostile cases', () => {
  it('finds nothing where every answer is the documented one and nobody noticed', () => {
    expect(judgeCase([refused], peace, peace, memory, 0)).toEqual([])
  })

  it('finds another answer, however close', () => {
    expect(judgeCase([{ ...refused, got: '401 proof.nonce' }], peace, peace, memory, 0)).toEqual(['an old proof: expected 401 proof.replayed, got 401 proof.nonce'])
    expect(judgeCase([{ ...refused, got: '201' }], peace, peace, memory, 0)).toHaveLength(1)
  })

  it('finds a case that attempted nothing', () => {
    expect(judgeCase([], peace, peace, memory, 0)).toEqual(['nothing was attempted'])
  })

  it('finds honest devices that were slowed, cut off or silent', () => {
    expect(judgeCase([refused], { ...peace, p99Ms: HOSTILE_BOUNDS.canaryP99MsMax + 1 }, peace, memory, 0)).toEqual(['honest messages took 251 ms (p99), allowed are 250'])
    expect(judgeCase([refused], { ...peace, p99Ms: 400 }, { ...peace, p99Ms: 100 }, memory, 0)).toEqual([])
    expect(judgeCase([refused], { ...peace, p99Ms: 400 }, peace, memory, 150)).toEqual([])
    expect(judgeCase([refused], { ...peace, p99Ms: 401 }, peace, memory, 150)).toEqual(['honest messages took 401 ms (p99), allowed are 400'])
    expect(judgeCase([refused], { ...peace, faults: ['closed with 4007'] }, peace, memory, 0)).toEqual(['an honest device: closed with 4007'])
    expect(judgeCase([refused], { ...peace, delivered: 0 }, peace, memory, 0)).toEqual(['honest devices exchanged nothing'])
  })

  it('finds memory that an attack took', () => {
    expect(judgeCase([refused], peace, peace, { baseMiB: 100, peakMiB: 100 + HOSTILE_BOUNDS.memoryGrowthMiBMax + 1 }, 0)).toEqual(['the server grew by 193 MiB, allowed are 192'])
  })
})

describe('attempts', () => {
  it('turn an exception into an answer', async () => {
    expect(await attempt('x', 'y', () => Promise.reject(new Error('lost')))).toEqual({ what: 'x', expected: 'y', got: 'threw: lost' })
  })

  it('count equal answers, the most frequent first', () => {
    expect(tally(['b', 'a', 'b', 'c'])).toBe('2 x b, 1 x a, 1 x c')
  })
})
