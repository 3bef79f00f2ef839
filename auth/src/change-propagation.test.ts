import { ManualClock, silentLogger } from '@evegram/platform'
import { EvegramError, parseAccountId, parseDeviceId } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import type { AccountChange } from './accounts.js'
import { IN_PROCESS, settled, type ChangePropagation } from './change-propagation.js'

const account = parseAccountId('a1'.repeat(16))
const device = parseDeviceId('d1'.repeat(16))
const nothing: AccountChange = { account, seq: 2, addedDevices: [], revokedDevices: [], closed: false }
const LEASE_MS = 1_100

let clock: ManualClock
beforeEach(() => { clock = new ManualClock() })

/** Follows one change; `done()` tells whether it may be answered. */
function follow(change: AccountChange, propagation: ChangePropagation): () => Promise<boolean> {
  let done = false
  void settled(change, { clock, log: silentLogger, propagation }).then(() => { done = true })
  return async () => {
    for (let turn = 0; turn < 4; turn++) await new Promise<void>((resolve) => { setImmediate(resolve) })
    return done
  }
}
const propagation = (flush: () => Promise<void> = () => Promise.resolve()): ChangePropagation => ({ flush, changeLeaseMs: LEASE_MS })

describe('a change of an account', () => {
  it.each([
    ['adds a device', { ...nothing, addedDevices: [device] }], ['revokes one', { ...nothing, revokedDevices: [device] }], ['closes the account', { ...nothing, closed: true }],
  ])('that %s is answered when the lease of every node has passed', async (_what, change) => {
    const done = follow(change, propagation())
    clock.advance(LEASE_MS - 1)
    expect(await done()).toBe(false)
    clock.advance(1)
    expect(await done()).toBe(true)
  })

  it('is not answered before the broker has its event, however long that takes', async () => {
    let flushed = (): void => undefined
    const done = follow({ ...nothing, revokedDevices: [device] }, propagation(() => new Promise((resolve) => { flushed = resolve })))
    clock.advance(LEASE_MS * 3)
    expect(await done()).toBe(false)
    flushed()
    expect(await done()).toBe(true)
  })

  it('is answered after the lease when the broker is away: no node goes by the old state then', async () => {
    const done = follow({ ...nothing, revokedDevices: [device] }, propagation(() => Promise.reject(new EvegramError('unavailable.bus'))))
    expect(await done()).toBe(false)
    clock.advance(LEASE_MS)
    expect(await done()).toBe(true)
  })

  it.each([
    ['touches no device', nothing], ['is the first, which nobody could have asked for', { ...nothing, seq: 1, addedDevices: [device] }],
  ])('that %s is answered at once', async (_what, change) => {
    expect(await follow(change, propagation())()).toBe(true)
  })

  it('is answered at once where engine and auth share a process', async () => {
    expect(await follow({ ...nothing, closed: true }, IN_PROCESS)()).toBe(true)
  })
})
