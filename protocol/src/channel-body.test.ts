import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeCbor } from './cbor.js'
import { decodeChannelBody, encodeChannelBody } from './channel-body.js'
import { isErrorCode, isEvegramError } from './errors.js'
import { LIMITS } from './limits.js'
import { pad } from './padding.js'

const refused = (code: string): Error => expect.objectContaining({ code }) as Error

describe('the body of a post', () => {
  it('comes back as it was, padded', () => {
    const bodies = [{ kind: 'text', name: 'News', text: 'The gate opens at 8 🚪' }, { kind: 'text', name: '', text: '' }, { kind: 'authors', name: 'News' }] as const
    for (const body of bodies) {
      expect(decodeChannelBody(encodeChannelBody(body))).toEqual(body)
      expect(encodeChannelBody(body)).toHaveLength(160)
    }
  })

  it('holds a name and a text of at most so many UTF-8 bytes, for writer and reader', () => {
    const longest = { kind: 'text', name: 'é'.repeat(LIMITS.groupNameBytesMax / 2), text: 'é'.repeat(LIMITS.textBytesMax / 2) } as const
    expect(decodeChannelBody(encodeChannelBody(longest))).toEqual(longest)
    expect(() => encodeChannelBody({ ...longest, text: `${longest.text}x` })).toThrow(refused('too_large.channel_post'))
    expect(() => encodeChannelBody({ ...longest, name: `${longest.name}x` })).toThrow(refused('invalid.argument'))
    for (const change of [{ text: `${longest.text}x` }, { name: `${longest.name}x` }]) {
      expect(() => decodeChannelBody(pad(encodeCbor({ v: 1, ...longest, ...change })))).toThrow(refused('invalid.channel_post'))
    }
  })

  it('leaves room for nonce, tag and the rest of the post, however long the text is', () => {
    const longest = encodeChannelBody({ kind: 'text', name: 'n'.repeat(LIMITS.groupNameBytesMax), text: 't'.repeat(LIMITS.textBytesMax) })
    expect(longest.length + 24 + 16 + 1_000).toBeLessThan(LIMITS.channelPostBytesMax)
  })

  it('of a newer client is unknown, with the name where it can be read; its further fields are passed over', () => {
    expect(decodeChannelBody(pad(encodeCbor({ v: 1, kind: 'poll', name: 'News', question: '?' })))).toEqual({ kind: 'unknown', name: 'News' })
    expect(decodeChannelBody(pad(encodeCbor({ v: 2, title: 'News' })))).toEqual({ kind: 'unknown', name: '' })
    expect(decodeChannelBody(pad(encodeCbor({ v: 1, kind: 'text', name: 'News', text: 'a', colour: 'blue' })))).toEqual({ kind: 'text', name: 'News', text: 'a' })
  })

  it('is refused without its fields, with other types, half a surrogate pair or other padding', () => {
    for (const fields of [{}, { v: 1 }, { v: 1, kind: 'text' }, { v: 1, kind: 'text', name: 'News' }, { v: 1, kind: 'text', name: 1, text: '' }, { v: 1, kind: 7, name: '' }]) {
      expect(() => decodeChannelBody(pad(encodeCbor(fields)))).toThrow(refused('invalid.channel_post'))
    }
    expect(() => encodeChannelBody({ kind: 'text', name: 'News', text: '\ud83d' })).toThrow(refused('invalid.utf8'))
    const padded = encodeChannelBody({ kind: 'authors', name: 'News' })
    for (const bytes of [new Uint8Array(0), padded.subarray(1), padded.subarray(0, -1), Uint8Array.from(padded).fill(1, -1)]) {
      expect(() => decodeChannelBody(bytes)).toThrow(refused('invalid.payload'))
    }
    expect(() => decodeChannelBody(pad(Uint8Array.of(0xff)))).toThrow(refused('invalid.cbor'))
  })

  it('may be any bytes: reading never throws anything but an error code', () => {
    const good = encodeChannelBody({ kind: 'text', name: 'News', text: 'The gate opens at 8' })
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(60), fc.nat(255), (noise, at, value) => {
      const altered = good.slice()
      altered[at] = value
      for (const bytes of [noise, pad(noise), altered]) {
        try {
          decodeChannelBody(bytes)
        } catch (cause) {
          expect(isEvegramError(cause) && isErrorCode(cause.code)).toBe(true)
        }
      }
    }), { numRuns: 200 })
  })
})
