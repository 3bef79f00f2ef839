import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { primitives } from '../vectors/actors.js'
import { encryptBody } from '../vectors/channel-story.js'
import { FRAME_BODIES } from '../vectors/frame-bodies.js'
import { fromView, toView, type Golden, type JsonView, type RefusedBytes } from '../vectors/json-view.js'
import { applyEntry, verifyLog } from './account-log.js'
import { accountNoticeHash, decodeAccountNotice, encodeAccountNotice, noticeEnvelope, openNotice, type AccountNotice, type OpenNoticeResult } from './account-notice.js'
import { decodeEntry, encodeEntry, entryHash, headOf, type LogEntry } from './account-log-entry.js'
import type { LogContext } from './account-log-proofs.js'
import { bytesOfHex, concatBytes, hexOf } from './bytes.js'
import { decodeChannelBody, encodeChannelBody } from './channel-body.js'
import { channelSaltOf, formatChannelLink, parseChannelLink, type ChannelLink } from './channel-link.js'
import { applyChannelPost, emptyChannelState, type ChannelContext, type ChannelState } from './channel-log.js'
import { channelHeadOf, channelPostHash, decodeChannelPost, encodeChannelPost, type ChannelPost } from './channel-post.js'
import { chainHash, membershipHash, seenHeadsDigest, type ChainHead, type ChainLink } from './chain.js'
import { helloBytes } from './hello.js'
import { decodeEnvelope, encodeEnvelope, sliceEnvelope, viewEnvelope, type Envelope } from './envelope.js'
import { isEvegramError } from './errors.js'
import { decodeFrames, encodeFrame, FRAME_TYPE } from './frame.js'
import { accountIdOf, channelIdOf, deviceIdOf, directConversationIdOf, groupConversationIdOf, messageIdOf, type AccountId, type ConversationId, type DeviceId, type MessageKey, type WalletId } from './ids.js'
import { applyMembershipEntry, verifyMembershipLog, type MembershipContext } from './membership-log.js'
import { decodeMembershipEntry, encodeMembershipEntry, membershipEntryHash, membershipHeadOf, type MembershipEntry } from './membership-log-entry.js'
import { groupMembershipHash } from './membership-log-state.js'
import { paddedLength } from './padding.js'
import { decodePayload, encodePayload, PAYLOAD_KIND, type KnownPayloadKind, type Payload } from './payload.js'
import { decodePayloadBody, encodePayloadBody, type PayloadContent } from './payload-body.js'
import { resendRequestBytes } from './payload-body-resend.js'
import { paymentLink, type PaymentLinkTerms } from './payment-link.js'
import { decodePosition, encodePosition, type Position } from './position.js'

// The files are promises to clients in other languages: this test reads them and never writes them.

function load<Shape>(file: string): Shape {
  return JSON.parse(readFileSync(new URL(`../vectors/${file}`, import.meta.url), 'utf8')) as Shape
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

function expectRefused(refused: readonly RefusedBytes[], decode: (bytes: Uint8Array) => unknown): void {
  for (const { name, hex, code } of refused) expect([name, codeOf(() => decode(bytesOfHex(hex)))]).toEqual([name, code])
}

describe('envelopes.json', () => {
  const file = load<{
    cases: Golden[]; messageIds: { hex: string; messageId: string }[]; slices: { hex: string; device: string | null; slice: string }[]; refused: RefusedBytes[]
  }>('envelopes.json')

  it.each(file.cases)('holds $name', ({ hex, value }) => {
    expect(toView(decodeEnvelope(bytesOfHex(hex)))).toEqual(value)
    expect(hexOf(encodeEnvelope(fromView(value) as Envelope))).toBe(hex)
  })

  it('holds message ids, slices and refusals', () => {
    for (const { hex, messageId } of file.messageIds) expect(messageIdOf(decodeEnvelope(bytesOfHex(hex)))).toBe(messageId)
    for (const { hex, device, slice } of file.slices) {
      const view = viewEnvelope(bytesOfHex(hex))
      expect(hexOf(sliceEnvelope(view, view.bodies.find((body) => body.device === device)))).toBe(slice)
    }
    expectRefused(file.refused, viewEnvelope)
  })
})

describe('frames.json', () => {
  interface FrameCase extends Golden {
    readonly type: keyof typeof FRAME_TYPE
    readonly correlation: number
    readonly flags: number
  }
  const file = load<{ cases: FrameCase[]; packed: { hex: string; frames: number }; refused: RefusedBytes[]; refusedBodies: RefusedBytes[] }>('frames.json')
  const nameOf = (type: number): keyof typeof FRAME_TYPE => {
    for (const { type: name } of file.cases) if (FRAME_TYPE[name] === type) return name
    throw new Error('frame type without a vector')
  }

  it.each(file.cases)('holds $name', ({ hex, value, type, correlation, flags }) => {
    const [frame, ...others] = decodeFrames(bytesOfHex(hex))
    expect(others).toEqual([])
    expect(frame).toMatchObject({ type: FRAME_TYPE[type], correlation, flags })
    expect(toView(FRAME_BODIES[type].decode(frame?.body ?? new Uint8Array(0)))).toEqual(value)
    expect(hexOf(encodeFrame(FRAME_TYPE[type], correlation, FRAME_BODIES[type].encode(fromView(value)), flags))).toBe(hex)
  })

  it('holds every type of frame, all frames in one message, and refusals', () => {
    expect(new Set(file.cases.map(({ type }) => type))).toEqual(new Set(Object.keys(FRAME_TYPE)))
    const frames = decodeFrames(bytesOfHex(file.packed.hex))
    expect(frames).toHaveLength(file.packed.frames)
    expect(hexOf(concatBytes(...frames.map((frame) => encodeFrame(frame.type, frame.correlation, frame.body, frame.flags))))).toBe(file.packed.hex)
    expectRefused(file.refused, (bytes) => decodeFrames(bytes))
    expectRefused(file.refusedBodies, (bytes) => decodeFrames(bytes).map(({ type, body }) => FRAME_BODIES[nameOf(type)].decode(body)))
  })
})

describe('payloads.json', () => {
  interface PayloadCase extends Golden {
    readonly content: JsonView
  }
  const file = load<{
    cases: PayloadCase[]; paddedLengths: [number, number][]; refused: RefusedBytes[]
    resendRequests: { value: JsonView; signedBytes: string; signingKey: string; signature: string }[]
  }>('payloads.json')

  it.each(file.cases)('holds $name', ({ hex, value, content }) => {
    const payload = decodePayload(bytesOfHex(hex))
    expect(toView(payload)).toEqual(value)
    expect(hexOf(encodePayload(fromView(value) as Payload))).toBe(hex)
    if (content === null) return
    const kind = payload.kind as KnownPayloadKind
    expect(toView(decodePayloadBody(kind, payload.body).body)).toEqual(content)
    expect(encodePayloadBody({ kind, body: fromView(content) } as PayloadContent)).toEqual(payload.body)
  })

  it('holds every kind, padded lengths, a signed resend request and refusals', () => {
    const kinds = file.cases.map(({ value }) => (value as { kind: string }).kind)
    expect(kinds).toEqual(expect.arrayContaining(Object.keys(PAYLOAD_KIND)))
    for (const [length, padded] of file.paddedLengths) expect(paddedLength(length)).toBe(padded)
    for (const { value, signedBytes, signingKey, signature } of file.resendRequests) {
      const bytes = resendRequestBytes(fromView(value) as Parameters<typeof resendRequestBytes>[0])
      expect(hexOf(bytes)).toBe(signedBytes)
      expect(primitives.ed25519Verify(bytesOfHex(signingKey), bytes, bytesOfHex(signature))).toBe(true)
    }
    expectRefused(file.refused, decodePayload)
  })
})

describe('payment-links.json', () => {
  const { cases } = load<{ cases: { name: string; value: JsonView; link: string | null }[] }>('payment-links.json')

  it.each(cases)('holds $name', ({ value, link }) => {
    expect(paymentLink(fromView(value) as PaymentLinkTerms) ?? null).toBe(link)
  })
})

describe('chains.json', () => {
  const file = load<{
    chain: { value: JsonView; hash: string }[]; memberships: { members: AccountId[]; hash: string }[]; seenHeads: { heads: JsonView; digest: string }[]
    hellos: { value: JsonView; signedBytes: string; signingKey: string; signature: string }[]
  }>('chains.json')

  it('holds a chain, memberships, seen heads and a hello', () => {
    let before = '00'.repeat(32)
    for (const { value, hash } of file.chain) {
      const link = fromView(value) as ChainLink
      expect(hexOf(link.prev)).toBe(before)
      expect(hexOf(chainHash(link))).toBe(hash)
      before = hash
    }
    for (const { members, hash } of file.memberships) expect(hexOf(membershipHash(members))).toBe(hash)
    for (const { heads, digest } of file.seenHeads) expect(hexOf(seenHeadsDigest(fromView(heads) as ChainHead[]))).toBe(digest)
    for (const { value, signedBytes, signingKey, signature } of file.hellos) {
      const bytes = helloBytes(fromView(value) as Parameters<typeof helloBytes>[0])
      expect(hexOf(bytes)).toBe(signedBytes)
      expect(primitives.ed25519Verify(bytesOfHex(signingKey), bytes, bytesOfHex(signature))).toBe(true)
    }
  })
})

describe('ids.json', () => {
  const file = load<{
    accounts: { wallet: WalletId; account: string }[]; devices: { identityKey: string; signingKey: string; device: string }[]
    groups: { account: AccountId; device: DeviceId; salt: string; group: string }[]
    channels: { account: AccountId; device: DeviceId; key: string; salt: string; channel: string }[]
    directConversations: { accounts: [AccountId, AccountId]; conversation: string }[]; messages: (MessageKey & { messageId: string })[]
    positions: { value: Position; hex: string }[]
  }>('ids.json')

  it('holds accounts, devices, conversations, messages and positions', () => {
    for (const { account, device, salt, group } of file.groups) expect(groupConversationIdOf(account, device, bytesOfHex(salt))).toBe(group)
    for (const { account, device, key, salt, channel } of file.channels) {
      expect(hexOf(channelSaltOf(bytesOfHex(key)))).toBe(salt)
      expect(channelIdOf(account, device, bytesOfHex(salt))).toBe(channel)
    }
    for (const { wallet, account } of file.accounts) expect(accountIdOf(wallet)).toBe(account)
    for (const { identityKey, signingKey, device } of file.devices) expect(deviceIdOf(bytesOfHex(identityKey), bytesOfHex(signingKey))).toBe(device)
    for (const { accounts: [one, other], conversation } of file.directConversations) expect(directConversationIdOf(one, other)).toBe(conversation)
    for (const { messageId, ...key } of file.messages) expect(messageIdOf(key)).toBe(messageId)
    for (const { value, hex } of file.positions) {
      expect(hexOf(encodePosition(value))).toBe(hex)
      expect(decodePosition(bytesOfHex(hex))).toEqual(value)
    }
  })
})

describe('account-logs.json', () => {
  interface EntryCase extends Golden {
    readonly entryHash: string
    readonly head: string
    readonly state: JsonView
  }
  const file = load<{
    context: Pick<LogContext, 'domain' | 'origin' | 'network'>; nowMs: number; entries: EntryCase[]
    refused: { name: string; after: number; hex: string; mode: 'server' | 'peer'; nowMs: number; code: string }[]
  }>('account-logs.json')
  const context: LogContext = { ...file.context, primitives, nowMs: file.nowMs, mode: 'peer' }
  const bytesUpTo = (count: number): Uint8Array[] => file.entries.slice(0, count).map(({ hex }) => bytesOfHex(hex))

  it.each(file.entries)('holds entry $name', ({ hex, value, ...hashes }) => {
    const entry = decodeEntry(bytesOfHex(hex))
    expect(toView(entry)).toEqual(value)
    expect(hexOf(encodeEntry(fromView(value) as LogEntry))).toBe(hex)
    expect(hexOf(entryHash(entry))).toBe(hashes.entryHash)
    expect(hexOf(headOf(bytesOfHex(hex)))).toBe(hashes.head)
  })

  it('holds the state behind every entry', () => {
    file.entries.forEach(({ state }, index) => {
      const result = verifyLog(bytesUpTo(index + 1), context)
      expect(result.status === 'applied' ? toView(result.state) : result).toEqual(state)
    })
  })

  it.each(file.refused)('holds a refusal: $name', ({ after, hex, mode, nowMs, code }) => {
    const before = verifyLog(bytesUpTo(after), context)
    const at = { ...context, mode, nowMs }
    const result = before.status === 'applied' ? applyEntry(before.state, bytesOfHex(hex), at) : verifyLog([bytesOfHex(hex)], at)
    expect(result).toMatchObject({ status: 'refused', code })
  })
})

describe('membership-log.json', () => {
  interface EntryCase extends Golden {
    readonly entryHash: string
    readonly head: string
    readonly state: JsonView
    readonly membershipHash: string
  }
  const file = load<{
    conversation: ConversationId; founder: { account: AccountId; device: DeviceId; salt: string }; nowMs: number; entries: EntryCase[]
    verified: { account: AccountId; device: DeviceId; seq: number; head: string; signingKey: string }[]
    refused: { name: string; after: number; hex: string; mode: 'server' | 'peer'; nowMs: number; code: string }[]
  }>('membership-log.json')
  const context: MembershipContext = {
    primitives, nowMs: file.nowMs, mode: 'peer',
    signingKeyOf: ({ account, device, log }) => {
      const known = file.verified.find((one) => one.account === account && one.device === device && one.seq === log.seq && one.head === hexOf(log.head))
      return known === undefined ? undefined : bytesOfHex(known.signingKey)
    },
  }
  const bytesUpTo = (count: number): Uint8Array[] => file.entries.slice(0, count).map(({ hex }) => bytesOfHex(hex))

  it('holds an id that is made of its founder', () => {
    expect(groupConversationIdOf(file.founder.account, file.founder.device, bytesOfHex(file.founder.salt))).toBe(file.conversation)
  })

  it.each(file.entries)('holds entry $name', ({ hex, value, ...hashes }) => {
    const entry = decodeMembershipEntry(bytesOfHex(hex))
    expect(toView(entry)).toEqual(value)
    expect(hexOf(encodeMembershipEntry(fromView(value) as MembershipEntry))).toBe(hex)
    expect(hexOf(membershipEntryHash(entry))).toBe(hashes.entryHash)
    expect(hexOf(membershipHeadOf(bytesOfHex(hex)))).toBe(hashes.head)
  })

  it('holds the state and the membership hash behind every entry', () => {
    file.entries.forEach(({ state, membershipHash: hash }, index) => {
      const result = verifyMembershipLog(file.conversation, bytesUpTo(index + 1), context)
      if (result.status === 'refused') throw new Error(result.reason)
      expect(toView(result.state)).toEqual(state)
      expect(hexOf(groupMembershipHash(result.state))).toBe(hash)
    })
  })

  it.each(file.refused)('holds a refusal: $name', ({ after, hex, mode, nowMs, code }) => {
    const before = verifyMembershipLog(file.conversation, bytesUpTo(after), context)
    if (before.status === 'refused') throw new Error(before.reason)
    expect(applyMembershipEntry(before.state, bytesOfHex(hex), { ...context, mode, nowMs })).toMatchObject({ status: 'refused', code })
  })
})

describe('notices.json', () => {
  const file = load<{ account: AccountId; keys: string[]; notices: (Golden & { noticeHash: string; envelope: string })[]; refused: { name: string; envelope: string; check: string }[] }>('notices.json')
  const open = (hex: string): OpenNoticeResult => {
    const envelope = decodeEnvelope(bytesOfHex(hex))
    return openNotice(envelope, envelope.bodies[0]?.bytes ?? new Uint8Array(0), { account: file.account, keys: file.keys.map(bytesOfHex), primitives })
  }

  it.each(file.notices)('holds $name', ({ hex, value, noticeHash, envelope }) => {
    const notice = decodeAccountNotice(bytesOfHex(hex))
    expect(toView(notice)).toEqual(value)
    expect(hexOf(encodeAccountNotice(fromView(value) as AccountNotice))).toBe(hex)
    expect(hexOf(accountNoticeHash(notice))).toBe(noticeHash)
    expect(hexOf(encodeEnvelope(noticeEnvelope(bytesOfHex(hex))))).toBe(envelope)
    expect(open(envelope)).toEqual({ status: 'opened', notice })
  })

  it.each(file.refused)('holds a refusal: $name', ({ envelope, check }) => {
    expect(open(envelope)).toEqual({ status: 'refused', check })
  })
})

describe('channel-log.json', () => {
  interface PostCase extends Golden {
    readonly postHash: string
    readonly head: string
    readonly state: JsonView
  }
  const file = load<{
    channel: ConversationId; key: string; nowMs: number; links: { value: JsonView; link: string }[]; refusedLinks: string[]
    authors: { entries: string[]; memberships: { seq: number; head: string; authors: AccountId[] }[] }
    verified: { account: AccountId; device: DeviceId; seq: number; head: string; signingKey: string }[]; posts: PostCase[]
    bodies: { post: number; nonce: string; padded: string; value: JsonView }[]
    refused: { name: string; after: number; hex: string; mode: 'server' | 'peer'; nowMs: number; code: string }[]
  }>('channel-log.json')
  const signingKeyOf: ChannelContext['signingKeyOf'] = ({ account, device, log }) => {
    const known = file.verified.find((one) => one.account === account && one.device === device && one.seq === log.seq && one.head === hexOf(log.head))
    return known === undefined ? undefined : bytesOfHex(known.signingKey)
  }
  const context: ChannelContext = {
    primitives, nowMs: file.nowMs, mode: 'peer', signingKeyOf,
    isAuthor: (account, { seq, head }) => file.authors.memberships.some((one) => one.seq === seq && one.head === hexOf(head) && one.authors.includes(account)),
  }
  function stateBehind(count: number): ChannelState {
    return file.posts.slice(0, count).reduce((state, { hex }) => {
      const result = applyChannelPost(state, bytesOfHex(hex), context)
      if (result.status === 'refused') throw new Error(result.reason)
      return result.state
    }, emptyChannelState(file.channel))
  }

  it.each(file.posts)('holds post $name', ({ hex, value, ...hashes }) => {
    const post = decodeChannelPost(bytesOfHex(hex))
    expect(toView(post)).toEqual(value)
    expect(hexOf(encodeChannelPost(fromView(value) as ChannelPost))).toBe(hex)
    expect(hexOf(channelPostHash(post))).toBe(hashes.postHash)
    expect(hexOf(channelHeadOf(bytesOfHex(hex)))).toBe(hashes.head)
  })

  it('holds the state behind every post', () => {
    file.posts.forEach(({ state }, index) => { expect(toView(stateBehind(index + 1))).toEqual(state) })
    expect(stateBehind(file.posts.length).seq).toBe(file.posts.length)
  })

  it('holds a log of authors that begins a channel made of this key', () => {
    const members: MembershipContext = { primitives, nowMs: file.nowMs, mode: 'peer', signingKeyOf }
    file.authors.memberships.forEach(({ seq, head, authors }, index) => {
      const result = verifyMembershipLog(file.channel, file.authors.entries.slice(0, index + 1).map(bytesOfHex), members)
      if (result.status === 'refused') throw new Error(result.reason)
      expect(result.state).toMatchObject({ kind: 'channel', seq, head: bytesOfHex(head) })
      expect(new Set(result.state.members.keys())).toEqual(new Set(authors))
    })
    const founding = decodeMembershipEntry(bytesOfHex(file.authors.entries[0] ?? ''))
    expect(founding.kind === 'create_channel' ? founding.body.salt : undefined).toEqual(channelSaltOf(bytesOfHex(file.key)))
  })

  it.each(file.bodies)('holds the body of post $post', ({ post, nonce, padded, value }) => {
    const { author, channel, body } = decodeChannelPost(bytesOfHex(file.posts[post - 1]?.hex ?? ''))
    expect(toView(decodeChannelBody(bytesOfHex(padded)))).toEqual(value)
    expect(hexOf(encodeChannelBody(fromView(value) as Parameters<typeof encodeChannelBody>[0]))).toBe(padded)
    expect(hexOf(encryptBody(bytesOfHex(file.key), channel, author.device, bytesOfHex(nonce), bytesOfHex(padded)))).toBe(hexOf(body))
  })

  it('holds links, and some that are refused', () => {
    for (const { value, link } of file.links) {
      expect(toView(parseChannelLink(link))).toEqual(value)
      expect(formatChannelLink(fromView(value) as ChannelLink)).toBe(link)
    }
    for (const link of file.refusedLinks) expect([link, codeOf(() => parseChannelLink(link))]).toEqual([link, 'invalid.channel_link'])
  })

  it.each(file.refused)('holds a refusal: $name', ({ after, hex, mode, nowMs, code }) => {
    expect(applyChannelPost(stateBehind(after), bytesOfHex(hex), { ...context, mode, nowMs })).toMatchObject({ status: 'refused', code })
  })
})
