import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesOfHex, encodeCbor, hexOf, parseDeviceId, registerValue, STATE_LIMITS, type DeviceId, type LatestRegister, type StateRegister } from '@evegram/protocol'
import { raiseTime } from './hybrid-time.js'
import { boundRegister, comparePlaces, mergeRegisters, raiseHighest, winnerOf, writeLatest } from './register.js'

const deviceOf = (index: number): DeviceId => parseDeviceId(index.toString(16).padStart(32, '0'))
const bytes = (register: StateRegister): string => hexOf(encodeCbor(registerValue(register)))
const KEY = 'setting/theme'

/** One step of a history: a device writes at a time of its own clock, having merged what some others have by then. */
const steps = fc.array(fc.record({
  device: fc.integer({ min: 0, max: 4 }), clockMs: fc.integer({ min: 1_000, max: 1_000_000 }), value: fc.integer({ min: 0, max: 255 }), saw: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
}), { minLength: 1, maxLength: 25 })

interface History {
  /** Each write as it leaves its device. */
  readonly sent: LatestRegister[]
  /** For each write, those that its device knew of. */
  readonly knew: ReadonlySet<number>[]
}

function play(history: readonly { readonly device: number; readonly clockMs: number; readonly value: number; readonly saw: readonly number[] }[]): History {
  const states = new Map<number, { register: LatestRegister | undefined; known: Set<number> }>()
  const numbers = new Map<number, number>()
  const sent: LatestRegister[] = []
  const knew: Set<number>[] = []
  for (const [index, { device, clockMs, value, saw }] of history.entries()) {
    const state = states.get(device) ?? { register: undefined, known: new Set<number>() }
    for (const other of saw) {
      const seen = states.get(other)
      if (seen?.register === undefined) continue
      const merged = state.register === undefined ? seen.register : mergeRegisters(state.register, seen.register)
      if (merged.type === 'latest') state.register = merged
      for (const known of seen.known) state.known.add(known)
    }
    const number = (numbers.get(device) ?? 0) + 1
    numbers.set(device, number)
    knew.push(new Set(state.known))
    state.register = writeLatest(KEY, state.register, { device: deviceOf(device), number, nowMs: clockMs, value: Uint8Array.of(value) })
    state.known.add(index)
    states.set(device, state)
    sent.push(state.register)
  }
  return { sent, knew }
}

const mergeAll = (registers: readonly StateRegister[]): StateRegister => registers.reduce(mergeRegisters)

describe('registers', () => {
  it('end the same in whatever order, however often and in whatever parts they are merged', () => {
    fc.assert(fc.property(steps.chain((history) => {
      const { sent } = play(history)
      const some = fc.array(fc.integer({ min: 0, max: sent.length - 1 }), { maxLength: 40 })
      return fc.record({ sent: fc.constant(sent), order: fc.shuffledSubarray(sent.map((_, index) => index), { minLength: sent.length }), again: some, cut: fc.nat() })
    }), ({ sent, order, again, cut }) => {
      const expected = bytes(mergeAll(sent))
      const delivered = [...order, ...again].map((index) => sent[index]).filter((register) => register !== undefined)
      expect(bytes(mergeAll(delivered))).toBe(expected)
      const at = 1 + (cut % Math.max(1, delivered.length - 1))
      const [head, tail] = [delivered.slice(0, at), delivered.slice(at)]
      const parts = tail.length === 0 ? mergeAll(head) : mergeRegisters(mergeAll(tail), mergeAll(head))
      expect(bytes(parts)).toBe(expected)
    }), { numRuns: 1_000 })
  })

  it('show a write that nobody knew better than, and never one that a later writer had seen', () => {
    fc.assert(fc.property(steps, (history) => {
      const { sent, knew } = play(history)
      const merged = mergeAll(sent)
      if (merged.type !== 'latest') throw new Error('type')
      const standing = sent.map((_, index) => index).filter((index) => !knew.some((known) => known.has(index)))
      const dots = standing.map((index) => sent[index]?.writes[0]).map((write) => `${write?.device ?? ''} ${String(write?.number)}`).sort()
      expect(merged.writes.map(({ device, number }) => `${device} ${String(number)}`).sort()).toEqual(dots)
      const winner = winnerOf(merged)
      expect(merged.writes.every((write) => write.timeMs < winner.timeMs || (write.timeMs === winner.timeMs && write.device <= winner.device))).toBe(true)
    }), { numRuns: 1_000 })
  })

  it('are not held for ever by a clock far ahead: whoever saw the write writes above it', () => {
    const ahead = writeLatest(KEY, undefined, { device: deviceOf(1), number: 1, nowMs: 2 ** 47, value: Uint8Array.of(1) })
    const later = writeLatest(KEY, ahead, { device: deviceOf(0), number: 1, nowMs: 1_000, value: Uint8Array.of(2) })
    expect(later.writes.map(({ timeMs }) => timeMs)).toEqual([1_000])
    expect([...winnerOf(later).value]).toEqual([2])
    expect(bytes(mergeRegisters(ahead, later))).toBe(bytes(later))
  })

  it('take a time just above what they have seen, and none that no honest server lets through', () => {
    expect(raiseTime(1_000, [])).toBe(1_000)
    expect(raiseTime(1_000, [2_000, 500])).toBe(2_001)
    expect(raiseTime(1_000, [66_000])).toBe(66_001)
    expect(raiseTime(1_000, [66_001])).toBe(1_000)
    expect(raiseTime(-5, [])).toBe(0)
  })

  it('of how far was read only rise', () => {
    fc.assert(fc.property(fc.array(fc.record({ order: fc.bigInt(0n, 20n), device: fc.integer({ min: 0, max: 3 }), number: fc.integer({ min: 0, max: 5 }) }), { minLength: 1, maxLength: 20 }), (read) => {
      const places = read.map(({ order, device, number }) => ({ order, device: deviceOf(device), epoch: 1, number }))
      const raised = places.map((place) => raiseHighest('read/00', undefined, place))
      const highest = [...places].sort(comparePlaces).at(-1)
      expect(places.reduce<ReturnType<typeof raiseHighest> | undefined>((before, place) => raiseHighest('read/00', before, place), undefined)?.place).toEqual(highest)
      const merged = mergeAll(raised)
      expect(merged.type === 'highest' ? merged.place : undefined).toEqual(highest)
    }))
  })

  it('stay within their bound when devices come and go for years, and show the same', () => {
    const writes = Array.from({ length: STATE_LIMITS.clockDevicesMax + 40 }, (_, index) =>
      writeLatest(KEY, undefined, { device: deviceOf(index), number: 1 + index, nowMs: 1_000 + index, value: Uint8Array.of(index % 251) }))
    const merged = mergeAll(writes)
    const bounded = boundRegister(merged, (device) => device === deviceOf(3))
    if (merged.type !== 'latest' || bounded.type !== 'latest') throw new Error('type')
    expect(bounded.writes).toHaveLength(STATE_LIMITS.clockDevicesMax)
    expect(winnerOf(bounded)).toEqual(winnerOf(merged))
    const after = boundRegister(writeLatest(KEY, merged, { device: deviceOf(3), number: 900, nowMs: 5, value: bytesOfHex('aa') }), (device) => device === deviceOf(3))
    if (after.type !== 'latest') throw new Error('type')
    expect(after.clock.size).toBe(STATE_LIMITS.clockDevicesMax)
    expect(after.clock.has(deviceOf(3))).toBe(true)
    expect(hexOf(winnerOf(after).value)).toBe('aa')
  })
})
