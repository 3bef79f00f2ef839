import { execFileSync, spawn } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { processCost } from '../../process-cost.js'
import { busySecondsAround, busySecondsOf, coresOf, starvedShare } from './core-time.js'

const STAT = 'cpu  999 999 999 999 0 0 0 0 0 0\ncpu0 100 20 30 5000 7 400 500 50 60 0\ncpu1 1000 0 0 0 0 0 0 0 0 0\ncpu10 1 1 1 1 1 1 1 1 0 0\nintr 5\n'

describe('the time that cores were busy', () => {
  it('reads the lists of the kernel', () => {
    expect(coresOf('0')).toEqual([0])
    expect(coresOf('0-2,5\n')).toEqual([0, 1, 2, 5])
    expect(coresOf('')).toEqual([])
  })

  it('counts programs and what the host took, not interrupts nor waiting, and no other core', () => {
    expect(busySecondsOf(STAT, [0])).toBe(2)
    expect(busySecondsOf(STAT, [0, 1])).toBe(12)
    expect(busySecondsOf(STAT, [10])).toBe(0.04)
    expect(busySecondsOf(STAT, [7])).toBe(0)
  })

  it('does not know it of nobody, nor of who has ended', () => {
    expect(busySecondsAround([])).toBeUndefined()
    expect(busySecondsAround([2 ** 30])).toBeUndefined()
  })
})

describe('a server that waits for a core', () => {
  const times = { elapsedSeconds: 10, waitedSeconds: 4, cpuSeconds: 9.8, coresBusySeconds: 9.9 }

  it('is not starved by its own threads', () => {
    expect(starvedShare(times)).toBeCloseTo(0.01)
    expect(starvedShare({ ...times, coresBusySeconds: 9.7 })).toBe(0)
  })

  it('is starved by others, for as long as it waited at most', () => {
    expect(starvedShare({ ...times, cpuSeconds: 6, coresBusySeconds: 9.5 })).toBeCloseTo(0.35)
    expect(starvedShare({ ...times, cpuSeconds: 2, coresBusySeconds: 9.5 })).toBeCloseTo(0.4)
  })

  it('is taken for starved whenever it waited where nobody knows who was there', () => {
    expect(starvedShare({ ...times, coresBusySeconds: undefined })).toBeCloseTo(0.4)
  })
})

const hasTaskset = process.platform === 'linux' && (() => {
  try {
    execFileSync('taskset', ['-p', String(process.pid)], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

describe.skipIf(!hasTaskset)('on this machine', () => {
  it('somebody who takes the core of a process is seen', async () => {
    const spin = (): ReturnType<typeof spawn> => spawn('taskset', ['-c', '0', process.execPath, '-e', 'for (;;);'], { stdio: 'ignore' })
    const [one, other] = [spin(), spin()]
    try {
      const pid = one.pid ?? 0
      // taskset becomes node; until then there is nothing to wait for.
      await new Promise((resolve) => setTimeout(resolve, 500))
      const [cost, busy, at] = [processCost(pid), busySecondsAround([pid]) ?? 0, performance.now()]
      await new Promise((resolve) => setTimeout(resolve, 1_500))
      const [after, busyAfter] = [processCost(pid), busySecondsAround([pid]) ?? 0]
      const share = starvedShare({
        elapsedSeconds: (performance.now() - at) / 1_000, waitedSeconds: after.waitedSeconds - cost.waitedSeconds, cpuSeconds: after.cpuSeconds - cost.cpuSeconds,
        coresBusySeconds: busyAfter - busy,
      })
      expect(share).toBeGreaterThan(0.2)
    } finally {
      one.kill('SIGKILL')
      other.kill('SIGKILL')
    }
  }, 20_000)
})
