import { channelHeadOf, EvegramError, LIMITS } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { CHANNEL, ChannelScene } from './testing/channel-scene.js'
import { A1, B1, BOB, C1, headOf } from './testing/scene.js'

const nobody = (): boolean => false

/** A channel with `count` posts of alice. */
function scene(count: number, options: { readonly malicious?: boolean } = {}): ChannelScene {
  const made = new ChannelScene(options)
  for (let left = count; left > 0; left--) made.post()
  return made
}

const withheld = (from: number, to: number) => ({ channel: CHANNEL, from, to, reason: 'withheld' as const })

describe.each([false, true])('what a follower shows (a server that lies: %s)', (malicious) => {
  it('is fine when it is what authors posted, in order', () => {
    const made = scene(3, { malicious })
    made.follow(C1, 1, [1])
    made.follow(C1, 3, [2, 3])
    for (const seq of [1, 2, 3]) made.followers.told(made.device(C1), 'channel-post', { ...made.shown(seq), name: 'news' })
    expect(made.broken).toBeUndefined()
  })

  it.each([
    ['P2', 'is shown twice', (made: ChannelScene) => { made.follow(C1, 3, [1, 2, 3, 3]) }],
    ['P7', 'was never stored', (made: ChannelScene) => { made.commit(C1, { shown: [made.shown(4)] }) }],
    ['P7', 'says something else', (made: ChannelScene) => { made.commit(C1, { shown: [made.shown(1, { text: 'else' })] }) }],
    ['P7', 'is by another author', (made: ChannelScene) => { made.commit(C1, { shown: [made.shown(1, { by: BOB })] }) }],
    ['P4', 'is left out', (made: ChannelScene) => { made.follow(C1, 3, [1, 3]) }],
    ['P4', 'is left out at the beginning', (made: ChannelScene) => { made.follow(C1, 3, [2, 3]) }],
    ['P3', 'is of another chain', (made: ChannelScene) => { made.follow(C1, 3, [1, 2, 3], { head: headOf(9) }) }],
    ['P3', 'is gone back from', (made: ChannelScene) => { made.follow(C1, 3, [1, 2, 3]); made.follow(C1, 2, []) }],
    ['P2', 'is told before it is durable', (made: ChannelScene) => {
      made.follow(C1, 0, [])
      made.followers.told(made.device(C1), 'channel-post', { ...made.shown(1), name: 'news' })
    }],
    ['P2', 'is told twice', (made: ChannelScene) => {
      made.follow(C1, 1, [1])
      for (let times = 0; times < 2; times++) made.followers.told(made.device(C1), 'channel-post', { ...made.shown(1), name: 'news' })
    }],
    ['P1', 'is resolved under another number', (made: ChannelScene) => { made.followers.posted('alice-1', CHANNEL, 'text 2', 1) }],
  ])('breaks %s when a post %s', (promise, _what, wrong) => {
    const made = scene(3, { malicious })
    wrong(made)
    expect(made.broken).toBe(promise)
  })

  it('is asked for to its end, and so is what waits', () => {
    const made = scene(2, { malicious })
    expect(made.followers.missing(nobody)).toContain('alice-1 waits to post')
    const posted = { ...made.shown(1) }
    made.commit(A1, { waiting: [{ key: 'w/1', post: undefined }, { key: 'w/2', post: undefined }] })
    made.follow(C1, 1, [1])
    expect(posted.seq).toBe(1)
    expect(made.followers.missing(nobody)).toContain('carol-1 shows channel')
    expect(made.followers.missing((name) => name === 'carol-1')).toBeUndefined()
    made.follow(C1, 2, [2])
    expect(made.followers.missing(nobody)).toBeUndefined()
  })
})

describe('an honest server', () => {
  it('is not accused', () => {
    const gap = scene(2)
    gap.followers.told(gap.device(C1), 'channel-gap', withheld(1, 2))
    expect(gap.broken).toBe('P4')
    const expired = scene(2)
    expired.followers.told(expired.device(C1), 'channel-gap', { ...withheld(1, 2), reason: 'expired' })
    expect(expired.broken).toBe('P5')
    const alarm = scene(2)
    alarm.followers.told(alarm.device(C1), 'channel-alarm', { channel: CHANNEL, code: 'channel.log_invalid', reason: 'x' })
    expect(alarm.broken).toBe('P4')
    const { error } = { error: new EvegramError('denied.not_author') }
    const refused = scene(1)
    refused.followers.told(refused.device(C1), 'channel-post-failed', { channel: CHANNEL, text: 'x', error })
    expect(refused.broken).toBeUndefined()
  })

  it('is believed that posts of before the retention are gone', async () => {
    const made = scene(2)
    await made.go(LIMITS.retentionMs + 1)
    made.followers.told(made.device(C1), 'channel-gap', { ...withheld(1, 2), reason: 'expired' })
    made.follow(C1, 2, [])
    expect(made.broken).toBeUndefined()
  })
})

describe('a server that lies', () => {
  const lying = { malicious: true }

  it('may have posts left out that are named, and no others', () => {
    const named = scene(3, lying)
    named.commit(C1, { gaps: [{ channel: CHANNEL, from: 1, to: 2, reason: 'expired' }] })
    named.follow(C1, 3, [3])
    expect(named.broken).toBeUndefined()
    const other = scene(3, lying)
    other.commit(C1, { gaps: [{ channel: CHANNEL, from: 1, to: 1, reason: 'expired' }] })
    other.follow(C1, 3, [3])
    expect(other.broken).toBe('P4')
  })

  it('may say where an old channel ends, which proves nothing', async () => {
    const made = scene(2, lying)
    await made.go(LIMITS.retentionMs + 1)
    made.post()
    made.follow(C1, 40, [], { head: headOf(9), verified: 0 })
    made.follow(C1, 3, [3])
    expect(made.broken).toBeUndefined()
    const young = scene(2, lying)
    young.follow(C1, 2, [], { verified: 0 })
    expect(young.broken, 'of a young channel nothing can be gone').toBe('P4')
  })

  it('is told of when it shows nothing of what it names', () => {
    const shownNothing = (made: ChannelScene, name: () => void): void => {
      made.follow(C1, 1, [1])
      for (let times = 0; times < 3; times++) {
        made.followers.withheld(made.device(C1), CHANNEL, 3, 1)
        name()
        made.followers.asked(made.device(C1), CHANNEL, 1)
      }
    }
    const silent = scene(3, lying)
    shownNothing(silent, () => undefined)
    expect(silent.broken).toBe('P4')
    const told = scene(3, lying)
    shownNothing(told, () => { told.followers.told(told.device(C1), 'channel-gap', withheld(2, 3)) })
    expect(told.broken).toBeUndefined()
    const moving = scene(3, lying)
    let seq = 1
    shownNothing(moving, () => { if (seq < 3) moving.follow(C1, ++seq, [seq]) })
    expect(moving.broken, 'who goes on has nothing to tell').toBeUndefined()
  })

  it('may fork a channel with what an author truly posted, and is told of once the true posts come', () => {
    const made = scene(1, lying)
    const other = made.write(B1)
    const text = 'text 2'
    const take = (scene: ChannelScene): void => {
      scene.commit(C1, { shown: [scene.shown(1), scene.shown(2, { by: BOB, text })] })
      scene.follow(C1, 2, [], { head: channelHeadOf(other) })
    }
    made.followers.forked('carol-1', other)
    made.followers.forked('bob-1', other)
    take(made)
    made.followers.posted('bob-1', CHANNEL, text, 2)
    expect(made.broken).toBeUndefined()
    made.commit(A1, { waiting: [{ key: 'w/1', post: undefined }] })
    made.commit(B1, { waiting: [{ key: 'w/2', post: undefined }] })
    made.post()
    made.commit(A1, { waiting: [{ key: 'w/3', post: undefined }] })
    expect(made.followers.missing(nobody)).toContain('does not tell')
    made.followers.told(made.device(C1), 'channel-alarm', { channel: CHANNEL, code: 'channel.log_invalid', reason: 'x' })
    expect(made.followers.missing(nobody)).toBeUndefined()
    const unknown = scene(1, lying)
    unknown.write(B1)
    take(unknown)
    expect(unknown.broken, 'what nobody was seen to fork').toBe('P7')
  })
})
