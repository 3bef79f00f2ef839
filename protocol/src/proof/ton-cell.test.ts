import { beginCell, type Cell } from '@ton/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hexOf, utf8 } from '../bytes.js'
import { crc32c, makeTonCell, readTonBoc, TON_BOC_BOUNDS } from './ton-cell.js'

/** A random tree of at most a few dozen cells, built by @ton/core. */
const tree: fc.Arbitrary<Cell> = fc.letrec<{ cell: Cell }>((tie) => ({
  cell: fc.record({
    bits: fc.array(fc.boolean(), { maxLength: 60 }),
    refs: fc.oneof({ maxDepth: 3 }, fc.constant([]), fc.array(tie('cell'), { maxLength: 3 })),
  }).map(({ bits, refs }) => {
    const builder = beginCell()
    for (const bit of bits) builder.storeBit(bit)
    for (const ref of refs) builder.storeRef(ref)
    return builder.endCell()
  }),
})).cell

describe('readTonBoc', () => {
  it('reads what @ton/core writes, and gives its hash', () => {
    fc.assert(fc.property(tree, fc.boolean(), fc.boolean(), (cell, idx, crc32) => {
      const boc = cell.toBoc({ idx, crc32 })
      // A Node buffer on purpose: it must not be shared or changed.
      const before = Uint8Array.from(boc)
      const read = readTonBoc(boc)
      expect(Uint8Array.from(boc)).toEqual(before)
      if (boc.length > TON_BOC_BOUNDS.bytesMax) return
      expect(read === undefined ? 'refused' : hexOf(read.hash)).toBe(cell.hash().toString('hex'))
      expect(read?.depth).toBe(cell.depth())
    }), { numRuns: 200 })
  })

  it('answers any bytes with a cell or undefined, and does not crash', () => {
    const header = fc.constantFrom(Uint8Array.of(0xb5, 0xee, 0x9c, 0x72), new Uint8Array())
    fc.assert(fc.property(header, fc.uint8Array({ maxLength: 300 }), (magic, rest) => {
      readTonBoc(Uint8Array.from([...magic, ...rest]))
    }), { numRuns: 2_000 })
  })

  it('hashes a changed byte to another root, or refuses it', () => {
    fc.assert(fc.property(tree, fc.nat(), fc.integer({ min: 1, max: 255 }), (cell, at, change) => {
      const boc = Uint8Array.from(cell.toBoc({ idx: false, crc32: true }))
      const offset = at % boc.length
      boc[offset] = (boc[offset] ?? 0) ^ change
      const read = readTonBoc(boc)
      expect(read === undefined || hexOf(read.hash) !== cell.hash().toString('hex')).toBe(true)
    }), { numRuns: 500 })
  })

  it('takes linear time for the deepest tree within its bounds, and refuses one cell more', () => {
    let cell = beginCell().endCell()
    for (let depth = 1; depth < TON_BOC_BOUNDS.cellsMax; depth++) cell = beginCell().storeUint(depth, 16).storeRef(cell).storeRef(cell).endCell()
    expect(readTonBoc(cell.toBoc())?.depth).toBe(TON_BOC_BOUNDS.cellsMax - 1)
    expect(readTonBoc(beginCell().storeRef(cell).endCell().toBoc())).toBeUndefined()
  })
})

describe('makeTonCell', () => {
  it('refuses more than a cell can hold', () => {
    const leaf = makeTonCell(new Uint8Array(), 0, [])
    expect(() => makeTonCell(new Uint8Array(128), 1_024, [])).toThrow(RangeError)
    expect(() => makeTonCell(new Uint8Array(), 0, [leaf, leaf, leaf, leaf, leaf])).toThrow(RangeError)
    expect(() => makeTonCell(new Uint8Array(2), 3, [])).toThrow(RangeError)
  })
})

describe('crc32c', () => {
  it('gives the check value of its definition (RFC 3720 appendix B.4)', () => {
    expect(crc32c(utf8('123456789'))).toBe(0xe3069283)
  })
})
