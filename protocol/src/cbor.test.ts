import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesOfHex, hexOf } from './bytes.js'
import { CBOR_DEPTH_MAX, CborFields, decodeCbor, encodeCbor, type CborValue } from './cbor.js'

const wellFormed = fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => !/\p{Surrogate}/u.test(text))
const values = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constant(null), fc.boolean(), fc.maxSafeInteger(), fc.nat(70_000), fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }), fc.bigInt({ min: -(2n ** 64n), max: -(2n ** 53n) }),
    wellFormed, fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 5 }), fc.dictionary(wellFormed, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value

const LIMIT = 1 << 20
const refused = expect.objectContaining({ name: 'EvegramError', code: 'invalid.cbor' }) as Error

describe('deterministic CBOR', () => {
  it('comes back as it was', () => {
    fc.assert(fc.property(values, (value) => {
      expect(decodeCbor(encodeCbor(value), LIMIT)).toEqual(value)
    }))
  })

  it('has the bytes that another implementation writes, and means what that one reads', () => {
    fc.assert(fc.property(values, (value) => {
      const bytes = encodeCbor(value)
      expect(hexOf(bytes)).toBe(hexOf(encode(value, rfc8949EncodeOptions)))
    }))
  })

  it('accepts of any bytes only those that it would have written itself', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      let value: CborValue | undefined
      try {
        value = decodeCbor(bytes, LIMIT)
      } catch (cause) {
        expect(cause).toMatchObject({ code: 'invalid.cbor' })
      }
      if (value !== undefined) expect(encodeCbor(value)).toEqual(bytes)
    }), { numRuns: 2_000 })
  })

  it('with any byte changed fails, or is another value with exactly these bytes', () => {
    fc.assert(fc.property(values, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, flip) => {
      const bytes = encodeCbor(value)
      bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ flip
      let read: CborValue | undefined
      try {
        read = decodeCbor(bytes, LIMIT)
      } catch (cause) {
        expect(cause).toMatchObject({ code: 'invalid.cbor' })
      }
      if (read !== undefined) expect(encodeCbor(read)).toEqual(bytes)
    }), { numRuns: 1_000 })
  })

  it('fails when cut anywhere', () => {
    fc.assert(fc.property(values, fc.nat(), (value, cut) => {
      const bytes = encodeCbor(value)
      expect(() => decodeCbor(bytes.subarray(0, cut % bytes.length), LIMIT)).toThrow(refused)
    }))
  })

  it.each([
    ['an integer in a longer form', '1817'], ['an integer in a longer form', '190017'], ['an integer in a longer form', '1a0000ffff'],
    ['an integer in a longer form', '1b00000000ffffffff'], ['a length in a longer form', '580161'], ['an indefinite list', '9fff'],
    ['an indefinite byte string', '5f4101ff'], ['a tag', 'c100'], ['a float', 'f90000'], ['a float', 'fb3ff0000000000000'], ['undefined', 'f7'],
    ['an unknown simple value', 'f0'], ['a simple value in two bytes', 'f818'], ['keys out of order', 'a2616201616101'], ['a key twice', 'a2616101616102'],
    ['a longer key before a shorter', 'a262616101616202'], ['a key that is a number', 'a10101'], ['text that is not UTF-8', '61ff'], ['half a surrogate pair', '63eda080'],
    ['bytes left over', '0000'], ['nothing', ''], ['a reserved length', '1c'], ['a break', 'ff'],
  ])('refuses %s (%s)', (_what, hex) => {
    expect(() => decodeCbor(bytesOfHex(hex), LIMIT)).toThrow(refused)
  })

  it('refuses a declared length of a gigabyte and more before it allocates', () => {
    const before = process.memoryUsage().arrayBuffers
    for (const hex of ['5a40000000', '7a40000000', '9a40000000', 'ba40000000', '5b7fffffffffffffff', '9bffffffffffffffff', 'bbffffffffffffffff']) {
      expect(() => decodeCbor(bytesOfHex(hex), LIMIT)).toThrow(refused)
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20)
  })

  it('bounds nesting when it reads and when it writes', () => {
    const nested = (depth: number): CborValue => (depth === 0 ? 0 : [nested(depth - 1)])
    expect(decodeCbor(encodeCbor(nested(CBOR_DEPTH_MAX)), LIMIT)).toEqual(nested(CBOR_DEPTH_MAX))
    expect(() => encodeCbor(nested(CBOR_DEPTH_MAX + 1))).toThrow(refused)
    expect(() => decodeCbor(new Uint8Array(200_000).fill(0x81), LIMIT)).toThrow(refused)
    const circle: CborValue[] = []
    circle.push(circle)
    expect(() => encodeCbor(circle)).toThrow(refused)
  })

  it('reads a field named __proto__ as a field', () => {
    const bytes = bytesOfHex('a1695f5f70726f746f5f5fa16161f5')
    const map = decodeCbor(bytes, LIMIT)
    expect(Object.getPrototypeOf(map)).toBe(Object.prototype)
    expect(Object.hasOwn(map as object, '__proto__')).toBe(true)
    expect(({} as { a?: boolean }).a).toBeUndefined()
    expect(encodeCbor(map)).toEqual(bytes)
    expect(new CborFields(map, 'invalid.request').has('a')).toBe(false)
  })

  it('keeps integers beyond 2^53 as bigint and has one form for each', () => {
    expect(decodeCbor(encodeCbor(2n ** 64n - 1n), 16)).toBe(2n ** 64n - 1n)
    expect(decodeCbor(encodeCbor(5n), 16)).toBe(5)
    expect(decodeCbor(encodeCbor(Number.MIN_SAFE_INTEGER), 16)).toBe(Number.MIN_SAFE_INTEGER)
    expect(decode(encodeCbor(-(2n ** 64n)))).toBe(-(2n ** 64n))
    for (const value of [2n ** 64n, -(2n ** 64n) - 1n, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => encodeCbor(value)).toThrow(refused)
  })

  it('refuses to write half a surrogate pair, undefined and other types', () => {
    expect(() => encodeCbor('a\udc00')).toThrow(expect.objectContaining({ code: 'invalid.utf8' }))
    expect(() => encodeCbor({ '\ud800': 1 })).toThrow(expect.objectContaining({ code: 'invalid.utf8' }))
    for (const value of [undefined, () => 1, Symbol('x')]) expect(() => encodeCbor([value as unknown as CborValue])).toThrow(refused)
  })

  it('keeps a byte order mark at the start of a text', () => {
    expect(decodeCbor(encodeCbor('\ufefftext'), 64)).toBe('\ufefftext')
  })

  it('refuses more bytes than allowed without reading them', () => {
    expect(() => decodeCbor(encodeCbor('abc'), 3)).toThrow(refused)
  })

  it('copies byte strings, so that a reused buffer does not change them', () => {
    const bytes = encodeCbor(Uint8Array.of(1, 2, 3))
    const value = decodeCbor(bytes, 64)
    bytes.fill(0)
    expect(value).toEqual(Uint8Array.of(1, 2, 3))
  })
})

describe('CborFields', () => {
  const code = 'invalid.request' as const
  const fields = (map: CborValue): CborFields => new CborFields(map, code)
  const refusal = expect.objectContaining({ code }) as Error

  it('reads what has the type and size that the format says', () => {
    const read = fields({ bytes: Uint8Array.of(1), text: 'ab', count: 3, wide: 2n ** 60n, yes: true, list: [1] })
    expect([read.bytes('bytes', 1), read.bytes('bytes', { lengthMax: 1 }), read.text('text', 2), read.uint('count', 3), read.uint64('wide'), read.uint64('count')])
      .toEqual([Uint8Array.of(1), Uint8Array.of(1), 'ab', 3, 2n ** 60n, 3n])
    expect([read.boolean('yes'), read.list('list', 1)]).toEqual([true, [1]])
    read.end()
  })

  it('refuses other types and sizes, and fields that are not there', () => {
    const read = fields({ bytes: Uint8Array.of(1, 2), text: 'abc', count: -1, wide: -1n, yes: 1, list: [1, 2] })
    const bad: readonly (() => unknown)[] = [
      () => read.bytes('bytes', 1), () => read.bytes('bytes', { lengthMax: 1 }), () => read.bytes('text', 3), () => read.text('text', 2), () => read.text('bytes', 9),
      () => read.uint('count'), () => read.uint('wide'), () => read.uint64('wide'), () => read.uint64('text'), () => read.boolean('yes'),
      () => read.list('list', 1), () => read.list('text', 9), () => read.value('missing'), () => read.value('toString'),
    ]
    for (const attempt of bad) expect(attempt).toThrow(refusal)
  })

  it('refuses what is no map, and names a field that nobody read', () => {
    for (const value of [null, 1, 'a', [1], Uint8Array.of(1), true]) expect(() => fields(value)).toThrow(refusal)
    expect(() => { fields({ extra: 1 }).end() }).toThrow(refusal)
  })
})
