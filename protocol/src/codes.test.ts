import { describe, expect, it } from 'vitest'
import { CLOSE_CODES, closeAdvice } from './close-codes.js'
import { ERROR_CODES, EvegramError, isErrorCode, isEvegramError } from './errors.js'
import { FRAME_HEADER_BYTES, FRAME_TYPE } from './frame.js'
import { LIMITS } from './limits.js'

describe('close codes', () => {
  it('are distinct, in the range for applications, and each says what to do', () => {
    const codes = Object.values(CLOSE_CODES)
    expect(new Set(codes.map(({ code }) => code)).size).toBe(codes.length)
    for (const { code, advice, text } of codes) {
      expect(code).toBeGreaterThanOrEqual(4_000)
      expect(code).toBeLessThan(5_000)
      expect(closeAdvice(code)).toBe(advice)
      // RFC 6455 section 5.5: a close frame holds 125 bytes, two of them the code.
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(123)
    }
  })

  it('of others mean to connect again', () => {
    for (const code of [1_000, 1_006, 1_012, 4_999]) expect(closeAdvice(code)).toBe('reconnect')
  })
})

describe('error codes', () => {
  it('are lower-case dotted names with a full sentence of advice', () => {
    for (const [code, [, advice]] of Object.entries(ERROR_CODES)) {
      expect(code).toMatch(/^[a-z0-9_]+(\.[a-z0-9_]+)?$/)
      expect(advice).toMatch(/^[A-Z].*[.a-z>]$/)
    }
  })

  it('are known by their own name only', () => {
    expect(isErrorCode('proof.domain')).toBe(true)
    for (const text of ['toString', '__proto__', 'proof', '']) expect(isErrorCode(text)).toBe(false)
  })

  it('carry retry class, advice, cause and details', () => {
    const cause = new Error('disk full')
    const error = new EvegramError('unavailable.store', { operation: 'append envelope', cause, retryAfterMs: 5, details: { count: 1 } })
    expect(error).toMatchObject({ code: 'unavailable.store', retry: 'after_backoff', operation: 'append envelope', retryAfterMs: 5, cause, details: { count: 1 } })
    expect(error.message).toBe('unavailable.store (append envelope): A store does not answer.')
    expect(new EvegramError('timeout', { advice: 'Wait.' }).message).toBe('timeout: Wait.')
    expect([isEvegramError(error), isEvegramError(error, 'unavailable.store'), isEvegramError(error, 'timeout'), isEvegramError(cause)]).toEqual([true, true, false, false])
  })
})

describe('limits', () => {
  it('fit into each other', () => {
    expect(LIMITS.envelopeBytesMax + FRAME_HEADER_BYTES + 16).toBeLessThan(LIMITS.frameBytesMax)
    expect(LIMITS.pageBytesMax).toBeGreaterThanOrEqual(LIMITS.envelopeBytesMax)
    expect(LIMITS.bodyBytesMax).toBeGreaterThan(LIMITS.payloadBytesMax)
    expect(LIMITS.payloadBytesMax).toBeGreaterThan(LIMITS.textBytesMax * 1.12)
    expect(LIMITS.envelopeBodiesMax).toBeGreaterThanOrEqual(2 * LIMITS.devicesPerAccountMax)
    expect(LIMITS.maxSkewMs).toBeLessThan(LIMITS.appendDeadlineMs)
    expect(LIMITS.appendDeadlineMs * 2).toBeLessThan(LIMITS.overlapMs)
    for (const value of Object.values(LIMITS)) expect(Number.isSafeInteger(value) && value > 0).toBe(true)
  })
})

describe('frame types', () => {
  it('are distinct: requests below 64, frames of a server from 64', () => {
    const requests = [
      'hello', 'send', 'open', 'read', 'catchUp', 'deviceAck', 'ping', 'changeGroup', 'readGroup', 'post', 'follow', 'unfollow', 'readChannel', 'signal', 'listen',
    ]
    expect(new Set(Object.values(FRAME_TYPE)).size).toBe(Object.keys(FRAME_TYPE).length)
    for (const [name, type] of Object.entries(FRAME_TYPE)) expect(type < 64).toBe(requests.includes(name))
  })
})
