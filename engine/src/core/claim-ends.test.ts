import { ManualClock, silentLogger } from '@evegram/platform'
import { EvegramError, type DeviceId } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { settle } from './cluster.fixture.js'
import { ClaimEnds, CLAIM_ENDS_AT_ONCE, CLAIM_ENDS_RETRY_MS, CLAIM_ENDS_WAITING_MAX } from './claim-ends.js'
import { device } from './scene.fixture.js'

describe('ending claims', () => {
  let clock: ManualClock
  let asked: DeviceId[]
  /** Settles what was asked and not answered, in order. */
  let open: ((failure?: Error) => void)[]
  let most: number
  let shed: number
  let ends: ClaimEnds
  beforeEach(() => {
    clock = new ManualClock()
    asked = []
    open = []
    most = shed = 0
    const rest = (one: DeviceId): Promise<void> => {
      asked.push(one)
      return new Promise((resolve, reject) => {
        open.push((failure) => { if (failure === undefined) resolve(); else reject(failure) })
        most = Math.max(most, open.length)
      })
    }
    ends = new ClaimEnds({ clock, claims: { rest }, restMs: 30_000, onShed: () => { shed++ }, log: silentLogger })
  })
  const answerAll = async (failure?: Error): Promise<void> => {
    for (const answer of open.splice(0)) answer(failure)
    await settle()
  }
  const away = new EvegramError('unavailable.presence')

  it('is asked for so many devices at a time, and for every one, whatever storm they come in', async () => {
    const devices = Array.from({ length: 15 * CLAIM_ENDS_AT_ONCE + 1 }, (_, number) => device(number))
    for (const one of devices) ends.add(one)
    expect(open).toHaveLength(CLAIM_ENDS_AT_ONCE)
    while (open.length > 0) await answerAll()
    expect([most, asked]).toEqual([CLAIM_ENDS_AT_ONCE, devices])
  })

  it('is tried again after a while where it failed, until it succeeded', async () => {
    for (let number = 0; number < 3; number++) ends.add(device(number))
    await answerAll(away)
    ends.add(device(3))
    expect([open.length, ends.waiting]).toEqual([0, 4])
    clock.advance(CLAIM_ENDS_RETRY_MS)
    expect(asked).toHaveLength(7)
    await answerAll()
    clock.advance(10 * CLAIM_ENDS_RETRY_MS)
    expect([asked.length, open.length, ends.waiting]).toEqual([7, 0, 0])
  })

  it('is asked once more for a device that connects again meanwhile', async () => {
    ends.add(device(1))
    ends.add(device(1))
    ends.add(device(1))
    await answerAll()
    await answerAll()
    expect(asked).toEqual([device(1), device(1)])
  })

  it('is bounded, and says whom it has no room for', async () => {
    for (let number = 0; number < CLAIM_ENDS_AT_ONCE + CLAIM_ENDS_WAITING_MAX; number++) ends.add(device(number))
    expect([ends.waiting, shed]).toEqual([CLAIM_ENDS_WAITING_MAX, 0])
    ends.add(device(CLAIM_ENDS_AT_ONCE + CLAIM_ENDS_WAITING_MAX))
    expect([ends.waiting, shed]).toEqual([CLAIM_ENDS_WAITING_MAX, 1])
  })

  it('ends when it is stopped', async () => {
    ends.add(device(1))
    await answerAll(away)
    ends.stop()
    ends.add(device(2))
    clock.advance(10 * CLAIM_ENDS_RETRY_MS)
    expect(asked).toHaveLength(1)
  })
})
