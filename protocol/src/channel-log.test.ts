import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seed } from '../vectors/actors.js'
import { ChannelStory } from '../vectors/channel-story.js'
import { groupActor, type GroupActor } from '../vectors/group-story.js'
import { decodeCbor, encodeCbor, type CborValue } from './cbor.js'
import {
  applyChannelPost, channelStateAfter, channelStateBefore, decodeChannelState, emptyChannelState, encodeChannelState, type ChannelState,
} from './channel-log.js'
import { channelHeadOf, channelPostHash, channelPostHashOf, decodeChannelPost, encodeChannelPost, type ChannelPost } from './channel-post.js'
import { isErrorCode, isEvegramError } from './errors.js'
import { channelIdOf, idBytes, parseAccountId, type AccountId } from './ids.js'
import { LIMITS } from './limits.js'

const alice = groupActor('alice')
const bob = groupActor('bob')
const carol = groupActor('carol')
const dora = groupActor('dora')
const laptop = groupActor('alice', 2, 'laptop')
const everyone = [alice, bob, carol, dora]

/** A channel of alice in which bob may post too, and `count` posts of alice. */
function channel(count = 0): ChannelStory {
  const story = new ChannelStory([...everyone, laptop, groupActor('alice', 2)], [bob])
  for (let index = 0; index < count; index++) story.post(alice)
  return story
}

const refusedWith = (code: string): object => ({ status: 'refused', code })
const account = (index: number): AccountId => parseAccountId(index.toString(16).padStart(32, '0'))
const postOf = (bytes: Uint8Array | undefined): ChannelPost => decodeChannelPost(bytes ?? new Uint8Array(0))

/** `follow` as far as the posts let it: what a device that verifies them one by one sees. */
function followed(story: ChannelStory, posts: readonly Uint8Array[], from: ChannelState = emptyChannelState(story.state.channel)): ReturnType<typeof applyChannelPost>[] {
  let state = from
  return posts.map((bytes) => {
    const result = applyChannelPost(state, bytes, { ...story.context, mode: 'peer' })
    if (result.status === 'applied') state = result.state
    return result
  })
}

function codeOf(attempt: () => unknown): string {
  try {
    attempt()
    return 'accepted'
  } catch (cause) {
    if (isEvegramError(cause)) return cause.code
    throw cause
  }
}

describe('the posts of a channel', () => {
  it('form one chain, whoever writes them', () => {
    const story = channel()
    for (const author of [alice, bob, bob, alice]) story.post(author)
    expect(story.state.seq).toBe(4)
    expect(story.posts.map((bytes) => postOf(bytes).seq)).toEqual([1, 2, 3, 4])
    expect(story.posts.slice(1).map((bytes) => postOf(bytes).prev)).toEqual(story.posts.slice(0, 3).map((bytes) => channelHeadOf(bytes)))
    expect(postOf(story.posts[0]).prev).toEqual(new Uint8Array(32))
    expect(story.state.head).toEqual(channelHeadOf(story.posts[3] ?? new Uint8Array(0)))
    expect(followed(story, story.posts).at(-1)).toMatchObject({ status: 'applied', state: story.state })
  })

  it('cannot be left out, reordered, repeated, begun late or moved to another channel', () => {
    const story = channel(3)
    const [first, second, third] = story.posts as [Uint8Array, Uint8Array, Uint8Array]
    for (const posts of [[first, third], [second], [third], [first, second, first], [first, first]]) {
      expect(followed(story, posts).at(-1)).toMatchObject(refusedWith('channel.log_invalid'))
    }
    const elsewhere = emptyChannelState(channelIdOf(bob.account, bob.device, seed('salt').slice(0, 16)))
    expect(applyChannelPost(elsewhere, first, story.context)).toMatchObject(refusedWith('channel.log_invalid'))
  })

  it('are refused when they do not follow the head: to the author as a race, to a follower as another history', () => {
    const story = channel(1)
    const late = story.draft(bob)
    story.post(alice)
    expect(story.offer(late, bob)).toMatchObject(refusedWith('conflict.channel_head'))
    expect(story.offer(late, bob, { mode: 'peer' })).toMatchObject(refusedWith('channel.log_invalid'))
    const forked = story.draft(bob, { prev: seed('another head') })
    expect(story.offer(forked, bob)).toMatchObject(refusedWith('conflict.channel_head'))
    expect(story.offer(forked, bob, { mode: 'peer' })).toMatchObject(refusedWith('channel.log_invalid'))
    expect(story.offer(story.draft(bob, { seq: 4 }), bob)).toMatchObject(refusedWith('conflict.channel_head'))
    story.post(bob)
  })

  it('begin with number 1 behind zeros', () => {
    const story = channel()
    expect(story.offer(story.draft(alice, { prev: seed('before the first') }), alice, { mode: 'peer' })).toMatchObject(refusedWith('channel.log_invalid'))
    expect(() => story.seal(story.draft(alice, { seq: 0 }), alice)).toThrow('invalid.channel_post')
  })
})

describe('an author', () => {
  it('is a member of the authors\' log in the state that the post names, head included', () => {
    const story = channel()
    expect(story.offer(story.draft(carol), carol)).toMatchObject(refusedWith('denied.not_author'))
    expect(story.offer(story.draft(bob, { members: { seq: 1, head: seed('another log') } }), bob)).toMatchObject(refusedWith('denied.not_author'))
    expect(story.offer(story.draft(bob, { members: { seq: 2, head: seed('a log to come') } }), bob)).toMatchObject(refusedWith('denied.not_author'))
    expect(() => story.seal(story.draft(bob, { members: { seq: 0, head: new Uint8Array(32) } }), bob)).toThrow('invalid.channel_post')
    story.post(bob)
  })

  it('who was removed posts as before until a post names the membership without it, and never again then', () => {
    const story = channel(1)
    const before = story.draft(bob).members
    story.authors.act(alice, 'remove', { members: [bob.account] })
    story.keep()
    // Only a server that helps lets this through: an honest one compares with the newest membership.
    expect(applyChannelPost(story.state, story.seal(story.draft(bob, { members: before }), bob), story.context).status).toBe('applied')
    story.post(alice)
    for (const mode of ['server', 'peer'] as const) {
      expect(story.offer(story.draft(bob, { members: before }), bob, { mode })).toMatchObject(refusedWith('channel.log_invalid'))
    }
    expect(story.offer(story.draft(bob), bob)).toMatchObject(refusedWith('denied.not_author'))
  })

  it('names one membership of each number', () => {
    const story = channel(1)
    expect(story.offer(story.draft(bob, { members: { ...story.draft(bob).members, head: seed('fork') } }), bob)).toMatchObject(refusedWith('channel.log_invalid'))
  })

  it('signs with the device that the post names, over all its fields', () => {
    const story = channel()
    const draft = story.draft(alice)
    expect(story.offer(draft, bob)).toMatchObject(refusedWith('proof.signature'))
    const post = postOf(story.seal(draft, alice))
    const fields: readonly Partial<ChannelPost>[] = [{ atMs: post.atMs + 1 }, { body: seed('another body') }, { body: new Uint8Array(0) }, { signature: new Uint8Array(64) }]
    for (const change of fields) {
      const result = applyChannelPost(story.state, encodeChannelPost({ ...post, ...change }), story.context)
      expect(result).toMatchObject({ status: 'refused' })
      expect(result.status === 'refused' && /^proof\.(signature|signature_encoding)$/.test(result.code)).toBe(true)
    }
    // A colleague who may post too cannot take the post over as its own, with its signature or under another name.
    expect(applyChannelPost(story.state, encodeChannelPost({ ...post, author: { account: bob.account, device: bob.device, log: bob.log } }), story.context))
      .toMatchObject(refusedWith('proof.signature'))
  })

  it('posts from a device that is active in the state of its account that it names', () => {
    const story = channel()
    const ghost = groupActor('bob', 1, 'ghost')
    expect(story.offer(story.draft(ghost), ghost)).toMatchObject(refusedWith('account.device_unknown'))
    const stranger = { ...alice, log: { seq: 1, head: seed('another history') } }
    expect(story.offer(story.draft(stranger), stranger)).toMatchObject(refusedWith('account.device_unknown'))
  })

  it('never names an older state of its account than in a post before: a revoked device cannot go back', () => {
    const story = channel(1)
    story.post(laptop)
    expect(story.offer(story.draft(alice), alice)).toMatchObject(refusedWith('account.log_rolled_back'))
    const forked = { ...laptop, log: { seq: 2, head: seed('another history') } }
    expect(story.offer(story.draft(forked), forked)).toMatchObject(refusedWith('account.log_rolled_back'))
    story.post(bob)
    story.post(groupActor('alice', 2))
  })

  it('is one of so many that the state keeps its bound: who posted before goes on', () => {
    const story = channel(1)
    const crowd = Array.from({ length: LIMITS.channelAuthorsMax - 1 }, (_, index) => [account(index + 1), { seq: 0xffffffff, head: seed('log') }] as const)
    story.state = { ...story.state, authorLogs: new Map([...story.state.authorLogs, ...crowd]) }
    expect(decodeChannelState(encodeChannelState(story.state))).toEqual(story.state)
    expect(story.offer(story.draft(bob), bob)).toMatchObject(refusedWith('channel.author_limit'))
    story.post(alice)
    expect(story.state.authorLogs.size).toBe(LIMITS.channelAuthorsMax)
  })
})

describe('the time of a post', () => {
  it('is now: not of the future, and new where it is offered', () => {
    const story = channel()
    const { nowMs } = story.context
    expect(story.offer(story.draft(alice, { atMs: nowMs + LIMITS.challengeMs + 1 }), alice, { mode: 'peer' })).toMatchObject(refusedWith('proof.not_yet_valid'))
    expect(story.offer(story.draft(alice, { atMs: nowMs + LIMITS.challengeMs + 1 }), alice)).toMatchObject(refusedWith('proof.not_yet_valid'))
    expect(story.offer(story.draft(alice, { atMs: nowMs - LIMITS.challengeMs - 1 }), alice)).toMatchObject(refusedWith('proof.expired'))
    expect(story.offer(story.draft(alice, { atMs: 0 }), alice, { mode: 'peer' })).toMatchObject({ status: 'applied' })
    for (const far of [LIMITS.challengeMs, -LIMITS.challengeMs]) story.post(alice, { atMs: story.context.nowMs + far })
  })
})

describe('a gap at the beginning', () => {
  const { nowMs } = channel().context

  it('lets somebody enter where the retention begins, and from there on everything is checked', () => {
    const story = channel(5)
    const [third, fourth, fifth] = story.posts.slice(2) as [Uint8Array, Uint8Array, Uint8Array]
    const entered = channelStateBefore(emptyChannelState(story.state.channel), postOf(third))
    expect(followed(story, [third, fourth, fifth], entered).at(-1)).toMatchObject({ status: 'applied', state: { seq: 5, head: story.state.head } })
    expect(followed(story, [third, fifth], entered).at(-1)).toMatchObject(refusedWith('channel.log_invalid'))
  })

  it('is none where the first post follows: number 1 has to begin behind zeros', () => {
    const story = channel()
    const forged = story.seal(story.draft(alice, { prev: seed('before the first') }), alice)
    const entered = channelStateBefore(story.state, postOf(forged))
    expect(applyChannelPost(entered, forged, { ...story.context, mode: 'peer' })).toMatchObject(refusedWith('channel.log_invalid'))
  })

  it('leads neither back nor past what is known', () => {
    const story = channel(4)
    for (const bytes of story.posts) expect(channelStateBefore(story.state, postOf(bytes))).toBe(story.state)
    const elsewhere = emptyChannelState(channelIdOf(bob.account, bob.device, seed('salt').slice(0, 16)))
    const last = story.posts[3] ?? new Uint8Array(0)
    expect(applyChannelPost(channelStateBefore(elsewhere, postOf(last)), last, story.context)).toMatchObject(refusedWith('channel.log_invalid'))
  })

  it('does not bring back an author who was removed, nor a device that was revoked', () => {
    const story = channel()
    const before = story.draft(bob).members
    story.authors.act(alice, 'remove', { members: [bob.account] })
    story.keep()
    story.post(laptop)
    const known = story.state
    const removed = story.seal(story.draft(bob, { seq: 9, prev: seed('a gap'), members: before }), bob)
    const revoked = story.seal(story.draft(alice, { seq: 9, prev: seed('a gap') }), alice)
    const context = { ...story.context, mode: 'peer' as const, nowMs }
    expect(applyChannelPost(channelStateBefore(known, postOf(removed)), removed, context)).toMatchObject(refusedWith('channel.log_invalid'))
    expect(applyChannelPost(channelStateBefore(known, postOf(revoked)), revoked, context)).toMatchObject(refusedWith('account.log_rolled_back'))
    const newer = story.seal(story.draft(laptop, { seq: 9, prev: seed('a gap') }), laptop)
    expect(applyChannelPost(channelStateBefore(known, postOf(newer)), newer, context)).toMatchObject({ status: 'applied' })
  })
})

describe('the bytes of a post', () => {
  /** Fields of an encoded post, to be written back with changes. */
  const fieldsOf = (story: ChannelStory): { readonly [key: string]: CborValue } =>
    // A post is a map: decodeChannelPost has read it.
    decodeCbor(story.seal(story.draft(alice), alice), LIMITS.channelPostBytesMax) as { readonly [key: string]: CborValue }

  it('are refused with unknown or missing fields, other versions, types and lengths', () => {
    const story = channel()
    const fields = fieldsOf(story)
    expect(codeOf(() => decodeChannelPost(encodeCbor(fields)))).toBe('accepted')
    for (const name of Object.keys(fields)) {
      const { [name]: _left, ...others } = fields
      expect([name, codeOf(() => decodeChannelPost(encodeCbor(others)))]).toEqual([name, 'invalid.channel_post'])
      expect([name, codeOf(() => decodeChannelPost(encodeCbor({ ...fields, [name]: 'text' })))]).toEqual([name, 'invalid.channel_post'])
    }
    const author = { account: idBytes(alice.account), device: idBytes(alice.device), seq: 1, head: seed('head') }
    const strange: readonly Record<string, CborValue>[] = [
      { more: 1 }, { v: 2 }, { seq: 0 }, { seq: -1 }, { seq: 2n ** 53n }, { prev: new Uint8Array(31) }, { channel: new Uint8Array(15) }, { signature: new Uint8Array(63) },
      { signature: new Uint8Array(65) }, { atMs: 2 ** 48 }, { members: { seq: 1 } }, { members: { seq: 0, head: seed('head') } }, { members: { seq: 2 ** 32, head: seed('head') } },
      { members: { seq: 1, head: seed('head'), more: 1 } }, { members: { seq: 1, head: new Uint8Array(33) } }, { author: { ...author, more: 1 } },
      { author: { ...author, account: new Uint8Array(17) } }, { author: { ...author, seq: 2 ** 32 } }, { author: [] },
    ]
    for (const change of strange) expect([change, codeOf(() => decodeChannelPost(encodeCbor({ ...fields, ...change })))]).toEqual([change, 'invalid.channel_post'])
    expect(codeOf(() => decodeChannelPost(encodeCbor([])))).toBe('invalid.channel_post')
    expect(codeOf(() => decodeChannelPost(new Uint8Array(0)))).toBe('invalid.cbor')
  })

  it('are at most so many: a post that is one byte too long is refused by reader and writer', () => {
    const story = channel()
    const around = story.seal(story.draft(alice, { body: new Uint8Array(1_000) }), alice).length - 1_000
    const body = new Uint8Array(LIMITS.channelPostBytesMax - around)
    expect(story.seal(story.draft(alice, { body }), alice)).toHaveLength(LIMITS.channelPostBytesMax)
    expect(codeOf(() => story.seal(story.draft(alice, { body: new Uint8Array(body.length + 1) }), alice))).toBe('too_large.channel_post')
    expect(codeOf(() => decodeChannelPost(new Uint8Array(LIMITS.channelPostBytesMax + 1)))).toBe('too_large.channel_post')
    expect(applyChannelPost(story.state, new Uint8Array(LIMITS.channelPostBytesMax + 1), story.context)).toMatchObject(refusedWith('too_large.channel_post'))
  })

  it('lose their validity with any byte changed, cut or added', () => {
    const story = channel(1)
    const bytes = story.seal(story.draft(bob), bob)
    expect(applyChannelPost(story.state, bytes, story.context).status).toBe('applied')
    fc.assert(fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const altered = bytes.slice()
      altered[at] = (altered[at] ?? 0) ^ change
      for (const mode of ['server', 'peer'] as const) expect(applyChannelPost(story.state, altered, { ...story.context, mode }).status).toBe('refused')
      expect(applyChannelPost(story.state, bytes.slice(0, at), story.context).status).toBe('refused')
    }), { numRuns: 300 })
  })

  it('may be anything: reading answers a post that is written back alike, or an error code', () => {
    const story = channel()
    const bytes = story.seal(story.draft(alice), alice)
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(bytes.length - 1), fc.nat(255), (noise, at, value) => {
      const altered = bytes.slice()
      altered[at] = value
      for (const input of [noise, altered, bytes.subarray(0, at)]) {
        const code = codeOf(() => { expect(encodeChannelPost(decodeChannelPost(input))).toEqual(input) })
        expect(code === 'accepted' || isErrorCode(code)).toBe(true)
      }
      expect(applyChannelPost(story.state, noise, story.context).status).toBe('refused')
    }), { numRuns: 200 })
  })

  it('are signed under a label of their own', () => {
    const draft = channel().draft(alice)
    const changed = [{ ...draft, seq: 2 }, { ...draft, atMs: draft.atMs + 1 }, { ...draft, author: { ...draft.author, log: bob.log } }].map(channelPostHash)
    expect(new Set([channelPostHash(draft), ...changed].map((hash) => Buffer.from(hash).toString('hex'))).size).toBe(4)
    const sealed = channel().seal(draft, alice)
    expect(channelHeadOf(sealed)).not.toEqual(channelPostHash(draft))
  })

  it('have the hash that is signed in their bytes: it need not be written anew', () => {
    const story = channel(1)
    const { signature, ...post } = postOf(story.seal(story.draft(alice), alice))
    const [uint, bytes32] = [fc.integer({ min: 1, max: 0xffffffff }), fc.uint8Array({ minLength: 32, maxLength: 32 })]
    fc.assert(fc.property(uint, bytes32, uint, bytes32, uint, fc.nat(2 ** 48 - 1), fc.uint8Array({ maxLength: 300 }), (seq, prev, logSeq, head, membersSeq, atMs, body) => {
      const draft = { ...post, seq, prev, author: { ...post.author, log: { seq: logSeq, head } }, members: { seq: membersSeq, head: prev }, atMs, body }
      const encoded = encodeChannelPost({ ...draft, signature })
      expect(channelPostHashOf(encoded)).toEqual(channelPostHash(draft))
      expect(decodeChannelPost(encoded)).toEqual({ ...draft, signature })
    }))
  })
})

describe('a state in a store', () => {
  it('comes back as it was', () => {
    const story = channel(2)
    story.post(bob)
    for (const state of [story.state, emptyChannelState(story.state.channel)]) expect(decodeChannelState(encodeChannelState(state))).toEqual(state)
    const [first] = story.posts as [Uint8Array]
    expect(channelStateAfter(emptyChannelState(story.state.channel), postOf(first), first)).toMatchObject({ seq: 1, head: channelHeadOf(first) })
  })

  it('is refused when it is not what was written: never with anything but an error code', () => {
    const bytes = encodeChannelState(channel(2).state)
    // A state is a map: encodeChannelState wrote it.
    const fields = decodeCbor(bytes, bytes.length) as { readonly [key: string]: CborValue }
    const rows: readonly CborValue[] = [5, [], [new Uint8Array(15), 1, seed('head')], [idBytes(alice.account), 1, new Uint8Array(31)], [idBytes(alice.account), -1, seed('head')]]
    for (const row of rows) expect(codeOf(() => decodeChannelState(encodeCbor({ ...fields, authorLogs: [row] })))).toBe('invalid.channel_post')
    for (const change of [{ head: new Uint8Array(31) }, { seq: -1 }, { members: [1] }, { members: [] }, { channel: new Uint8Array(17) }]) {
      expect(codeOf(() => decodeChannelState(encodeCbor({ ...fields, ...change })))).toBe('invalid.channel_post')
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(bytes.length - 1), fc.nat(255), (noise, at, value) => {
      const altered = bytes.slice()
      altered[at] = value
      for (const input of [noise, altered, bytes.subarray(0, at)]) {
        const code = codeOf(() => decodeChannelState(input))
        expect(code === 'accepted' || isErrorCode(code)).toBe(true)
      }
    }), { numRuns: 300 })
  })
})

// ---- random histories against a model that knows the rules in other words

type Step =
  /** Posts under the membership as it was `staleness` changes ago; `behind` is how far behind the newest number the author is. */
  | { readonly do: 'post'; readonly by: number; readonly staleness: number; readonly behind: number }
  | { readonly do: 'add' | 'remove'; readonly whom: number }

const person = fc.nat(everyone.length - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('post' as const), by: person, staleness: fc.constantFrom(0, 0, 0, 1, 2), behind: fc.constantFrom(0, 0, 0, 1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('add' as const, 'remove' as const), whom: fc.integer({ min: 1, max: everyone.length - 1 }) }) },
)
const actor = (index: number): GroupActor => everyone[index] ?? alice

describe('random histories', () => {
  it('are applied exactly as a plain model says, by the server and by everybody who follows', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 16 }), (steps) => {
      const story = channel()
      const versions: Set<number>[] = [new Set([0, 1])]
      let namedVersion = 0
      for (const one of steps) {
        const newest = versions.length - 1
        if (one.do !== 'post') {
          const inside = versions[newest]?.has(one.whom) === true
          if (inside === (one.do === 'add')) continue
          story.authors.act(alice, one.do, { members: [actor(one.whom).account] })
          story.keep()
          const after = new Set(versions[newest])
          if (one.do === 'add') after.add(one.whom)
          else after.delete(one.whom)
          versions.push(after)
          continue
        }
        const by = actor(one.by)
        const version = Math.max(0, newest - one.staleness)
        const members = story.memberships[version]?.at ?? { seq: 0, head: new Uint8Array(32) }
        const isLate = one.behind > 0 && story.state.seq > 0
        const place = isLate ? { seq: story.state.seq, prev: postOf(story.posts.at(-1)).prev } : {}
        const before = story.state
        const result = story.offer(story.draft(by, { members, ...place }), by)
        const expected = isLate ? 'conflict.channel_head' : version < namedVersion ? 'channel.log_invalid'
          : versions[version]?.has(one.by) === true ? 'applied' : 'denied.not_author'
        expect([one, result.status === 'applied' ? 'applied' : result.code]).toEqual([one, expected])
        if (result.status === 'applied') {
          namedVersion = version
          expect(result.state.seq).toBe(before.seq + 1)
        } else expect(story.state).toBe(before)
      }
      const seen = followed(story, story.posts)
      expect(seen.every(({ status }) => status === 'applied')).toBe(true)
      const last = seen.at(-1)
      if (last?.status === 'applied') expect(last.state).toEqual(story.state)
      expect(decodeChannelState(encodeChannelState(story.state))).toEqual(story.state)
      // From the middle on, a follower gets to the same head.
      const half = story.posts.slice(Math.floor(story.posts.length / 2))
      if (half.length > 0) {
        const entered = channelStateBefore(emptyChannelState(story.state.channel), postOf(half[0]))
        expect(followed(story, half, entered).at(-1)).toMatchObject({ status: 'applied', state: { seq: story.state.seq, head: story.state.head } })
      }
    }), { numRuns: 80 })
  })
})
