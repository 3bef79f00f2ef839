import { describe, expect, it } from 'vitest'
import { bytesOfHex, hexOf, parseConversationId, parseDeviceId } from '@evegram/protocol'
import { channelPostKey, openChannelBody, sealChannelBody } from './channel-cipher.js'
import { SeededRandom } from './seeded-random.js'

const key = new Uint8Array(32).fill(7)
const place = { channel: parseConversationId('11'.repeat(16)), device: parseDeviceId('22'.repeat(16)) }
const random = new SeededRandom('bodies of posts')
const seal = (text = 'hello'): Uint8Array => sealChannelBody(key, place, { kind: 'text', name: 'News', text }, random)

describe('the body of a post', () => {
  it('opens with the key of the link, for its channel and author alone', () => {
    const sealed = seal()
    expect(openChannelBody(key, place, sealed)).toEqual({ kind: 'text', name: 'News', text: 'hello' })
    expect(openChannelBody(new Uint8Array(32).fill(8), place, sealed)).toBeUndefined()
    expect(openChannelBody(key, { ...place, channel: parseConversationId('33'.repeat(16)) }, sealed)).toBeUndefined()
    expect(openChannelBody(key, { ...place, device: parseDeviceId('33'.repeat(16)) }, sealed)).toBeUndefined()
  })

  it('does not open when any byte of it was changed, or bytes are missing', () => {
    const sealed = seal()
    for (let index = 0; index < sealed.length; index++) {
      expect(openChannelBody(key, place, sealed.map((byte, at) => (at === index ? byte ^ 1 : byte))), String(index)).toBeUndefined()
    }
    for (const length of [0, 23, 24, 25, sealed.length - 1]) expect(openChannelBody(key, place, sealed.slice(0, length))).toBeUndefined()
  })

  it('is another one each time, and tells the length of its text only roughly', () => {
    expect(hexOf(seal())).not.toBe(hexOf(seal()))
    expect(seal('a').length).toBe(seal('b'.repeat(20)).length)
  })

  it('goes under HKDF-SHA256 of the key in the link', async () => {
    // WebCrypto is another implementation of the same standard.
    const base = await crypto.subtle.importKey('raw', key, 'HKDF', false, ['deriveBits'])
    const info = new TextEncoder().encode('evegram/channel-post/v1')
    const derived = await crypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info }, base, 256)
    expect(hexOf(channelPostKey(key))).toBe(hexOf(new Uint8Array(derived)))
    expect(() => channelPostKey(bytesOfHex('00'))).toThrow(expect.objectContaining({ code: 'invalid.argument' }))
  })
})
