import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { processTree, treeCost } from './process-tree.js'

/** Uses so many microseconds of CPU and ends. */
const BURN = 'while (process.cpuUsage().user < Number(process.argv[1]));'
/** Waits for one that does. */
const PARENT = `require('node:child_process').execFileSync(process.execPath, ['-e', ${JSON.stringify(BURN)}, '400000']); console.log('burnt'); setInterval(() => {}, 1000)`

describe.skipIf(process.platform !== 'linux')('the processes of a system', () => {
  it('count together, also those that have ended', async () => {
    const parent = spawn(process.execPath, ['-e', PARENT], { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      const pid = parent.pid ?? expect.fail('not started')
      await expect.poll(() => processTree([pid]).length, { timeout: 10_000 }).toBe(2)
      await once(parent.stdout, 'data')
      await expect.poll(() => processTree([pid]), { timeout: 10_000 }).toEqual([pid])
      // The child that is gone was more than half of it.
      expect(treeCost([pid])?.cpuSeconds).toBeGreaterThan(0.3)
    } finally {
      parent.kill('SIGKILL')
      await once(parent, 'exit')
    }
    expect(treeCost([parent.pid ?? 0])).toBeUndefined()
  })
})
