import { parseAccountId, parseDeviceId } from '@evegram/protocol'
import type { ConversationGap } from '@evegram/sdk'
import { describe, expect, it } from 'vitest'
import { gapLine } from './gaps.js'

const ofBob = { kind: 'messages', account: parseAccountId('0b'.repeat(16)), device: parseDeviceId('3f0a12bc'.repeat(4)), epoch: 1 } as const
const NOON = Date.UTC(2026, 0, 2, 12)

describe('what is missing, in a line', () => {
  it('says whose it is, by numbers of their device, why, and what can be done', () => {
    expect(gapLine({ ...ofBob, from: 3, to: 7, reason: 'withheld' }, 'UQbob1…bob123', NOON)).toBe('messages 3 to 7 of UQbob1…bob123 (device 3f0a12bc): not delivered by the server, and asked for again')
    expect(gapLine({ ...ofBob, from: 3, to: 3, reason: 'before_you_joined' }, 'another device of yours', NOON)).toMatch(/^message 3 of another device of yours .* older than this device.*evegram history request$/)
  })

  it('has a text of its own for every reason', () => {
    const reasons: readonly ConversationGap['reason'][] = ['withheld', 'unreadable', 'sender_revoked', 'expired', 'erased', 'before_you_joined']
    expect(new Set(reasons.map((reason) => gapLine({ ...ofBob, from: 1, to: 1, reason }, 'x', NOON))).size).toBe(reasons.length)
  })

  it('says between which moments the server kept nothing', () => {
    expect(gapLine({ kind: 'time', sinceMs: NOON - 86_400_000, untilMs: NOON, reason: 'expired' }, '', NOON)).toMatch(/^between 2026-01-01 \d\d:\d\d and \d\d:\d\d messages may be missing: gone from the server/)
  })
})
