import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  accountIdOf, deviceIdOf, directConversationIdOf, idBytes, messageIdOf, noticesConversationIdOf, noticeSourceIdOf, parseAccountId, parseConversationId, parseDeviceId, parseMessageId,
} from './ids.js'
import { parseWalletId } from './proof/wallet-id.js'

const first16 = (...parts: readonly (Uint8Array | string)[]): string => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex').slice(0, 32)
}
const [one, two] = [parseAccountId('0000000000000000000000000000000a'), parseAccountId('ff000000000000000000000000000000')]

describe('ids', () => {
  it('are 32 lower-case hex digits and nothing else', () => {
    for (const parse of [parseAccountId, parseDeviceId, parseConversationId, parseMessageId]) {
      expect(parse('00112233445566778899aabbccddeeff')).toBe('00112233445566778899aabbccddeeff')
      for (const text of ['', '00112233445566778899AABBCCDDEEFF', '00112233445566778899aabbccddeef', '00112233445566778899aabbccddeeff0', 'x'.repeat(32), '00112233445566778899aabbccddeeff\n']) {
        expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'invalid.id' }))
      }
    }
    expect(idBytes(one)).toEqual(new Uint8Array([...new Uint8Array(15), 10]))
  })

  it('of an account is the hash of its founding wallet', () => {
    const wallet = parseWalletId('solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:11111111111111111111111111111111')
    expect(accountIdOf(wallet)).toBe(first16('evegram/account/v1\0', wallet))
  })

  it('of a device is the hash of its two keys', () => {
    const [identity, signing] = [new Uint8Array(33).fill(5), new Uint8Array(32).fill(6)]
    expect(deviceIdOf(identity, signing)).toBe(first16('evegram/device/v1\0', identity, signing))
    expect(() => deviceIdOf(signing, identity)).toThrow(expect.objectContaining({ code: 'invalid.argument' }))
  })

  it('of notices follow from the account, and from the books that they are made of', () => {
    expect(noticesConversationIdOf(one)).toBe(first16('evegram/notices/v1\0', idBytes(one)))
    expect(noticeSourceIdOf('0b'.repeat(16))).toBe(first16('evegram/notice-source/v1\0', new Uint8Array(16).fill(11)))
    expect(() => noticeSourceIdOf('0b')).toThrow(expect.objectContaining({ code: 'invalid.id' }))
  })

  it('of a direct conversation is the same for both sides', () => {
    expect(directConversationIdOf(one, two)).toBe(directConversationIdOf(two, one))
    expect(directConversationIdOf(one, two)).toBe(first16('evegram/direct/v1', idBytes(one), idBytes(two)))
  })

  it('of a message depends on conversation, device, epoch and number', () => {
    const key = { conversation: parseConversationId('01'.repeat(16)), device: parseDeviceId('02'.repeat(16)), epoch: 1, number: 2 }
    const others = [
      key, { ...key, conversation: parseConversationId('03'.repeat(16)) }, { ...key, device: parseDeviceId('03'.repeat(16)) }, { ...key, epoch: 2 }, { ...key, number: 1 },
      { ...key, epoch: 2, number: 1 },
    ]
    expect(new Set(others.map(messageIdOf)).size).toBe(others.length)
    const lp = (bytes: Uint8Array): Buffer => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes])
    expect(messageIdOf(key)).toBe(first16(
      lp(Buffer.from('evegram/message/v1')), lp(idBytes(key.conversation)), lp(idBytes(key.device)), lp(Buffer.from('0000000000000001', 'hex')),
      lp(Buffer.from('0000000000000002', 'hex')),
    ))
    expect(() => messageIdOf({ ...key, number: 2 ** 53 })).toThrow(expect.objectContaining({ code: 'invalid.argument' }))
  })
})
