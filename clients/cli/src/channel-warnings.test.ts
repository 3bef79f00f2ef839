import { EvegramError, parseConversationId } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { channelAlarmWarning, gapWarning, postFailedWarning } from './channel-warnings.js'

const channel = parseConversationId('0123456789abcdef0123456789abcdef')

describe('warnings of channels', () => {
  it('name a gap by its numbers and its reason', () => {
    expect(gapWarning({ channel, from: 3, to: 7, reason: 'expired' })).toEqual({
      object: { code: 'channel-gap', channel, from: 3, to: 7, reason: 'expired' },
      text: 'posts 3 to 7 of channel 012345…abcdef missing: older than the server keeps (expired)',
    })
    expect(gapWarning({ channel, from: 3, to: 3, reason: 'withheld' }).text).toMatch(/^post 3 of .* does not show them \(withheld\)$/)
  })

  it('name the rule that was broken, and the text of a post that was given up', () => {
    const alarm = channelAlarmWarning({ channel, code: 'channel.log_invalid', reason: 'the server shows an older channel than before' })
    expect(alarm.object).toEqual({ code: 'channel.log_invalid', channel, reason: 'the server shows an older channel than before' })
    expect(alarm.text).toContain('(channel.log_invalid)')
    const failed = postFailedWarning({ channel, text: 'say it again', error: new EvegramError('denied.not_author') })
    expect(failed.object).toEqual({ code: 'channel-post-failed', channel, reason: 'denied.not_author', text: 'say it again' })
    expect(failed.text).toContain('denied.not_author')
    expect(failed.text).toContain('say it again')
  })
})
