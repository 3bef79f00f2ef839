import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { applyEntry } from '../src/account-log.js'
import { sealEntry } from '../src/account-log-draft.js'
import { parseBlobId } from '../src/blob-ref.js'
import { channelSaltOf, formatChannelLink } from '../src/channel-link.js'
import { encodeChannelBody } from '../src/channel-body.js'
import { applyChannelPost, type ChannelContext, type ChannelState } from '../src/channel-log.js'
import { channelHeadOf, channelPostHash, decodeChannelPost, type ChannelPostDraft } from '../src/channel-post.js'
import { decodeEntry, entryHash, headOf, type LogDraft, type LogProof } from '../src/account-log-entry.js'
import { policyBodyHash, type LogContext } from '../src/account-log-proofs.js'
import type { AccountState } from '../src/account-log-state.js'
import { concatBytes, hexOf, utf8 } from '../src/bytes.js'
import { chainHash, membershipHash, seenHeadsDigest, type ChainHead } from '../src/chain.js'
import { encodeCbor } from '../src/cbor.js'
import { encodeCatchUp, encodePage } from '../src/commands.js'
import { helloBytes } from '../src/hello.js'
import { ALL_DEVICES, BODY_TYPE, encodeEnvelope, ENVELOPE_KIND, sliceEnvelope, viewEnvelope, type Envelope } from '../src/envelope.js'
import { encodeFrame, FRAME_TYPE, type FrameType } from '../src/frame.js'
import { accountIdOf, channelIdOf, deviceIdOf, directConversationIdOf, groupConversationIdOf, messageIdOf, parseAccountId, parseConversationId } from '../src/ids.js'
import { applyMembershipEntry, type MembershipContext } from '../src/membership-log.js'
import { listedMembers } from '../src/membership-log-draft.js'
import { decodeMembershipEntry, membershipEntryHash, membershipHeadOf, type MembershipDraft } from '../src/membership-log-entry.js'
import { groupMembershipHash, type GroupState } from '../src/membership-log-state.js'
import { paddedLength } from '../src/padding.js'
import { encodePayload, type Payload } from '../src/payload.js'
import { encodePayloadBody, type PayloadContent } from '../src/payload-body.js'
import { resendRequestBytes } from '../src/payload-body-resend.js'
import { paymentLink, type PaymentLinkTerms } from '../src/payment-link.js'
import { encodePosition } from '../src/position.js'
import { accountNoticeHash, decodeAccountNotice, noticeEnvelope } from '../src/account-notice.js'
import { SIGNAL_KIND } from '../src/signals.js'
import { deviceActor, LogStory, seed, SITE, solanaWallet, START_MS, terraWallet } from './actors.js'
import { CHANNEL_KEY, ChannelStory, encryptBody } from './channel-story.js'
import { GroupStory, groupActor, type GroupActor } from './group-story.js'
import { FRAME_BODIES } from './frame-bodies.js'
import { NOTICE_KEY, noticeDraft, signedNotice } from './notice-actor.js'
import { toView, type Golden, type RefusedBytes } from './json-view.js'

// Writes the golden vectors. Run it only to add cases: npx tsx protocol/vectors/generate.ts. A changed byte in an existing case is a
// change of the protocol, which released clients would not understand.

function write(file: string, about: string, content: Readonly<Record<string, unknown>>): void {
  writeFileSync(fileURLToPath(new URL(file, import.meta.url)), `${JSON.stringify({ format: 'evegram-vectors/1', about, ...content }, null, 1)}\n`)
}

const golden = (name: string, bytes: Uint8Array, value: unknown): Golden => ({ name, hex: hexOf(bytes), value: toView(value) })
const refusedBytes = (name: string, bytes: Uint8Array, code: string): RefusedBytes => ({ name, hex: hexOf(bytes), code })
function changed(bytes: Uint8Array, at: number, ...values: readonly number[]): Uint8Array {
  const copy = bytes.slice()
  copy.set(values, at)
  return copy
}

const alice = { wallet: solanaWallet('alice'), phone: deviceActor('alice phone'), laptop: deviceActor('alice laptop') }
const bob = { wallet: terraWallet('bob'), phone: deviceActor('bob phone') }
const [aliceAccount, bobAccount] = [accountIdOf(alice.wallet.walletId), accountIdOf(bob.wallet.walletId)]
const conversation = directConversationIdOf(aliceAccount, bobAccount)
const order = (BigInt(START_MS) << 16n) | 5n
const position = { timeMs: START_MS + 17, incarnation: 4_000_000_001, counter: 9 }
const accounts = [{ account: aliceAccount, seq: 2 }, { account: bobAccount, seq: 1 }]

const message: Envelope = {
  kind: ENVELOPE_KIND.message, conversation, device: alice.phone.device, account: aliceAccount, epoch: 1, number: 41, order, membershipVersion: 1, accounts,
  bodies: [
    { device: bob.phone.device, type: BODY_TYPE.prekey, bytes: seed('ciphertext 1') },
    { device: alice.laptop.device, type: BODY_TYPE.message, bytes: seed('ciphertext 2').subarray(0, 20) },
  ],
}
const control: Envelope = {
  ...message, kind: ENVELOPE_KIND.control, epoch: 0, number: Number.MAX_SAFE_INTEGER, order: 2n ** 64n - 1n,
  bodies: [{ device: bob.phone.device, type: BODY_TYPE.message, bytes: seed('ciphertext 3') }, { device: alice.laptop.device, type: BODY_TYPE.skip, bytes: new Uint8Array(0) }],
}
const withoutBodies: Envelope = { ...message, accounts: [], bodies: [] }

function envelopes(): void {
  const good = [golden('numbered message for two devices', encodeEnvelope(message), message), golden('control traffic with a skipped device', encodeEnvelope(control), control),
    golden('routing fields alone', encodeEnvelope(withoutBodies), withoutBodies)]
  const bytes = encodeEnvelope(message)
  const view = viewEnvelope(bytes)
  write('envelopes.json', 'Encoded envelopes, slices for one device, message ids, and bytes that are refused.', {
    cases: good,
    messageIds: [message, control].map((envelope) => ({ hex: hexOf(encodeEnvelope(envelope)), messageId: messageIdOf(envelope) })),
    slices: [...view.bodies.map((body) => ({ hex: hexOf(bytes), device: body.device, slice: hexOf(sliceEnvelope(view, body)) })),
      { hex: hexOf(bytes), device: null, slice: hexOf(sliceEnvelope(view, undefined)) }],
    refused: [
      refusedBytes('empty', new Uint8Array(0), 'invalid.envelope'), refusedBytes('one byte short', bytes.subarray(0, -1), 'invalid.envelope'),
      refusedBytes('one byte more', concatBytes(bytes, Uint8Array.of(0)), 'invalid.envelope'), refusedBytes('version 2', changed(bytes, 0, 2), 'invalid.envelope'),
      refusedBytes('kind 3', changed(bytes, 1, 3), 'invalid.envelope'), refusedBytes('reserved bytes', changed(bytes, 78, 0, 1), 'invalid.envelope'),
      refusedBytes('numbered message of epoch 0', changed(bytes, 52, 0, 0, 0, 0), 'invalid.envelope'), refusedBytes('control traffic of epoch 1', changed(bytes, 1, 2), 'invalid.envelope'),
      refusedBytes('number 2^53', changed(bytes, 56, 0, 0x20, 0, 0, 0, 0, 0, 0), 'invalid.envelope'), refusedBytes('body type 5', changed(bytes, 80 + 40 + 16, 5), 'invalid.envelope'),
      refusedBytes('body of a gigabyte', changed(bytes, 80 + 40 + 20, 0x40, 0, 0, 0), 'invalid.envelope'),
      refusedBytes('device named twice', concatBytes(changed(bytes, 2, 0, 3), bytes.subarray(120, 120 + 24 + 32)), 'invalid.envelope'),
    ],
  })
}

function frames(): void {
  const group = new GroupStory([groupActor('alice')])
  const { bytes: founding } = group.seal(group.found(groupActor('alice'), []), groupActor('alice'))
  const groupId = group.state.conversation
  const story = new ChannelStory([groupActor('alice')], [])
  story.post(groupActor('alice'), { body: channelBody(story, groupActor('alice'), 'text', 'The gate opens at 8') })
  const [channel, [post = new Uint8Array(0)]] = [story.state.channel, story.posts]
  const values: readonly (readonly [string, keyof typeof FRAME_TYPE, number, number, unknown])[] = [
    ['hello', 'hello', 1, 0, {
      account: aliceAccount, device: alice.phone.device, token: 'eyJhbGciOiJFZERTQSJ9.e30.c2ln', clientNonce: seed('client nonce'),
      signature: alice.phone.sign(seed('hello')), agent: 'vectors/1',
    }],
    ['send, refused once before', 'send', 7, 1, message], ['open', 'open', 2, 0, { peer: bobAccount }],
    ['read', 'read', 3, 0, { conversation, after: position, limit: 50 }], ['catch-up from a cursor', 'catchUp', 4, 0, { sinceMs: START_MS }],
    ['catch-up by token', 'catchUp', 5, 0, { token: seed('token').subarray(0, 24) }], ['device acknowledgement', 'deviceAck', 0, 0, { committed: 4_294_967_295, cursorMs: START_MS }],
    ['ping', 'ping', 6, 0, null], ['challenge', 'challenge', 0, 0, { nonce: seed('server nonce'), serverTimeMs: START_MS, protocolMin: 1, protocolMax: 1 }],
    ['welcome', 'welcome', 1, 0, { serverTimeMs: START_MS, connection: 'c0ffee', heartbeatMs: 25_000, retentionMs: 2_592_000_000 }],
    ['two acknowledgements', 'ack', 0, 0, [{ correlation: 7, position }, { correlation: 4_294_967_295, position: { ...position, counter: 4_294_967_295 } }]],
    ['delivery', 'deliver', 0, 0, { position, envelope: sliceEnvelope(viewEnvelope(encodeEnvelope(message)), viewEnvelope(encodeEnvelope(message)).bodies[0]) }],
    ['opened', 'opened', 2, 0, { conversation, membershipVersion: 1, members: accounts }],
    ['page with a delivery, a token and a discontinuity', 'page', 4, 0, {
      deliveries: [{ position, envelope: encodeEnvelope(withoutBodies) }], more: true, token: seed('token').subarray(0, 24), discontinuityMs: START_MS - 1,
    }],
    ['last page, empty', 'page', 5, 0, { deliveries: [], more: false }], ['synced', 'synced', 0, 0, START_MS - 60_000], ['pong', 'pong', 6, 0, null],
    ['change of a group', 'changeGroup', 9, 0, founding], ['read of a membership log', 'readGroup', 10, 0, { conversation: groupId, after: 3 }],
    ['page of a membership log', 'group', 10, 0, { conversation: groupId, version: 1, entries: [founding] }],
    ['post', 'post', 11, 0, post], ['following a channel from its beginning', 'follow', 12, 0, { channel, after: 0 }],
    ['page of a channel', 'channelPage', 12, 0, { channel, seq: 1, head: story.state.head, posts: [post] }],
    ['reading on in a channel', 'readChannel', 13, 0, { channel, after: 9_007_199_254_740_991 }],
    ['page of a channel whose posts are gone', 'channelPage', 13, 0, { channel, seq: 4_294_967_297, head: seed('head'), posts: [] }],
    ['head behind a post', 'channelHead', 11, 0, { channel, seq: 1, head: story.state.head }],
    ['head of a channel without posts', 'channelHead', 0, 0, { channel, seq: 0, head: new Uint8Array(32) }],
    ['post for a follower', 'posted', 0, 0, post], ['end of following', 'unfollow', 14, 0, { channel }],
    ['failure with a delta of devices', 'failure', 7, 0, { code: 'stale.devices', message: 'Members have other devices now.', accounts, missing: [alice.laptop.device] }],
    ['failure with a wait', 'failure', 8, 0, { code: 'limited.rate', message: 'Slow down.', retryAfterMs: 1_500 }],
    ['account changed', 'notice', 0, 0, { kind: 'account_changed', account: bobAccount, seq: 3 }], ['draining', 'notice', 0, 0, { kind: 'draining', spreadMs: 5_000 }],
    ['prekeys low', 'notice', 0, 0, { kind: 'prekeys_low', remaining: 19 }],
    ['welcome of a server that takes signals', 'welcome', 1, 0, { serverTimeMs: START_MS, connection: 'c0ffee', heartbeatMs: 25_000, retentionMs: 2_592_000_000, signals: true }],
    ['listening to signals', 'listen', 0, 0, true], ['and no more', 'listen', 0, 0, false],
    ['typing started', 'signal', 0, 0, { kind: SIGNAL_KIND.typingStarted, conversation }], ['typing stopped', 'signal', 0, 0, { kind: SIGNAL_KIND.typingStopped, conversation }],
    ['presence asked', 'signal', 0, 0, { kind: SIGNAL_KIND.presenceAsked, conversation }],
    ['another member types', 'signalled', 0, 0, { kind: SIGNAL_KIND.typingStarted, conversation, account: bobAccount, device: bob.phone.device }],
    ['another member is here', 'signalled', 0, 0, { kind: SIGNAL_KIND.presenceHere, conversation, account: bobAccount, device: bob.phone.device }],
    ['another member is away', 'signalled', 0, 0, { kind: SIGNAL_KIND.presenceAway, conversation, account: bobAccount, device: bob.phone.device }],
    ['another member stopped', 'signalled', 0, 0, { kind: SIGNAL_KIND.typingStopped, conversation, account: bobAccount, device: bob.phone.device }],
  ]
  const cases = values.map(([name, type, correlation, flags, value]) => {
    const body = FRAME_BODIES[type].encode(value)
    return { ...golden(name, encodeFrame(FRAME_TYPE[type], correlation, body, flags), value), type, correlation, flags }
  })
  const ping = encodeFrame(FRAME_TYPE.ping, 6, new Uint8Array(0))
  const typed = (type: FrameType, body: Uint8Array): Uint8Array => encodeFrame(type, 1, body)
  write('frames.json', 'Whole frames with the decoded body; several frames of one message; bytes that are refused as frames and as bodies.', {
    cases,
    packed: { hex: cases.map(({ hex }) => hex).join(''), frames: cases.length },
    refused: [
      refusedBytes('empty message', new Uint8Array(0), 'invalid.frame'), refusedBytes('header cut', ping.subarray(0, 11), 'invalid.frame'),
      refusedBytes('body cut', changed(ping, 4, 0, 0, 0, 1), 'invalid.frame'), refusedBytes('version 2', changed(ping, 0, 2), 'incompatible.protocol'),
      refusedBytes('unknown type', changed(ping, 1, 99), 'invalid.frame_type'), refusedBytes('reserved byte', changed(ping, 3, 1), 'invalid.frame'),
      refusedBytes('declared gigabyte', changed(ping, 4, 0x40, 0, 0, 0), 'too_large.frame'), refusedBytes('bytes behind the last frame', concatBytes(ping, Uint8Array.of(1)), 'invalid.frame'),
    ],
    refusedBodies: [
      refusedBytes('hello that is no CBOR', typed(FRAME_TYPE.hello, Uint8Array.of(0xff)), 'invalid.cbor'),
      refusedBytes('catch-up with a negative time', typed(FRAME_TYPE.catchUp, encodeCbor({ sinceMs: -1 })), 'invalid.request'),
      refusedBytes('catch-up with a float', typed(FRAME_TYPE.catchUp, concatBytes(encodeCatchUp({ sinceMs: 0 }).slice(0, -1), Uint8Array.of(0xf9, 0, 0))), 'invalid.cbor'),
      refusedBytes('read of more than a page', typed(FRAME_TYPE.read, encodeCbor({ conversation: seed('c').slice(0, 16), after: new Uint8Array(16), limit: 257 })), 'invalid.request'),
      refusedBytes('page with a delivery of a gigabyte', typed(FRAME_TYPE.page, concatBytes(encodePage({ deliveries: [], more: false }), Uint8Array.of(0x40, 0, 0, 0))), 'invalid.frame'),
      refusedBytes('synced of 7 bytes', typed(FRAME_TYPE.synced, new Uint8Array(7)), 'invalid.frame'), refusedBytes('no acknowledgement', typed(FRAME_TYPE.ack, new Uint8Array(0)), 'invalid.frame'),
      refusedBytes('page of a channel with 65 posts', typed(FRAME_TYPE.channelPage, encodeCbor({
        channel: seed('c').slice(0, 16), seq: 65, head: seed('head'), posts: Array.from({ length: 65 }, () => Uint8Array.of(1)),
      })), 'invalid.request'),
      refusedBytes('following from number -1', typed(FRAME_TYPE.follow, encodeCbor({ channel: seed('c').slice(0, 16), after: -1 })), 'invalid.request'),
      refusedBytes('head of 31 bytes', typed(FRAME_TYPE.channelHead, encodeCbor({ channel: seed('c').slice(0, 16), seq: 1, head: new Uint8Array(31) })), 'invalid.request'),
      refusedBytes('signal of 16 bytes', typed(FRAME_TYPE.signal, new Uint8Array(16)), 'invalid.frame'),
      refusedBytes('signal with a byte behind it', typed(FRAME_TYPE.signal, new Uint8Array(18).fill(1)), 'invalid.frame'),
      refusedBytes('signalled without a device', typed(FRAME_TYPE.signalled, new Uint8Array(33).fill(1)), 'invalid.frame'),
      refusedBytes('listening neither 0 nor 1', typed(FRAME_TYPE.listen, Uint8Array.of(2)), 'invalid.frame'),
      refusedBytes('acknowledgement at a time of 2^48', typed(FRAME_TYPE.ack, changed(new Uint8Array(20), 5, 1)), 'invalid.position'),
    ],
  })
}

const base: Omit<Payload, 'kind' | 'body'> = {
  v: 1, conversation, senderAccount: aliceAccount, senderDevice: alice.phone.device, recipientAccount: bobAccount, recipientDevice: bob.phone.device,
  membershipHash: membershipHash([aliceAccount, bobAccount]),
  accountHeads: [{ account: aliceAccount, seq: 2, head: seed('head of alice') }, { account: bobAccount, seq: 1, head: seed('head of bob') }],
  epoch: 1, number: 41, prev: seed('link 40'), order, sentAtMs: START_MS, salt: seed('salt').slice(0, 16), seenHeads: seenHeadsDigest([]),
}

function payloads(): void {
  const controlBase = { ...base, epoch: 0, number: 8_123_456_789_012_345, prev: new Uint8Array(32) }
  const request = {
    conversation, message: messageIdOf({ conversation, device: alice.phone.device, epoch: 1, number: 41 }), ciphertextHash: sha256(seed('ciphertext 1')),
    nonce: seed('nonce').slice(0, 16), account: bobAccount, device: bob.phone.device,
  }
  const target = { device: bob.phone.device, epoch: 1, number: 7 }
  const contents: readonly (readonly [string, PayloadContent, Partial<Payload>])[] = [
    ['text', { kind: 'text', body: { text: 'Meet at the north gate, 8 pm? 🚪' } }, {}],
    ['first text for a new recipient', { kind: 'text', body: { text: '' } }, { start: { number: 41, prev: seed('link 40') } }],
    ['long text', { kind: 'text', body: { text: 'é'.repeat(1_000) } }, {}], ['void', { kind: 'void', body: {} }, { number: 42 }],
    ['receipt', { kind: 'receipt', body: { kind: 'read', upTo: [{ device: alice.phone.device, epoch: 1, number: 41 }] } }, controlBase],
    ['receipt of a chain with a hole', {
      kind: 'receipt', body: { kind: 'received', upTo: [{ device: alice.phone.device, epoch: 1, number: 41 }], missing: [{ device: alice.phone.device, epoch: 1, from: 38, to: 39 }] },
    }, controlBase],
    ['resend request', {
      kind: 'resend_request', body: { epoch: 1, number: 41, ciphertextHash: request.ciphertextHash, nonce: request.nonce, signature: bob.phone.sign(resendRequestBytes(request)) },
    }, controlBase],
    ['resend', { kind: 'resend', body: { payload: encodePayload({ ...base, kind: 'void', body: encodeCbor({}) }) } }, controlBase],
    ['resend request for what a revoked device said', {
      kind: 'resend_request',
      body: {
        epoch: 1, number: 41, device: alice.phone.device, ciphertextHash: request.ciphertextHash, nonce: request.nonce, signature: bob.phone.sign(resendRequestBytes(request)),
      },
    }, controlBase],
    ['revocation', { kind: 'revocation', body: { account: aliceAccount, device: alice.laptop.device, seq: 3, head: seed('head 3') } }, controlBase],
    ['sender key', { kind: 'sender_key', body: { distribution: concatBytes(Uint8Array.of(0x33), seed('distribution')), start: { number: 42, prev: seed('link 41') } } }, controlBase],
    ['name of a group', { kind: 'group_name', body: { name: 'North gate 🚪' } }, controlBase],
    ['payment', { kind: 'payment', body: { transfer: 'lunch-1', asset: 'solana/sol', amount: '1500000000', note: 'lunch 🍜' } }, { number: 43 }],
    ['payment of a request', {
      kind: 'payment', body: { transfer: 'rent.2026-11', asset: 'terra/uluna', amount: '99999999999999999999999999999999999999', note: '', request: 'rent-11' },
    }, { number: 44 }],
    ['payment request', { kind: 'payment_request', body: { request: 'rent-11', asset: 'ton/ton', amount: '1', note: 'November', expiresAtMs: START_MS + 86_400_000 } }, { number: 45 }],
    ['payment request with an address', {
      kind: 'payment_request',
      body: {
        request: 'rent-12', asset: 'terra/uusd', amount: '250000', note: 'December', expiresAtMs: START_MS,
        deposit: { address: 'terra1x46rqay4d3cssq8gxxvqz8xt6nwlz4td20k38v', memo: 'evg1qpzry9x8gf2tvdw0s3jn' },
      },
    }, { number: 46 }],
    ['text that answers another and disappears', { kind: 'text', body: { text: 'At eight.', reply: target, expiresIn: 86_400 } }, { number: 47 }],
    ['reaction', { kind: 'reaction', body: { target, emoji: '👩🏽‍🚀' } }, { number: 48 }],
    ['reaction that is taken back', { kind: 'reaction', body: { target, emoji: '' } }, { number: 49 }],
    ['edit', { kind: 'edit', body: { target, text: 'Meet at the south gate.' } }, { number: 50 }],
    ['delete', { kind: 'delete', body: { target } }, { number: 51 }],
    ['timer', { kind: 'timer', body: { seconds: 604_800 } }, { number: 52 }], ['timer that is off', { kind: 'timer', body: { seconds: 0 } }, { number: 53 }],
    ['files', {
      kind: 'files',
      body: {
        files: [
          {
            blob: parseBlobId(hexOf(seed('blob of a picture').slice(0, 16))), key: seed('key of a picture'), size: 100_000, chunk: 65_536, digest: seed('digest of a picture'), name: 'harbour.jpg',
            type: 'image/jpeg', width: 640, height: 480, preview: { type: 'image/webp', bytes: seed('preview') },
          },
          { blob: parseBlobId(hexOf(seed('blob of a note').slice(0, 16))), key: seed('key of a note'), size: 12, chunk: 65_536, digest: seed('digest of a note'), name: 'menú.txt', type: 'text/plain' },
        ],
        text: 'As promised.', reply: target, expiresIn: 60,
      },
    }, { number: 58 }],
    ['file without a caption', {
      kind: 'files',
      body: { files: [{ blob: parseBlobId(hexOf(seed('blob alone').slice(0, 16))), key: seed('key alone'), size: 0, chunk: 262_144, digest: seed('digest alone'), name: 'empty', type: 'application/octet-stream' }], text: '' },
    }, { number: 59 }],
    ['request for history', { kind: 'history_request', body: { ask: seed('ask for history').slice(0, 16), reads: 2 } }, controlBase],
    ['request for history that is over', { kind: 'history_request', body: { ask: seed('ask for history').slice(0, 16), over: true } }, controlBase],
    ['history for an own device', {
      kind: 'history_offer',
      body: {
        ask: seed('ask for history').slice(0, 16), messages: 2_000, madeAtMs: START_MS,
        archive: { blob: parseBlobId(hexOf(seed('blob of history').slice(0, 16))), key: seed('key of history'), size: 1_400_000, chunk: 65_536, digest: seed('digest of history') },
      },
    }, controlBase],
    ['history that is not given', { kind: 'history_offer', body: { ask: seed('ask for history').slice(0, 16), declined: true } }, controlBase],
    ['state of an account', {
      kind: 'state',
      body: {
        registers: [
          {
            type: 'latest', key: 'setting/theme', clock: new Map([[alice.phone.device, 4]]),
            writes: [{ device: alice.laptop.device, number: 9, timeMs: START_MS, value: encodeCbor('dark') }],
          },
          { type: 'highest', key: `read/${base.conversation}`, place: { order: 1n << 50n, device: alice.phone.device, epoch: 1, number: 12 } },
        ],
        ask: seed('ask').slice(0, 16),
      },
    }, { number: 60 }],
    ['state that answers', { kind: 'state', body: { registers: [], answer: { ask: seed('ask').slice(0, 16), last: true } } }, { number: 61 }],
  ]
  const cases = contents.map(([name, content, change]) => {
    const payload: Payload = { ...base, ...change, kind: content.kind, body: encodePayloadBody(content) }
    return { ...golden(name, encodePayload(payload), payload), content: toView(content.body) }
  })
  const { recipientAccount: _account, recipientDevice: _device, ...forAll } = base
  const unknown: Payload = { ...forAll, kind: 'unknown:77', body: Uint8Array.of(1, 2, 3) }
  const bytes = encodePayload({ ...base, kind: 'void', body: encodeCbor({}) })
  write('payloads.json', 'Padded payloads with their fields and the decoded body; padded lengths; a signed resend request; bytes that are refused.', {
    cases: [...cases, { ...golden('unknown kind under a sender key', encodePayload(unknown), unknown), content: null }],
    paddedLengths: [0, 1, 160, 161, 1_024, 1_120, 1_121, 1_153, 2_048, 2_049, 5_000, 33_000, 49_000].map((length) => [length, paddedLength(length)]),
    resendRequests: [{
      value: toView(request), signedBytes: hexOf(resendRequestBytes(request)), signingKey: hexOf(bob.phone.addition.signingKey), signature: hexOf(bob.phone.sign(resendRequestBytes(request))),
    }],
    refused: [
      refusedBytes('empty', new Uint8Array(0), 'invalid.payload'), refusedBytes('padding that is not zero', changed(bytes, bytes.length - 1, 1), 'invalid.payload'),
      refusedBytes('length that points outside', changed(bytes, 0, 0x40), 'invalid.payload'), refusedBytes('one step too long', concatBytes(bytes, new Uint8Array(160)), 'invalid.payload'),
      refusedBytes('cut', bytes.subarray(0, 160), 'invalid.payload'), refusedBytes('another first byte of CBOR', changed(bytes, 4, 0xbf), 'invalid.cbor'),
    ],
  })
}

function chains(): void {
  const links: ReturnType<typeof chainLink>[] = []
  let prev: Uint8Array = new Uint8Array(32)
  function chainLink(number: number): { readonly value: unknown; readonly hash: string; readonly bytes: Uint8Array } {
    const body = encodePayloadBody({ kind: 'text', body: { text: `message ${String(number)}` } })
    const value = { conversation, device: alice.phone.device, epoch: 1, number, salt: seed(`salt ${String(number)}`).slice(0, 16), body, prev }
    const bytes = chainHash(value)
    return { value: toView(value), hash: hexOf(bytes), bytes }
  }
  for (let number = 1; number <= 3; number++) {
    const link = chainLink(number)
    links.push(link)
    prev = link.bytes
  }
  const heads: readonly ChainHead[] = [
    { device: bob.phone.device, epoch: 2, number: 3, hash: seed('head a') }, { device: alice.phone.device, epoch: 1, number: 2, hash: seed('head b') },
    { device: bob.phone.device, epoch: 1, number: 900, hash: seed('head c') },
  ]
  const hello = {
    origin: SITE.origin, serverNonce: seed('server nonce'), clientNonce: seed('client nonce'), account: aliceAccount, device: alice.phone.device, tokenHash: sha256(utf8('token')),
  }
  write('chains.json', 'Chain hashes one after the other, membership hashes, digests of seen heads, and the bytes that a hello signs.', {
    chain: links.map(({ value, hash }) => ({ value, hash })),
    memberships: [[aliceAccount, bobAccount], [bobAccount, aliceAccount], [aliceAccount]].map((members) => ({ members, hash: hexOf(membershipHash(members)) })),
    seenHeads: [[], heads, [...heads].reverse()].map((list) => ({ heads: toView(list), digest: hexOf(seenHeadsDigest(list)) })),
    hellos: [{ value: toView(hello), signedBytes: hexOf(helloBytes(hello)), signingKey: hexOf(alice.phone.addition.signingKey), signature: hexOf(alice.phone.sign(helloBytes(hello))) }],
  })
}

function founderOf(name: string): { readonly account: ReturnType<typeof accountIdOf>; readonly device: ReturnType<typeof deviceIdOf>; readonly salt: Uint8Array; readonly key: Uint8Array } {
  const { account, device } = groupActor(name)
  return { account, device, salt: seed(`salt of ${name}`).slice(0, 16), key: seed(`key of ${name}`) }
}

function ids(): void {
  const wallets = [alice.wallet.walletId, bob.wallet.walletId]
  write('ids.json', 'Ids and what they are made of; positions.', {
    accounts: wallets.map((wallet) => ({ wallet, account: accountIdOf(wallet) })),
    devices: [alice.phone, alice.laptop, bob.phone].map(({ device, addition: { identityKey, signingKey } }) => {
      if (deviceIdOf(identityKey, signingKey) !== device) throw new Error('actors disagree')
      return { identityKey: hexOf(identityKey), signingKey: hexOf(signingKey), device }
    }),
    directConversations: [[aliceAccount, bobAccount], [bobAccount, aliceAccount], [aliceAccount, aliceAccount]].map(([one = aliceAccount, other = aliceAccount]) => ({
      accounts: [one, other], conversation: directConversationIdOf(one, other),
    })),
    groups: [founderOf('alice'), founderOf('bob')].map(({ account, device, salt }) => ({ account, device, salt: hexOf(salt), group: groupConversationIdOf(account, device, salt) })),
    channels: [founderOf('alice'), founderOf('bob')].map(({ account, device, key }) => ({
      account, device, key: hexOf(key), salt: hexOf(channelSaltOf(key)), channel: channelIdOf(account, device, channelSaltOf(key)),
    })),
    messages: [{ epoch: 1, number: 0 }, { epoch: 1, number: 41 }, { epoch: 0xffffffff, number: Number.MAX_SAFE_INTEGER }, { epoch: 0, number: 41 }].map((place) => {
      const key = { conversation: parseConversationId(conversation), device: alice.phone.device, ...place }
      return { ...key, messageId: messageIdOf(key) }
    }),
    positions: [position, { timeMs: 0, incarnation: 0, counter: 0 }, { timeMs: 2 ** 48 - 1, incarnation: 0xffffffff, counter: 0xffffffff }].map((value) => ({
      value, hex: hexOf(encodePosition(value)),
    })),
  })
}

interface RefusedEntry {
  readonly name: string
  /** How many entries of the story come before. */
  readonly after: number
  readonly hex: string
  readonly mode: 'server' | 'peer'
  readonly nowMs: number
  readonly code: string
}

function accountLogs(): void {
  const story = new LogStory(alice.wallet)
  const terra = terraWallet('alice')
  const { phone, laptop } = alice
  const refused: RefusedEntry[] = []
  const refuse = (name: string, draft: LogDraft, proofs: readonly LogProof[], code: string, change: Partial<LogContext> = {}): void => {
    const context = { ...story.context, ...change }
    const { bytes } = sealEntry(draft, proofs)
    const result = applyEntry(story.state, bytes, context)
    if (result.status !== 'refused' || result.code !== code) throw new Error(`${name}: ${JSON.stringify(result)}`)
    refused.push({ name, after: story.entries.length, hex: hexOf(bytes), mode: context.mode, nowMs: context.nowMs, code })
  }
  const states: AccountState[] = []
  const keep = (result: { readonly status: string }): void => {
    if (result.status !== 'applied') throw new Error(JSON.stringify(result))
    states.push(story.state)
  }
  const append = (draft: LogDraft, proofs: readonly LogProof[]): void => { keep(story.offer(draft, proofs)) }

  const first = story.draft('device.add', phone.addition)
  const mallory = solanaWallet('mallory')
  refuse('founded by another wallet', first, [story.prove(mallory, 'add-device', phone.device), phone.identityProof(first), phone.signingProof(first)], 'account.mismatch')
  refuse('first entry closes', story.draft('closed', {}), [story.prove(alice.wallet, 'erase', phone.device)], 'account.log_invalid')
  keep(story.addDevice(phone))
  keep(story.linkWallet(terra, phone))
  keep(story.addDevice(laptop, terra))
  const old = story.prove(alice.wallet, 'revoke-device', laptop.device)
  append(story.draft('policy', { approveDevices: true }), [story.prove(alice.wallet, 'policy', phone.device, { bodyHash: policyBodyHash({ approveDevices: true }) })])
  const tablet = deviceActor('alice tablet')
  const unapproved = story.draft('device.add', tablet.addition)
  refuse('no approval', unapproved, [story.prove(alice.wallet, 'add-device', tablet.device), tablet.identityProof(unapproved), tablet.signingProof(unapproved)], 'account.policy')
  refuse('proof of an older state', story.draft('device.revoke', { device: laptop.device }), [old], 'proof.log')
  keep(story.addDevice(tablet, alice.wallet, phone))
  const revoke = story.draft('device.revoke', { device: laptop.device })
  refuse('revoked by another device', revoke, [phone.signingProof(revoke)], 'proof.missing')
  refuse('other purpose', revoke, [story.prove(alice.wallet, 'add-device', laptop.device)], 'proof.purpose')
  refuse('other domain', revoke, [story.prove(alice.wallet, 'revoke-device', laptop.device, { domain: 'chat.example.evil.example' })], 'proof.domain')
  refuse('late', revoke, [story.prove(alice.wallet, 'revoke-device', laptop.device)], 'proof.expired', { nowMs: story.nowMs + 600_001 })
  append(revoke, [laptop.signingProof(revoke)])
  const back = story.draft('device.add', { ...laptop.addition, approvedBy: phone.device })
  refuse('revoked device returns', back, [
    story.prove(alice.wallet, 'add-device', laptop.device), laptop.identityProof(back), laptop.signingProof(back), phone.signingProof(back),
  ], 'account.device_revoked')
  const link = story.draft('wallet.link', { wallet: mallory.walletId })
  refuse('link without the founding wallet', link, [story.prove(mallory, 'link-wallet', phone.device, { otherWallet: alice.wallet.walletId })], 'proof.missing')
  const founding = story.draft('wallet.unlink', { wallet: alice.wallet.walletId })
  refuse('founding wallet unlinked', founding, [story.prove(alice.wallet, 'unlink-wallet', phone.device, { otherWallet: alice.wallet.walletId })], 'account.founding_wallet')
  const stray = { ...story.draft('device.revoke', { device: phone.device }), seq: story.state.seq + 2 }
  refuse('entry left out, told to the server', stray, [phone.signingProof(stray)], 'conflict.log_head')
  refuse('entry left out, seen by a peer', stray, [phone.signingProof(stray)], 'account.log_invalid', { mode: 'peer' })
  append(story.draft('wallet.unlink', { wallet: terra.walletId }), [story.prove(terra, 'unlink-wallet', phone.device, { otherWallet: terra.walletId })])
  keep(story.addDevice(phone))
  append(story.draft('closed', {}), [story.prove(alice.wallet, 'erase', phone.device)])
  refuse('after closing', story.draft('closed', {}), [story.prove(alice.wallet, 'erase', phone.device)], 'account.closed')

  write('account-logs.json', 'One account log with every kind of entry: bytes, what device keys sign, head, fields and the state behind each; entries that are refused.', {
    context: SITE, nowMs: story.nowMs,
    entries: story.entries.map((bytes, index) => {
      const entry = decodeEntry(bytes)
      return { ...golden(`${String(index + 1)}: ${entry.kind}`, bytes, entry), entryHash: hexOf(entryHash(entry)), head: hexOf(headOf(bytes)), state: toView(states[index]) }
    }),
    refused,
  })
}

interface RefusedMembership {
  readonly name: string
  /** How many entries of the story come before. */
  readonly after: number
  readonly hex: string
  readonly mode: 'server' | 'peer'
  readonly nowMs: number
  readonly code: string
}

function membershipLogs(): void {
  const [phone, laptop, robert, carol, dora] = [groupActor('alice'), groupActor('alice', 2, 'laptop'), groupActor('bob'), groupActor('carol'), groupActor('dora')]
  const actors = [phone, laptop, groupActor('alice', 2), robert, carol, dora]
  const story = new GroupStory(actors)
  const refused: RefusedMembership[] = []
  const states: GroupState[] = []
  const refuse = (name: string, draft: MembershipDraft, by: GroupActor, code: string, change: Partial<MembershipContext> = {}): void => {
    const context = { ...story.context, ...change }
    const { bytes } = story.seal(draft, by)
    const result = applyMembershipEntry(story.state, bytes, context)
    if (result.status !== 'refused' || result.code !== code) throw new Error(`${name}: ${JSON.stringify(result)}`)
    refused.push({ name, after: story.entries.length, hex: hexOf(bytes), mode: context.mode, nowMs: context.nowMs, code })
  }
  const must = (draft: MembershipDraft, by: GroupActor): void => {
    story.must(draft, by)
    states.push(story.state)
  }
  refuse('begun by another account', { ...story.found(robert, []), conversation: story.state.conversation }, robert, 'group.log_invalid')
  refuse('begun by an addition', story.draft(phone, 'add', { members: [robert.account] }), phone, 'group.log_invalid')
  must(story.found(phone, [robert.account]), phone)
  refuse('signed by another device', story.draft(phone, 'add', { members: [carol.account] }), robert, 'proof.signature')
  refuse('added by a member', story.draft(robert, 'add', { members: [carol.account] }), robert, 'group.role')
  refuse('by a stranger', story.draft(dora, 'add', { members: [carol.account] }), dora, 'group.member_unknown')
  refuse('last owner leaves', story.draft(phone, 'leave', {}), phone, 'group.last_owner')
  refuse('last owner steps down', story.draft(phone, 'role', { member: phone.account, role: 'admin' }), phone, 'group.last_owner')
  must(story.draft(laptop, 'add', { members: listedMembers([carol.account, dora.account]) }), laptop)
  refuse('added twice', story.draft(laptop, 'add', { members: [carol.account] }), laptop, 'group.member_known')
  refuse('older state of the account log', story.draft(phone, 'remove', { members: [carol.account] }), phone, 'account.log_rolled_back')
  const ghost = groupActor('bob', 1, 'ghost')
  refuse('device that the account does not have', story.draft(ghost, 'leave', {}), ghost, 'account.device_unknown')
  must(story.draft(laptop, 'role', { member: robert.account, role: 'admin' }), laptop)
  refuse('owner removed by an admin', story.draft(robert, 'remove', { members: [phone.account] }), robert, 'group.role')
  refuse('role given by an admin', story.draft(robert, 'role', { member: carol.account, role: 'admin' }), robert, 'group.role')
  must(story.draft(robert, 'remove', { members: [dora.account] }), robert)
  refuse('removed twice', story.draft(robert, 'remove', { members: [dora.account] }), robert, 'group.member_unknown')
  const stale = { ...story.draft(robert, 'leave', {}), seq: story.state.seq, prev: states.at(-2)?.head ?? new Uint8Array(32) }
  refuse('overtaken, told to the author', stale, robert, 'conflict.membership_head')
  refuse('overtaken, seen by a peer', stale, robert, 'group.log_invalid', { mode: 'peer' })
  refuse('late', story.draft(robert, 'leave', {}), robert, 'proof.expired', { nowMs: story.nowMs + 600_001 })
  refuse('early', story.draft(robert, 'leave', {}), robert, 'proof.not_yet_valid', { nowMs: story.nowMs - 600_001, mode: 'peer' })
  must(story.draft(robert, 'leave', {}), robert)
  must(story.draft(laptop, 'role', { member: carol.account, role: 'owner' }), laptop)
  must(story.draft(laptop, 'leave', {}), laptop)
  must(story.draft(carol, 'leave', {}), carol)
  refuse('after the end', story.draft(carol, 'leave', {}), carol, 'group.ended')

  write('membership-log.json', 'One membership log of a group with every kind of entry: bytes, what the acting device signs, head, fields, the state and the membership hash behind each; the devices and account-log states that count as verified; entries that are refused.', {
    conversation: story.state.conversation, founder: { account: phone.account, device: phone.device, salt: hexOf(story.salt) }, nowMs: story.nowMs,
    verified: actors.map(({ account, device, log, actor }) => ({ account, device, seq: log.seq, head: hexOf(log.head), signingKey: hexOf(actor.addition.signingKey) })),
    entries: story.entries.map((bytes, index) => {
      const entry = decodeMembershipEntry(bytes)
      const state = states[index] ?? story.state
      return {
        ...golden(`${String(index + 1)}: ${entry.kind}`, bytes, entry), entryHash: hexOf(membershipEntryHash(entry)), head: hexOf(membershipHeadOf(bytes)),
        state: toView(state), membershipHash: hexOf(groupMembershipHash(state)),
      }
    }),
    refused,
  })
}

/** The body of the next post of a story, as clients encrypt it. */
function channelBody(story: ChannelStory, by: GroupActor, kind: 'text' | 'authors', text = ''): Uint8Array {
  const nonce = seed(`nonce of post ${String(story.state.seq + 1)}`).slice(0, 24)
  const padded = encodeChannelBody(kind === 'text' ? { kind, name: 'North gate', text } : { kind, name: 'North gate' })
  return encryptBody(CHANNEL_KEY, story.state.channel, by.device, nonce, padded)
}

interface RefusedPost {
  readonly name: string
  /** How many posts of the story come before. */
  readonly after: number
  readonly hex: string
  readonly mode: 'server' | 'peer'
  readonly nowMs: number
  readonly code: string
}

function channelLogs(): void {
  const [phone, laptop, robert, carol] = [groupActor('alice'), groupActor('alice', 2, 'laptop'), groupActor('bob'), groupActor('carol')]
  const actors = [phone, laptop, groupActor('alice', 2), robert, carol]
  const story = new ChannelStory(actors, [robert])
  const states: ChannelState[] = []
  const refused: RefusedPost[] = []
  const bodies: { readonly post: number; readonly nonce: string; readonly padded: string; readonly value: unknown }[] = []
  const refuse = (name: string, draft: ChannelPostDraft, by: GroupActor, code: string, change: Partial<ChannelContext> = {}): void => {
    const context = { ...story.context, ...change }
    const bytes = story.seal(draft, by)
    const result = applyChannelPost(story.state, bytes, context)
    if (result.status !== 'refused' || result.code !== code) throw new Error(`${name}: ${JSON.stringify(result)}`)
    refused.push({ name, after: story.posts.length, hex: hexOf(bytes), mode: context.mode, nowMs: context.nowMs, code })
  }
  const post = (by: GroupActor, kind: 'text' | 'authors', text = ''): void => {
    const body = channelBody(story, by, kind, text)
    const value = kind === 'text' ? { kind, name: 'North gate', text } as const : { kind, name: 'North gate' } as const
    story.post(by, { body })
    states.push(story.state)
    bodies.push({ post: states.length, nonce: hexOf(body.slice(0, 24)), padded: hexOf(encodeChannelBody(value)), value })
  }
  const links = ['chat.example', 'localhost:8080'].map((domain) => ({ domain, channel: story.state.channel, key: CHANNEL_KEY }))
  const withDomain = (start: string): string => `${start}/channel/${story.state.channel}#${hexOf(CHANNEL_KEY)}`

  refuse('by somebody who is no author', story.draft(carol), carol, 'denied.not_author')
  refuse('first post behind something', story.draft(phone, { prev: seed('before') }), phone, 'channel.log_invalid', { mode: 'peer' })
  post(phone, 'text', 'The gate opens at 8')
  const early = story.draft(robert)
  refuse('signed by another device', story.draft(phone), robert, 'proof.signature')
  refuse('device that the account does not have', story.draft(groupActor('bob', 1, 'ghost')), groupActor('bob', 1, 'ghost'), 'account.device_unknown')
  refuse('late', story.draft(robert), robert, 'proof.expired', { nowMs: story.context.nowMs + 600_001 })
  refuse('early', story.draft(robert), robert, 'proof.not_yet_valid', { nowMs: story.context.nowMs - 600_001, mode: 'peer' })
  post(robert, 'text', 'é'.repeat(700))
  refuse('overtaken, told to the author', early, robert, 'conflict.channel_head')
  refuse('overtaken, seen by a follower', early, robert, 'channel.log_invalid', { mode: 'peer' })
  refuse('number left out', story.draft(robert, { seq: 4 }), robert, 'channel.log_invalid', { mode: 'peer' })
  const before = story.draft(robert).members
  story.authors.act(laptop, 'remove', { members: [robert.account] })
  story.keep()
  refuse('removed, under the membership without it', story.draft(robert), robert, 'denied.not_author')
  post(laptop, 'authors')
  refuse('removed, under the membership as it was', story.draft(robert, { members: before }), robert, 'channel.log_invalid', { mode: 'peer' })
  refuse('older state of the account log', story.draft(phone), phone, 'account.log_rolled_back')
  post(groupActor('alice', 2), 'text', '')

  write('channel-log.json', 'The posts of one channel, encrypted bodies included: bytes, what the author\'s device signs, head, fields and the state behind each; the log of its authors; the devices and account-log states that count as verified; links; posts that are refused.', {
    channel: story.state.channel, key: hexOf(CHANNEL_KEY), nowMs: story.context.nowMs,
    links: links.map((link) => ({ value: toView(link), link: formatChannelLink(link) })),
    refusedLinks: [
      withDomain('evegram:Chat.example'), withDomain('https://chat.example'), withDomain('evegram:'), withDomain('evegram:chat.example').slice(0, -1),
      `${withDomain('evegram:chat.example')}0`, withDomain('evegram:chat.example').replace('/channel/', '/group/'),
    ],
    authors: { entries: story.authors.entries.map((bytes) => hexOf(bytes)), memberships: story.memberships.map(({ at, accounts: members }) => ({ seq: at.seq, head: hexOf(at.head), authors: [...members] })) },
    verified: actors.map(({ account, device, log, actor }) => ({ account, device, seq: log.seq, head: hexOf(log.head), signingKey: hexOf(actor.addition.signingKey) })),
    posts: story.posts.map((bytes, index) => {
      const value = decodeChannelPost(bytes)
      return { ...golden(String(index + 1), bytes, value), postHash: hexOf(channelPostHash(value)), head: hexOf(channelHeadOf(bytes)), state: toView(states[index]) }
    }),
    bodies, refused,
  })
}

function notices(): void {
  const { transaction: _transaction, ...payment } = noticeDraft({ kind: 'payment_received', number: 8, amount: '1', transfer: `u:${'b2'.repeat(16)}:rent-7` })
  const good = [signedNotice(noticeDraft()), signedNotice(payment), signedNotice(noticeDraft({ kind: 'payout_paid', number: 9, transfer: 'p:7f:post', transaction: 'AB12' }))]
  const shifted = noticeEnvelope(signedNotice(noticeDraft()))
  const refusedEnvelope = (name: string, envelope: Envelope, check: string): object => ({ name, envelope: hexOf(encodeEnvelope(envelope)), check })
  write('notices.json', 'Notices of the server: bytes, what the notice key signs, fields, and the envelope around each; envelopes that their reader refuses, with the check that fails.', {
    account: noticeDraft().account, keys: [hexOf(NOTICE_KEY)],
    notices: good.map((bytes) => {
      const value = decodeAccountNotice(bytes)
      return { ...golden(value.kind, bytes, value), noticeHash: hexOf(accountNoticeHash(value)), envelope: hexOf(encodeEnvelope(noticeEnvelope(bytes))) }
    }),
    refused: [
      refusedEnvelope('signed by another key', noticeEnvelope(signedNotice(noticeDraft(), 'mallory')), 'signature'),
      refusedEnvelope('of another account', noticeEnvelope(signedNotice(noticeDraft({ account: parseAccountId('b2'.repeat(16)) }))), 'account'),
      refusedEnvelope('under another number', { ...shifted, number: 8 }, 'header'),
      refusedEnvelope('at another place in the order', { ...shifted, order: shifted.order + 1n }, 'header'),
      refusedEnvelope('without a notice', { ...shifted, bodies: [{ device: ALL_DEVICES, type: BODY_TYPE.notice, bytes: Uint8Array.of(0xa0) }] }, 'bytes'),
    ],
  })
}

// Fails early when a library stops signing the same bytes in the same way.
if (hexOf(ed25519.sign(seed('a'), seed('b'))) !== hexOf(ed25519.sign(seed('a'), seed('b')))) throw new Error('signatures are not deterministic')
const SOL = '7S3P4HxJpyyigGzodYwHtCxZyUQe9JiBMHyRWXArAaKv'
const MINT = 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v'
const TON = 'UQABoqEggWlgEOYivlWoE90sXzI0ocjjgFPTCFgET-EO04dM'
const MASTER = 'EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs'

function paymentLinks(): void {
  const cases: readonly (readonly [string, PaymentLinkTerms])[] = [
    ['SOL', { address: SOL, asset: 'solana/sol', amount: 1_500_000_000n, decimals: 9 }], ['SOL, amount open', { address: SOL, asset: 'solana/sol', decimals: 9 }],
    ['one lamport', { address: SOL, asset: 'solana/sol', amount: 1n, decimals: 9, memo: 'evg1qpzry9x8gf2tvdw0s3jn' }],
    ['a token with a reference', { address: SOL, asset: `solana/${MINT}`, amount: 250_000n, decimals: 6, reference: MINT, memo: 'two words + 50%' }],
    ['TON', { address: TON, asset: 'ton/ton', amount: 2_000_000_000n, decimals: 9, memo: 'evg1qpzry9x8gf2tvdw0s3jn' }],
    ['a jetton, to a bounceable address', { address: MASTER, asset: `ton/${MASTER}`, amount: 1_000_000n, decimals: 6 }],
    ['Terra Classic has none', { address: 'terra1x46rqay4d3cssq8gxxvqz8xt6nwlz4td20k38v', asset: 'terra/uluna', amount: 1n, decimals: 6 }],
  ]
  write('payment-links.json', 'Links that wallets open to pay, with the terms that they are made of; null where no wallet documents one.', {
    cases: cases.map(([name, terms]) => ({ name, value: toView(terms), link: paymentLink(terms) ?? null })),
  })
}

envelopes()
frames()
payloads()
chains()
ids()
accountLogs()
membershipLogs()
channelLogs()
paymentLinks()
notices()
