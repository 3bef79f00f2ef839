import type { ConversationGap } from '@evegram/sdk'
import { describe, expect, it } from 'vitest'
import { placeGaps, type GapWindow } from './place-gaps.js'

// Ids of the tests are their numbers: nobody checks them here.
const window = (from: number, to: number, rest: Partial<GapWindow> = {}): GapWindow => ({
  messages: Array.from({ length: to - from + 1 }, (_, at) => ({ messageId: String(from + at), sentAtMs: (from + at) * 1_000 })) as unknown as GapWindow['messages'], hasOlder: false, hasNewer: false, ...rest,
})
const gap = (rest: Partial<Extract<ConversationGap, { kind: 'messages' }>> | { readonly before?: string; readonly behind?: string; readonly account?: string; readonly device?: string }): ConversationGap =>
  ({ kind: 'messages', account: 'bob', device: 'd', epoch: 1, from: 2, to: 3, reason: 'withheld', ...rest }) as unknown as ConversationGap
const line = { reason: 'withheld', account: 'bob', count: 2 }

describe('lines about missing messages', () => {
  it('stand above the message that follows, or below the one before them', () => {
    expect(placeGaps(window(1, 9), [gap({ before: '4' })])).toEqual({ above: new Map([['4', [line]]]), first: [], last: [], beforeDevice: false })
    expect(placeGaps(window(1, 9), [gap({ behind: '4' })]).above).toEqual(new Map([['5', [line]]]))
  })

  it('stand below the newest where nothing follows, as long as that is in sight', () => {
    expect(placeGaps(window(1, 9), [gap({ behind: '9' })]).last).toEqual([line])
    expect(placeGaps(window(1, 9, { hasNewer: true }), [gap({ behind: '9' })]).last).toEqual([])
  })

  it('are left out where their place is not in memory, and stand first where nobody knows it', () => {
    expect(placeGaps(window(5, 9, { hasOlder: true }), [gap({ before: '2' }), gap({})])).toEqual({ above: new Map(), first: [], last: [], beforeDevice: false })
    expect(placeGaps(window(1, 9), [gap({})]).first).toEqual([line])
    expect(placeGaps(window(1, 0), [gap({})]).first).toEqual([line])
  })

  it('are one for several devices of a person at a place, and several for several people and reasons', () => {
    const { above } = placeGaps(window(1, 9), [gap({ before: '4' }), gap({ before: '4', device: 'e' }), gap({ before: '4', account: 'carol' }), gap({ before: '4', reason: 'unreadable' })])
    expect(above.get('4')).toEqual([{ ...line, count: 4 }, { ...line, account: 'carol' }, { ...line, reason: 'unreadable' }])
  })

  it('tell of a time without messages where it begins, unless the conversation is younger', () => {
    const time: ConversationGap = { kind: 'time', sinceMs: 4_500, untilMs: 6_000, reason: 'expired' }
    expect(placeGaps(window(1, 9), [time]).above).toEqual(new Map([['5', [{ reason: 'expired' }]]]))
    expect(placeGaps(window(1, 3), [time]).last).toEqual([{ reason: 'expired' }])
    expect(placeGaps(window(5, 9), [time])).toEqual({ above: new Map(), first: [], last: [], beforeDevice: false })
    expect(placeGaps(window(1, 0), [time]).last).toEqual([])
  })

  it('are no lines for what was said before this device was there: that is told once', () => {
    expect(placeGaps(window(1, 9), [gap({ before: '4', reason: 'before_you_joined' }), gap({ before: '5', device: 'e', reason: 'before_you_joined' })])).toEqual({ above: new Map(), first: [], last: [], beforeDevice: true })
  })
})
