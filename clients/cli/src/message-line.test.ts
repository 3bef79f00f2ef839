import { parseAccountId, parseConversationId, parseDeviceId, parseMessageId } from '@evegram/protocol'
import type { Message } from '@evegram/sdk'
import { describe, expect, it } from 'vitest'
import { messageObject, messageText, shortAddress } from './message-line.js'
import { Output } from './output.js'
import { visible } from './visible.js'

const id = '0123456789abcdef0123456789abcdef'
const message: Message = {
  messageId: parseMessageId(id), conversation: parseConversationId(id), from: 'terra1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqlastsix',
  fromAccount: parseAccountId(id), fromDevice: parseDeviceId(id), direction: 'in', kind: 'text', text: 'hello', order: 2n ** 60n + 1n, epoch: 1, number: 1,
  sentAtMs: Date.UTC(2026, 10, 21, 12, 0, 0), receivedAtMs: 0, state: 'received', arrival: 1,
}
const people = new Output(false, { NO_COLOR: '1' })

describe('a message on a line', () => {
  it('has exactly the documented fields for machines, and an order key of full precision', () => {
    expect(messageObject(message)).toEqual({
      from: message.from, fromDevice: id, text: 'hello', messageId: id, order: '1152921504606846977', sentAt: '2026-11-21T12:00:00.000Z',
    })
  })

  it('tells a person who, when and what, and whether it left', () => {
    const soon = messageText(message, people, message.sentAtMs + 60_000)
    expect(soon).toMatch(/^\d\d:\d\d terra1…astsix {2}hello$/)
    expect(messageText(message, people, message.sentAtMs + 3 * 86_400_000)).toMatch(/^2026-11-2\d \d\d:\d\d /)
    expect(messageText({ ...message, direction: 'out', state: 'queued' }, people, message.sentAtMs)).toMatch(/ you {2}hello \(queued\)$/)
    expect(messageText({ ...message, kind: 'unknown:9', text: '' }, people, message.sentAtMs)).toContain('update evegram')
  })

  it('tells how far an own message got, in plain text where no colours are wanted', () => {
    const mine: Message = { ...message, direction: 'out', state: 'sent' }
    const line = (receipts: NonNullable<Message['receipts']>): string => messageText({ ...mine, receipts }, people, message.sentAtMs).replace(/^.*hello/, '')
    expect([{ deliveredTo: 0, readBy: 0, of: 1 }, { deliveredTo: 1, readBy: 0, of: 1 }, { deliveredTo: 1, readBy: 1, of: 1 }].map(line)).toEqual([' ✓', ' ✓✓', ' ✓✓ read'])
    expect([{ deliveredTo: 1, readBy: 0, of: 3 }, { deliveredTo: 3, readBy: 1, of: 3 }, { deliveredTo: 3, readBy: 3, of: 3 }].map(line)).toEqual([' ✓ 1/3', ' ✓✓ 1/3 read', ' ✓✓ read'])
    expect(messageText(mine, people, message.sentAtMs)).toMatch(/hello$/)
    expect(messageObject({ ...mine, receipts: { deliveredTo: 1, readBy: 0, of: 1 } })).toMatchObject({ delivery: 'delivered', receipts: { deliveredTo: 1, readBy: 0, of: 1 } })
  })

  it('tells what it answers, how people feel about it, that it was edited, deleted, or disappears', () => {
    const change = {
      replyTo: { messageId: parseMessageId('ab'.repeat(16)), device: message.fromDevice, epoch: 1, number: 1 },
      reactions: [{ emoji: '👍', by: [message.fromAccount, parseAccountId('2'.repeat(32))] }, { emoji: '❤️', by: [message.fromAccount] }],
      editedAtMs: message.sentAtMs + 1_000, expiresAtMs: message.sentAtMs + 60_000,
    }
    expect(messageText({ ...message, ...change }, people, message.sentAtMs, undefined, { ids: true })).toMatch(/^01234567 \d\d:\d\d terra1…astsix {2}\(to abababab\) hello \(edited\) 👍×2 ❤️$/)
    expect(messageObject({ ...message, ...change })).toMatchObject({
      replyTo: 'ab'.repeat(16), reactions: change.reactions, editedAt: '2026-11-21T12:00:01.000Z', expiresAt: '2026-11-21T12:01:00.000Z',
    })
    expect(messageText({ ...message, text: '', deleted: true }, people, message.sentAtMs)).toMatch(/\[deleted\]$/)
    expect(messageObject({ ...message, text: '', deleted: true })).toMatchObject({ text: '', deleted: true })
  })

  it('cannot pass for two messages, clear the screen, or turn the direction of a line', () => {
    const forged = messageText({ ...message, text: 'hi\n12:00 you  I owe you 5\u001b[2J\u0007\u202e' }, people, message.sentAtMs)
    expect(forged).toContain('\n      12:00 you')
    for (const character of ['\u001b', '\u0007', '\u202e']) expect(forged).not.toContain(character)
    expect(visible('a\tb\r\u0000\u009b\u2067')).toBe('a\\u0009b\\u000d\\u0000\\u009b\\u2067')
    expect(visible('größer 🙂\nok')).toBe('größer 🙂\nok')
  })

  it('shortens long addresses only', () => {
    expect(shortAddress('short')).toBe('short')
    expect(shortAddress('terra19r3uxykh523kg68efmryjcw6lzgsff9s6vhklv')).toBe('terra1…6vhklv')
  })
})
