import { describe, expect, it } from 'vitest'
import { HEADERS_ANSWER_BYTES_MAX, HEADERS_BYTES_MAX, HEADERS_KEPT_MS, HeaderRing } from './header-ring.js'

const headers = (value: number, length = 4): Uint8Array => new Uint8Array(length).fill(value)

describe('HeaderRing', () => {
  it('answers a range with its headers in order', () => {
    const ring = new HeaderRing()
    for (let number = 1; number <= 200; number++) ring.push(number, headers(number), number)
    expect([...ring.between(57, 59) ?? []]).toEqual([57, 57, 57, 57, 58, 58, 58, 58, 59, 59, 59, 59])
    expect(ring.between(200, 201)).toBeUndefined()
    expect(ring.between(5, 4)).toBeUndefined()
  })

  it('forgets what is older than a minute', () => {
    const ring = new HeaderRing()
    for (let number = 1; number <= 300; number++) ring.push(number, headers(number), number * 1_000)
    const oldest = 300 - HEADERS_KEPT_MS / 1_000
    expect(ring.between(oldest - 1, 300)).toBeUndefined()
    expect(ring.between(oldest, 300)).toHaveLength(4 * 61)
    ring.trim(1_000_000)
    expect(ring.between(300, 300)).toBeUndefined()
  })

  it('keeps no more bytes than its bound, and answers with no more than another', () => {
    const ring = new HeaderRing()
    const each = HEADERS_BYTES_MAX / 8
    for (let number = 1; number <= 20; number++) ring.push(number, headers(number, each), 0)
    expect(ring.between(12, 12)).toBeUndefined()
    expect(ring.between(13, 13)).toHaveLength(each)
    expect(ring.between(13, 14)).toBeUndefined()
    expect(2 * each).toBeGreaterThan(HEADERS_ANSWER_BYTES_MAX)
  })

  it('has nothing before the first packet', () => {
    expect(new HeaderRing().between(1, 1)).toBeUndefined()
  })
})
