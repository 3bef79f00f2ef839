import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seed } from '../vectors/actors.js'
import { channelSaltOf, formatChannelLink, parseChannelLink } from './channel-link.js'
import { isEvegramError } from './errors.js'
import { channelIdOf, groupConversationIdOf, parseAccountId, parseConversationId, parseDeviceId } from './ids.js'

const channel = parseConversationId('0a'.repeat(16))
const key = seed('key')
const keyHex = Buffer.from(key).toString('hex')
const link = `evegram:chat.example/channel/${'0a'.repeat(16)}#${keyHex}`
const refused = expect.objectContaining({ code: 'invalid.channel_link' }) as Error

describe('a link of a channel', () => {
  it('names domain, channel and key, the key behind a #', () => {
    expect(formatChannelLink({ domain: 'chat.example', channel, key })).toBe(link)
    expect(parseChannelLink(link)).toEqual({ domain: 'chat.example', channel, key })
    expect(new URL(link).hash).toBe(`#${keyHex}`)
  })

  it('may have a port, be an address, and have white space around it', () => {
    for (const domain of ['localhost:8080', '127.0.0.1:8080', '[::1]:8080', 'xn--bcher-kva.example']) {
      expect(parseChannelLink(` ${formatChannelLink({ domain, channel, key })}\n`).domain).toBe(domain)
    }
  })

  it('is refused cut, with another scheme, domain, path, case, key or anything behind it', () => {
    const others = [
      '', 'evegram:', link.slice(0, -1), `${link}0`, `${link}?x`, `${link}#${keyHex}`, link.replace('evegram:', 'https://'), link.replace('chat.example', ''),
      link.replace('chat.example', 'Chat.example'), link.replace('chat.example', 'chat.example/x'), link.replace('chat.example', 'user@chat.example'),
      link.replace('/channel/', '/group/'), link.replace('#', ''), link.replace('#', '?'), link.toUpperCase(), link.replace('0a0a', '0A0A'), link.replace('0a0a', '0a0a0a'),
      link.replace('chat.example', 'a'.repeat(254)), `${' '.repeat(400)}${link}`, link.replace('.', '\n'),
    ]
    for (const text of others) expect(() => parseChannelLink(text)).toThrow(refused)
    expect(() => formatChannelLink({ domain: 'Chat.Example', channel, key })).toThrow(refused)
    for (const length of [0, 31, 33]) expect(() => formatChannelLink({ domain: 'chat.example', channel, key: new Uint8Array(length) })).toThrow(refused)
  })

  it('may be any text: reading gives a link that is written back alike, or an error code', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 500 }), fc.nat(link.length - 1), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), (noise, at, unit) => {
      for (const text of [noise, `${link.slice(0, at)}${unit}${link.slice(at + 1)}`]) {
        try {
          expect(formatChannelLink(parseChannelLink(text))).toBe(text.trim())
        } catch (cause) {
          if (!isEvegramError(cause)) throw cause
          expect(cause.code).toBe('invalid.channel_link')
        }
      }
    }), { numRuns: 200 })
  })
})

describe('the salt of a channel', () => {
  it('is made of the key, so that the id commits to it, and one id is never that of a group too', () => {
    expect(channelSaltOf(key)).toHaveLength(16)
    expect(channelSaltOf(key)).not.toEqual(channelSaltOf(seed('another key')))
    for (const length of [0, 16, 31, 33]) expect(() => channelSaltOf(new Uint8Array(length))).toThrow('invalid.argument')
    const [account, device] = [parseAccountId('01'.repeat(16)), parseDeviceId('02'.repeat(16))]
    expect(channelIdOf(account, device, channelSaltOf(key))).not.toBe(groupConversationIdOf(account, device, channelSaltOf(key)))
    expect(channelIdOf(account, device, channelSaltOf(key))).not.toBe(channelIdOf(account, device, channelSaltOf(seed('another key'))))
    expect(() => channelIdOf(account, device, new Uint8Array(15))).toThrow('invalid.argument')
  })
})
