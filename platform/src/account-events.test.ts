import { encodeCbor, hexOf, isEvegramError, parseAccountId, parseDeviceId } from '@evegram/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ACCOUNT_EVENT_BYTES_MAX, decodeAccountPacket, encodeAccountPacket, type AccountPacket } from './account-events.js'

const account = parseAccountId('a1'.repeat(16))
const [phone, laptop] = [parseDeviceId('d1'.repeat(16)), parseDeviceId('d2'.repeat(16))]
const head = { sender: '0011223344556677', number: 300 } as const

const PACKETS: readonly (readonly [string, AccountPacket, string])[] = [
  ['of a log that moved on', { ...head, kind: 'event', event: { kind: 'log', account, seq: 7, revokedDevices: [phone, laptop], closed: false } },
    'a861' + '6150' + 'a1'.repeat(16) + '6163f4' + '616b636c6f67' + '616e19012c' + '617282' + '50' + 'd1'.repeat(16) + '50' + 'd2'.repeat(16) + '617307' + '617601' + '6466726f6d480011223344556677'],
  ['of a session that ended', { ...head, kind: 'event', event: { kind: 'session_revoked', account, device: phone } },
    'a6616150' + 'a1'.repeat(16) + '616450' + 'd1'.repeat(16) + '616b6f73657373696f6e5f7265766f6b6564616e19012c6176016466726f6d480011223344556677'],
  ['of prekeys that run low', { ...head, kind: 'event', event: { kind: 'prekeys_low', account, device: laptop, remaining: 10 } },
    'a7616150' + 'a1'.repeat(16) + '616450' + 'd2'.repeat(16) + '616b6b7072656b6579735f6c6f77616e19012c6176016466726f6d480011223344556677646c6566740a'],
  ['of life', { ...head, kind: 'alive' }, 'a4616b65616c697665616e19012c6176016466726f6d480011223344556677'],
  ['of a goodbye', { ...head, number: 0, kind: 'left' }, 'a4616b646c656674616e006176016466726f6d480011223344556677'],
]

describe('packets about accounts', () => {
  it.each(PACKETS)('%s keep their bytes', (_name, packet, hex) => {
    expect(hexOf(encodeAccountPacket(packet))).toBe(hex)
    expect(decodeAccountPacket(encodeAccountPacket(packet))).toEqual(packet)
  })

  it('may have fields that are not known yet, and nothing else that is not promised', () => {
    const from = new Uint8Array(8)
    const read = (value: Parameters<typeof encodeCbor>[0]): AccountPacket => decodeAccountPacket(encodeCbor(value))
    expect(read({ v: 1, from, n: 1, k: 'alive', later: 'x' })).toEqual({ sender: '00'.repeat(8), number: 1, kind: 'alive' })
    const wrong = [
      { v: 2, from, n: 1, k: 'alive' }, { v: 1, from: new Uint8Array(9), n: 1, k: 'alive' }, { v: 1, from, n: -1, k: 'alive' }, { v: 1, from, n: 1, k: 'else' },
      { v: 1, from, n: 1, k: 'log' }, { v: 1, from, n: 1, k: 'session_revoked', a: new Uint8Array(16), d: new Uint8Array(15) },
      { v: 1, from, n: 1, k: 'log', a: new Uint8Array(16), s: 1, c: false, r: Array.from({ length: 17 }, () => new Uint8Array(16)) },
      [], null, 'text',
    ]
    for (const value of wrong) expect(() => read(value), JSON.stringify(value)).toThrowError('invalid.cbor')
    expect(() => decodeAccountPacket(new Uint8Array(ACCOUNT_EVENT_BYTES_MAX + 1))).toThrowError('invalid.cbor')
  })

  it('of any bytes are read or refused, and nothing else happens', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        decodeAccountPacket(bytes)
      } catch (failure) {
        expect(isEvegramError(failure, 'invalid.cbor')).toBe(true)
      }
    }))
  })

  it('of an account that revokes every device fit', () => {
    const revokedDevices = Array.from({ length: 16 }, () => phone)
    const bytes = encodeAccountPacket({ sender: head.sender, number: Number.MAX_SAFE_INTEGER, kind: 'event', event: { kind: 'log', account, seq: 0xffff_ffff, revokedDevices, closed: true } })
    expect(bytes.length).toBeLessThan(ACCOUNT_EVENT_BYTES_MAX / 2)
  })
})
