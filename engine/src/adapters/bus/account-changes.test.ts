import {
  ACCOUNT_EVENTS_SUBJECT, createMetrics, encodeAccountPacket, ManualClock, MemoryBroker, silentLogger, type AccountEvent, type Bus, type Metrics,
} from '@evegram/platform'
import { parseAccountId, parseDeviceId } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AccountChange } from '../../ports/account-directory.js'
import { AccountChanges } from './account-changes.js'

const account = parseAccountId('a1'.repeat(16))
const device = parseDeviceId('d1'.repeat(16))
const [ONE, TWO] = ['11'.repeat(8), '22'.repeat(8)]
const news = (seq: number): AccountEvent => ({ kind: 'log', account, seq, revokedDevices: [device], closed: false })
const RESYNC: AccountChange = { kind: 'resync' }

let clock: ManualClock
let bus: Bus
let metrics: Metrics
let changes: AccountChanges
let told: AccountChange[]

beforeEach(async () => {
  clock = new ManualClock()
  metrics = createMetrics()
  const broker = new MemoryBroker({ log: silentLogger })
  bus = broker.connect()
  changes = new AccountChanges({ bus: broker.connect(), clock, log: silentLogger, metrics })
  told = []
  changes.onChange((change) => told.push(change))
  await changes.start()
})
afterEach(() => { changes.stop() })

async function publish(bytes: Uint8Array): Promise<void> {
  bus.publish(ACCOUNT_EVENTS_SUBJECT, bytes)
  for (let turn = 0; turn < 4; turn++) await new Promise<void>((resolve) => { setImmediate(resolve) })
}
const event = (number: number, sender = ONE): Promise<void> => publish(encodeAccountPacket({ sender, number, kind: 'event', event: news(number) }))
const alive = (number: number, sender = ONE): Promise<void> => publish(encodeAccountPacket({ sender, number, kind: 'alive' }))
const left = (number: number, sender = ONE): Promise<void> => publish(encodeAccountPacket({ sender, number, kind: 'left' }))

/** Time in which the instances say that they are there. */
async function livingMs(ms: number, numbers: Readonly<Record<string, number>>): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    for (const [sender, number] of Object.entries(numbers)) await alive(number, sender)
    clock.advance(500)
  }
}

describe('changes of accounts over the bus', () => {
  it('are handed on in order, of several instances, and nothing is doubted while all of them are heard', async () => {
    await alive(0)
    await event(1)
    await event(1, TWO)
    await event(2)
    await livingMs(30_000, { [ONE]: 2, [TWO]: 1 })
    expect(told).toEqual([news(1), news(1), news(2)])
    expect(changes.heard()).toBe(true)
  })

  it('are doubted once per gap, whether the next event shows it or the heartbeat', async () => {
    await alive(0)
    await event(2)
    expect(told).toEqual([RESYNC, news(2)])
    await alive(2)
    await alive(3)
    await alive(3)
    expect(told).toEqual([RESYNC, news(2), RESYNC])
  })

  it('are handed on once', async () => {
    await alive(0)
    for (const number of [1, 1, 2, 1]) await event(number)
    expect(told).toEqual([news(1), news(2)])
  })

  it('are doubted when an instance appears whose beginning was not heard, and not when it was', async () => {
    await alive(0, ONE)
    await event(1, TWO)
    expect(told).toEqual([news(1)])
    await alive(7, '33'.repeat(8))
    expect(told).toEqual([news(1), RESYNC])
    await event(2, '44'.repeat(8))
    expect(told).toEqual([news(1), RESYNC, RESYNC, news(2)])
  })

  it('are doubted within 2.5 s of a silence, then every 5 s until the instance counts as ended, and when it comes back after that', async () => {
    await alive(3)
    told.length = 0
    await livingMs(1_000, { [ONE]: 3, [TWO]: 0 })
    await livingMs(1_500, { [TWO]: 0 })
    expect(told).toEqual([])
    await livingMs(1_000, { [TWO]: 0 })
    expect(told).toEqual([RESYNC])
    await livingMs(60_000, { [TWO]: 0 })
    expect(told).toEqual([RESYNC, RESYNC, RESYNC, RESYNC])
    await alive(3)
    expect(told).toHaveLength(5)
  })

  it('are not doubted after a goodbye, unless something before it is missing', async () => {
    await alive(3)
    told.length = 0
    await left(3)
    await livingMs(10_000, { [TWO]: 0 })
    expect(told).toEqual([])
    await left(1, TWO)
    await livingMs(10_000, { ['33'.repeat(8)]: 0 })
    expect(told).toEqual([RESYNC])
  })

  it('are doubted every 5 s while nobody is heard', async () => {
    clock.advance(30_000)
    expect(changes.heard()).toBe(false)
    expect(told).toEqual([RESYNC, RESYNC, RESYNC, RESYNC, RESYNC, RESYNC])
  })

  it('that do not parse are counted, and show as a gap', async () => {
    await alive(0)
    await publish(new Uint8Array([1, 2, 3]))
    await alive(1)
    expect(told).toEqual([RESYNC])
    expect(await metrics.text()).toContain('evegram_account_events_malformed_total 1')
    expect(await metrics.text()).toContain('evegram_account_events_doubts_total{reason="gap"} 1')
  })

  it('go on when a listener fails', async () => {
    changes.onChange(() => { throw new Error('a fault') })
    const later: AccountChange[] = []
    changes.onChange((change) => later.push(change))
    await alive(0)
    await event(1)
    expect([told, later]).toEqual([[news(1)], [news(1)]])
  })
})
