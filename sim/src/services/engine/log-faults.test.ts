import type { AppendResult } from '@evegram/engine'
import { encodeEnvelope, ENVELOPE_KIND, isEvegramError, parseConversationId, parseDeviceId, positionAtTime, type ConversationId } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { NO_FAULTS, type ServiceFaults } from '../../kernel/service.js'
import { NO_ENGINE_FAULTS, type EngineFaults, type EngineService } from './engine-faults.js'
import { messageKeyOf } from './envelope-table.js'
import type { EnginePorts } from './stores.js'
import { ALICE, StoreWorld } from './testing/store-world.js'

const ONE: ConversationId = parseConversationId('c'.repeat(32))
const MINUTES = 600_000
const START = positionAtTime(0)

function failing(service: EngineService, faults: Partial<ServiceFaults>, more: Partial<EngineFaults> = {}): EngineFaults {
  return { ...NO_ENGINE_FAULTS, ...more, services: { ...NO_ENGINE_FAULTS.services, [service]: { ...NO_FAULTS, ...faults } } }
}

function envelope(number: number): Uint8Array {
  return encodeEnvelope({
    kind: ENVELOPE_KIND.message, conversation: ONE, device: parseDeviceId('d'.repeat(32)), account: ALICE, epoch: 1, number, order: 1n,
    membershipVersion: 1, accounts: [], bodies: [],
  })
}

interface Outcome {
  result: AppendResult['status'] | 'refused' | 'waiting'
  atMs: number
}

/** Appends at `counter` behind the start of the run and takes note of the answer. */
function append(world: StoreWorld, ports: EnginePorts, number: number, counter = number): Outcome {
  const outcome: Outcome = { result: 'waiting', atMs: 0 }
  const end = (result: Outcome['result']): void => { Object.assign(outcome, { result, atMs: world.run.nowMs }) }
  ports.log.append({ conversation: ONE, envelope: envelope(number), position: { timeMs: world.run.startEpochMs, incarnation: 1, counter } }, [ALICE]).then(
    ({ status }) => { end(status) },
    (failure: unknown) => { end(isEvegramError(failure, 'unavailable.envelope_log') ? 'refused' : 'waiting') },
  )
  return outcome
}

/** How many copies a read sees now. */
async function seen(world: StoreWorld, ports: EnginePorts): Promise<number> {
  let count = -1
  void ports.log.read(ONE, START, 1_000).then((copies) => { count = copies.length })
  await world.pass(1_000)
  return count
}

describe('a quorum log', () => {
  const setup = (faults: EngineFaults): { world: StoreWorld; ports: EnginePorts } => {
    const world = new StoreWorld('quorum')
    world.faults = faults
    return { world, ports: world.stores.portsFor(world.start()) }
  }

  it('stores nothing that it refused or never heard of', async () => {
    const { world, ports } = setup(failing('log', { refused: 0.5, lost: 0.5 }))
    const outcomes = Array.from({ length: 20 }, (_, number) => append(world, ports, number))
    await world.pass(MINUTES)
    expect(outcomes.every(({ result }) => result === 'refused')).toBe(true)
    expect(world.stored).toEqual([])
    expect(world.run.coverage.of('fault/log.refused') + world.run.coverage.of('fault/log.lost')).toBe(20)
  })

  it('stores what it refused: before the answer when unknown, after it when late, at the position that was asked', async () => {
    for (const kind of ['unknown', 'late'] as const) {
      const { world, ports } = setup(failing('log', { [kind]: 1 }))
      const outcome = append(world, ports, 1, 7)
      await world.pass(MINUTES)
      expect(outcome.result).toBe('refused')
      expect(world.stored).toHaveLength(1)
      const [copy] = world.stores.copies(messageKeyOf(envelope(1)))
      expect(copy?.position.counter).toBe(7)
      expect((world.stored[0]?.atMs ?? 0) > outcome.atMs).toBe(kind === 'late')
      world.faults = NO_ENGINE_FAULTS
      expect(await seen(world, ports)).toBe(1)
    }
  })

  it('keeps a retry at another position as another row and never answers exists', async () => {
    const { world, ports } = setup(NO_ENGINE_FAULTS)
    const outcomes = [append(world, ports, 1, 1), append(world, ports, 1, 2)]
    await world.pass(1_000)
    expect(outcomes.map(({ result }) => result)).toEqual(['stored', 'stored'])
    expect(world.stores.copies(messageKeyOf(envelope(1)))).toHaveLength(2)
  })

  it('hides copies of appends that were not answered only, and not for ever', async () => {
    const { world, ports } = setup(failing('log', { unknown: 1 }, { hidden: 1 }))
    append(world, ports, 1)
    await world.pass(30)
    const answered = setup(failing('log', {}, { hidden: 1 }))
    append(answered.world, answered.ports, 1)
    await answered.world.pass(100)
    expect(await seen(answered.world, answered.ports)).toBe(1)
    world.faults = NO_ENGINE_FAULTS
    expect(world.stored).toHaveLength(1)
    let hidden = 0
    for (let look = 0; look < 200; look++) if (await seen(world, ports) === 0) hidden++
    expect(hidden).toBeGreaterThan(0)
    expect(await seen(world, ports)).toBe(1)
    expect(world.run.coverage.of('fault/log.read misses a hidden copy')).toBe(hidden)
  })

  it('refuses an append whose mark failed, with its row stored', async () => {
    const { world, ports } = setup(failing('marks', { lost: 1 }))
    const first = append(world, ports, 1)
    await world.pass(MINUTES)
    expect([first.result, world.stored.length, world.marked.length]).toEqual(['refused', 1, 0])
    world.faults = NO_ENGINE_FAULTS
    const second = append(world, ports, 2)
    await world.pass(1_000)
    append(world, ports, 3)
    await world.pass(1_000)
    expect([second.result, world.marked.length]).toEqual(['stored', 1])
    // What a program remembers of its marks ends with it.
    append(world, world.stores.portsFor(world.start()), 4)
    await world.pass(1_000)
    expect(world.marked).toHaveLength(2)
  })

  it('fails at the asked rate', async () => {
    const { world, ports } = setup(failing('log', { late: 0.1, unknown: 0.2 }))
    for (let number = 0; number < 2_000; number++) append(world, ports, number)
    await world.pass(MINUTES)
    expect(world.run.coverage.of('fault/log.late')).toBeGreaterThan(150)
    expect(world.run.coverage.of('fault/log.late')).toBeLessThan(250)
    expect(world.run.coverage.of('fault/log.unknown')).toBeGreaterThan(340)
    expect(world.run.coverage.of('fault/log.unknown')).toBeLessThan(460)
    expect(world.stored).toHaveLength(2_000)
  })
})

describe('an atomic log', () => {
  it('answers a stalled commit late, and those behind it, and refuses none', async () => {
    const world = new StoreWorld('atomic')
    const ports = world.stores.portsFor(world.start())
    world.faults = failing('log', { slow: 1, late: 1, unknown: 1, lost: 1 })
    const stalled = append(world, ports, 1)
    world.faults = NO_ENGINE_FAULTS
    const behind = append(world, ports, 2)
    expect(await seen(world, ports)).toBeGreaterThanOrEqual(0)
    await world.pass(MINUTES)
    expect([stalled.result, behind.result, world.stored.length, world.marked.length]).toEqual(['stored', 'stored', 2, 2])
    expect(stalled.atMs).toBeGreaterThan(20)
    expect(behind.atMs).toBeGreaterThan(20)
    expect(world.run.coverage.of('fault/log.stall')).toBe(1)
  })

  it('stores nothing for a program that is gone', async () => {
    const world = new StoreWorld('atomic')
    const node = world.start()
    append(world, world.stores.portsFor(node), 1)
    node.kill()
    await world.pass(MINUTES)
    expect([world.stored.length, world.marked.length]).toEqual([0, 0])
  })

  it('stores another copy where it does not find the one that stands', async () => {
    const world = new StoreWorld('atomic')
    const ports = world.stores.portsFor(world.start())
    const results: Outcome[] = []
    for (const unfound of [0, 0, 1]) {
      world.faults = { ...NO_ENGINE_FAULTS, unfound }
      results.push(append(world, ports, 1, results.length))
      await world.pass(100)
    }
    expect(results.map(({ result }) => result)).toEqual(['stored', 'exists', 'stored'])
    expect(world.run.coverage.of('fault/log.unfound')).toBe(1)
  })
})

describe('the other stores', () => {
  it('presence forgets everything when it is told to, and time runs out in it', async () => {
    const world = new StoreWorld('quorum')
    const { presence } = world.stores.portsFor(world.start())
    const entry = { account: ALICE, device: parseDeviceId('d'.repeat(32)), incarnation: 1, connectionEpoch: 1 }
    const found: number[] = []
    const look = async (): Promise<void> => {
      void presence.lookup([ALICE]).then((entries) => { found.push(entries.length) })
      await world.pass(100)
    }
    for (const after of ['registered', 'forgotten', 'registered again', 'expired']) {
      if (after.startsWith('registered')) void presence.register(entry, 5_000)
      if (after === 'forgotten') world.stores.forgetPresence()
      await world.pass(after === 'expired' ? 6_000 : 100)
      await look()
    }
    expect(found).toEqual([1, 0, 1, 0])
  })

  it('the store keeps close to true time and gives floors above every position', async () => {
    for (const personality of ['atomic', 'quorum'] as const) {
      const world = new StoreWorld(personality)
      const ports = world.stores.portsFor(world.start())
      append(world, ports, 1)
      await world.pass(1_000)
      let floorMs = 0
      let aheadMs = Number.NaN
      void ports.registry.claim().then((claimed) => { floorMs = claimed.floorMs })
      void ports.registry.referenceMs().then((referenceMs) => { aheadMs = referenceMs - world.run.trueTimeMs })
      await world.pass(100)
      expect(floorMs).toBe(world.run.startEpochMs)
      expect(Math.abs(aheadMs)).toBeLessThan(200)
    }
  })
})
