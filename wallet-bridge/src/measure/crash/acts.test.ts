import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Acts, hasStopped, readActs } from './acts.js'

describe('what a process writes down of what it does', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'evegram-acts-'))
    path = join(folder, 'acts')
  })
  afterEach(() => { rmSync(folder, { recursive: true }) })

  it('says in which call it was, or behind which, and what was signed and broadcast', async () => {
    const acts = new Acts(path, undefined, () => undefined)
    expect(readActs(path)).toEqual({ moment: 'before anything', signed: [], broadcast: [], failures: [] })
    await acts.around('sign', async () => 'tx-1', '', (txid) => txid)
    await acts.around('sign', async () => '', '', (txid) => txid)
    expect(readActs(path).moment).toBe('after sign')
    acts.failed('unavailable.store')
    // It counts when it begins: nobody knows how far it came.
    await expect(acts.around('broadcast', () => Promise.reject(new Error('gone')), 'tx-1')).rejects.toThrow('gone')
    expect(readActs(path)).toEqual({ moment: 'in broadcast', signed: ['tx-1'], broadcast: ['tx-1'], failures: ['unavailable.store'] })
    acts.close()
  })

  it.each([['before', 'after sign', 1], ['after', 'after store', 2]] as const)('stops the process %s a call once it is armed', async (when, moment, calls) => {
    let [made, stoppedAt] = [0, 0]
    const acts = new Acts(path, { act: 'store', nth: 2, when }, () => { stoppedAt = made })
    const turn = async (): Promise<void> => {
      await acts.around('sign', async () => 'tx')
      await acts.around('store', async () => { made++ })
    }
    await turn()
    made = 0
    acts.arm()
    await turn()
    expect([stoppedAt, hasStopped(path)]).toEqual([0, false])
    await acts.around('sign', async () => 'tx')
    const before = readActs(path).moment
    await acts.around('store', async () => { made++ })
    expect([stoppedAt, hasStopped(path), before]).toEqual([calls, true, 'after sign'])
    expect(readActs(path).moment).toBe('after store')
    expect(moment).toBe(when === 'before' ? before : 'after store')
    acts.close()
  })
})
