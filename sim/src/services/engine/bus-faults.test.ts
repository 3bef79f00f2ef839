import { subjectOf, type Bus } from '@evegram/platform'
import { isEvegramError, textOf, utf8 } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import type { SimProcess } from '../../kernel/process.js'
import { NO_ENGINE_FAULTS, type PacketFaults } from './engine-faults.js'
import type { SimBus } from './sim-bus.js'
import { StoreWorld } from './testing/store-world.js'

const SUBJECT = subjectOf('node', 'other')

describe('the bus', () => {
  let world: StoreWorld
  let cut: boolean
  let node: SimProcess
  let bus: SimBus
  let other: SimBus
  let heard: number[]

  beforeEach(async () => {
    cut = false
    heard = []
    world = new StoreWorld('quorum', 'bus', { reaches: (process) => !cut || process !== node })
    node = world.start()
    bus = world.stores.portsFor(node).bus
    other = world.stores.portsFor(world.start()).bus
    other.subscribe(SUBJECT, (bytes) => { heard.push(Number(textOf(bytes))) })
    await world.pass(100)
  })

  const publish = (from: number, to: number): void => { for (let number = from; number <= to; number++) bus.publish(SUBJECT, utf8(String(number))) }
  const packets = (faults: Partial<PacketFaults>): void => { world.faults = { ...NO_ENGINE_FAULTS, packets: { ...NO_ENGINE_FAULTS.packets, ...faults } } }
  const flush = async (of: Bus, ms = 20_000): Promise<string> => {
    let answer = 'waiting'
    of.flush().then(() => { answer = 'flushed' }, (failure: unknown) => { answer = isEvegramError(failure, 'unavailable.bus') ? 'refused' : 'broken' })
    await world.pass(ms)
    return answer
  }

  it('tells the observer what was handed over, once the broker has it', async () => {
    publish(1, 3)
    expect([world.published, world.flushed]).toEqual([[1, 2, 3], []])
    expect(await flush(bus)).toBe('flushed')
    expect([heard, world.flushed]).toEqual([[1, 2, 3], [3]])
  })

  it('hands over without a flush too', async () => {
    publish(1, 3)
    await world.pass(100)
    expect(heard).toEqual([1, 2, 3])
  })

  it('loses, repeats and reorders packets at their rates, and flushes all the same', async () => {
    for (const [fault, check] of [
      ['lost', () => heard.length < 900 && heard.length > 700 && heard.every((number, at) => at === 0 || number > (heard[at - 1] ?? 0))],
      ['duplicated', () => heard.length > 1_100 && heard.length < 1_300 && new Set(heard).size === 1_000],
      ['reordered', () => heard.length === 1_000 && heard.some((number, at) => number < (heard[at - 1] ?? 0))],
    ] as const) {
      heard = []
      packets({ [fault]: 0.2 })
      publish(1, 1_000)
      expect(await flush(bus)).toBe('flushed')
      expect([fault, check()]).toEqual([fault, true])
      expect(world.run.coverage.of(`fault/packet ${fault}`)).toBeGreaterThan(150)
    }
  })

  it('loses what was not handed over when the connection breaks, says so to the flush, and comes back', async () => {
    publish(1, 1)
    bus.break()
    publish(2, 2)
    expect(await flush(bus)).toBe('refused')
    expect(heard).toEqual([])
    expect(world.run.coverage.of('fault/bus packets lost with their connection')).toBe(2)
    // Nobody was told of the loss of 2 but the flush under way; the next one tells it again.
    expect(await flush(bus)).toBe('refused')
    publish(3, 3)
    expect(await flush(bus)).toBe('flushed')
    expect(heard).toEqual([3])
  })

  it('breaks at the asked rate', async () => {
    packets({ broken: 1 })
    publish(1, 1)
    expect(world.run.coverage.of('fault/bus connection broken')).toBe(1)
  })

  it('delivers nothing to a subscriber whose connection is broken, and again afterwards', async () => {
    other.break()
    publish(1, 1)
    await world.pass(10)
    expect(heard).toEqual([])
    await world.pass(20_000)
    publish(2, 2)
    await world.pass(100)
    expect(heard).toEqual([2])
  })

  it('refuses to publish while it knows that it is not connected', async () => {
    bus.break()
    let refused = 0
    for (let look = 0; look < 2_000; look++) {
      await world.pass(5)
      try { publish(1, 1) } catch (failure) { if (isEvegramError(failure, 'unavailable.bus')) refused++ }
    }
    expect(refused).toBeGreaterThan(0)
    expect(heard.length).toBeGreaterThan(0)
  })

  it('refuses more than its buffer holds', () => {
    expect(() => { publish(1, 5_000) }).toThrow(expect.toSatisfy((failure) => isEvegramError(failure, 'limited.queue')))
  })

  it('loses what the broker did not take when its program dies, and keeps what it took', async () => {
    publish(1, 1)
    expect(await flush(bus)).toBe('flushed')
    publish(2, 2)
    node.kill()
    await world.pass(10_000)
    expect(heard).toEqual([1])
  })

  it('waits behind a short partition and breaks in a long one', async () => {
    cut = true
    publish(1, 1)
    await world.pass(1_000)
    expect(heard).toEqual([])
    cut = false
    await world.pass(1_000)
    expect(heard).toEqual([1])
    cut = true
    publish(2, 2)
    await world.pass(20_000)
    cut = false
    await world.pass(20_000)
    publish(3, 3)
    await world.pass(100)
    expect(heard).toEqual([1, 3])
  })

  it('ends the run when a handler throws', async () => {
    other.subscribe(SUBJECT, () => { throw new Error('planted') })
    publish(1, 1)
    await world.pass(1_000)
    expect(world.run.violation?.promise).toBe('program')
  })
})
