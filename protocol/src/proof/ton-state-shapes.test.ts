import { beginCell, type Cell } from '@ton/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { equalBytes, hexOf } from '../bytes.js'
import { readTonBoc, type TonCell } from './ton-cell.js'
import { TON_STATE_SHAPES_MAX, TonStateShapes } from './ton-state-shapes.js'

const CODE = beginCell().storeUint(7, 200).storeRef(beginCell().storeUint(1, 64).storeRef(beginCell().storeUint(9, 8)).endCell()).endCell()

/** The first state of a wallet with this key, of data with so many bits behind it. */
function stateOf(key: Uint8Array, tailBits: number, options: { readonly crc32: boolean; readonly idx: boolean }, code: Cell = CODE): Uint8Array {
  const data = beginCell().storeUint(0, 33).storeBuffer(Buffer.from(key)).storeUint(0, tailBits).endCell()
  return Uint8Array.from(beginCell().storeUint(0b00110, 5).storeRef(code).storeRef(data).endCell().toBoc(options))
}

function known(bytes: Uint8Array, shapes = new TonStateShapes()): TonStateShapes {
  const root = readTonBoc(bytes)
  if (root !== undefined) shapes.remember(bytes, root)
  return shapes
}

const key = fc.uint8Array({ minLength: 32, maxLength: 32 })
/** 31 bits complete a byte, others leave some. */
const tail = fc.constantFrom(0, 1, 7, 31)
const options = fc.record({ crc32: fc.boolean(), idx: fc.boolean() })
const textOf = (cell: TonCell | undefined): string | undefined => (cell === undefined ? undefined : JSON.stringify(cell, (_, value: unknown) => (value instanceof Uint8Array ? hexOf(value) : value)))

describe('states of a form that was seen before', () => {
  it('are read as if they were taken apart: same cells, same hashes', () => {
    let quick = 0
    fc.assert(fc.property(key, key, tail, options, (first, second, tailBits, how) => {
      // A key of zeros stands in many places of such a small state: its form is not kept.
      fc.pre(first.some((byte) => byte !== 0))
      const shapes = known(stateOf(first, tailBits, how))
      const state = stateOf(second, tailBits, how)
      const read = shapes.read(state)
      if (read !== undefined) quick++
      expect(textOf(read)).toBe(textOf(readTonBoc(state)))
    }), { numRuns: 100 })
    expect(quick).toBeGreaterThan(90)
  })

  it('are never read otherwise than by taking them apart, whichever bytes are changed', () => {
    fc.assert(fc.property(key, key, tail, options, fc.nat(), fc.integer({ min: 1, max: 255 }), (first, second, tailBits, how, place, change) => {
      const shapes = known(stateOf(first, tailBits, how))
      const state = stateOf(second, tailBits, how)
      state[place % state.length] = (state[place % state.length] ?? 0) ^ change
      const read = shapes.read(state)
      if (read !== undefined) expect(textOf(read)).toBe(textOf(readTonBoc(state)))
    }), { numRuns: 500 })
  })

  it('are not read with a wrong checksum, nor with another end of the data', () => {
    const how = { crc32: true, idx: false }
    const shapes = known(stateOf(new Uint8Array(32).fill(1), 1, how))
    const state = stateOf(new Uint8Array(32).fill(2), 1, how)
    expect(shapes.read(state)).toBeDefined()
    const wrong = Uint8Array.from(state)
    wrong[wrong.length - 1] = (wrong[wrong.length - 1] ?? 0) ^ 1
    expect(shapes.read(wrong)).toBeUndefined()
    expect(shapes.read(stateOf(new Uint8Array(32).fill(2), 2, how))).toBeUndefined()
  })

  it('are of a bounded number of forms, and the one that is used stays', () => {
    const how = { crc32: false, idx: false }
    const bytes = new Uint8Array(32).fill(3)
    const used = stateOf(bytes, 0, how)
    const shapes = known(used)
    for (let form = 0; form < TON_STATE_SHAPES_MAX * 3; form++) {
      known(stateOf(bytes, 0, how, beginCell().storeUint(form, 32).endCell()), shapes)
      expect(shapes.read(used)).toBeDefined()
    }
    expect(shapes.size).toBe(TON_STATE_SHAPES_MAX)
    expect(shapes.read(stateOf(bytes, 0, how, beginCell().storeUint(0, 32).endCell()))).toBeUndefined()
  })

  it('keep their own bytes: the caller\'s may change', () => {
    const state = stateOf(new Uint8Array(32).fill(4), 0, { crc32: false, idx: false })
    const copy = Uint8Array.from(state)
    const shapes = known(state)
    const before = textOf(shapes.read(copy))
    state.fill(0)
    expect(textOf(shapes.read(copy))).toBe(before)
    expect(equalBytes(state, copy)).toBe(false)
  })
})
