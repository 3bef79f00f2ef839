import {
  BODY_TYPE, directConversationIdOf, encodeDeviceAck, encodeEnvelope, encodeFrame, encodeOpen, ENVELOPE_KIND, FRAME_HEADER_BYTES, FRAME_TYPE, LIMITS,
  type AccountId, type Envelope,
} from '@evegram/protocol'
import { attempt, type Attempt } from '../../attempt.js'
import type { HostileCase } from '../case.js'
import type { RawDevice } from '../../raw/raw-device.js'
import { RawSocket } from '../../raw/raw-socket.js'
import { rawUpgrade } from '../raw-upgrade.js'

const GIGABYTE = 2 ** 30
const CUT_OFF_WITHIN_MS = 5_000

/** A frame header of which every field may lie. */
function header(fields: { readonly version?: number; readonly type?: number; readonly reserved?: number; readonly bodyBytes?: number }): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES)
  bytes[0] = fields.version ?? 1
  bytes[1] = fields.type ?? FRAME_TYPE.ping
  bytes[3] = fields.reserved ?? 0
  new DataView(bytes.buffer).setUint32(4, fields.bodyBytes ?? 0)
  return bytes
}

const MALFORMED: readonly (readonly [what: string, bytes: Uint8Array, expected: string])[] = [
  ['an empty message', new Uint8Array(0), 'invalid.frame, close 4000'],
  ['half a header', header({}).subarray(0, 6), 'invalid.frame, close 4000'],
  ['a body that is not there', header({ type: FRAME_TYPE.hello, bodyBytes: 100 }), 'invalid.frame, close 4000'],
  ['a declared gigabyte', header({ type: FRAME_TYPE.hello, bodyBytes: GIGABYTE }), 'too_large.frame, close 4008'],
  ['the largest number', header({ type: FRAME_TYPE.hello, bodyBytes: 0xffff_ffff }), 'too_large.frame, close 4008'],
  ['an unknown type', header({ type: 42 }), 'invalid.frame_type, close 4000'],
  ['a type of servers', header({ type: FRAME_TYPE.welcome }), 'invalid.frame_type, close 4000'],
  ['version 2', header({ version: 2 }), 'incompatible.protocol, close 4012'],
  ['version 0', header({ version: 0 }), 'incompatible.protocol, close 4012'],
  ['a reserved byte', header({ reserved: 1 }), 'invalid.frame, close 4000'],
]

async function each(connect: () => Promise<RawSocket>): Promise<Attempt[]> {
  const attempts: Attempt[] = []
  for (const [what, bytes, expected] of MALFORMED) {
    attempts.push(await attempt(what, expected, async () => {
      const socket = await connect()
      socket.send(bytes)
      return socket.outcome()
    }))
  }
  return attempts
}

/** An envelope by `from` for `to`, honest but for `change`. */
function envelope(from: RawDevice, to: RawDevice, change: Partial<Envelope> = {}): Uint8Array {
  return encodeEnvelope({
    kind: ENVELOPE_KIND.message, conversation: directConversationIdOf(from.account, to.account), device: from.device, account: from.account, epoch: 1, number: 1,
    order: BigInt(Date.now()) << 16n, membershipVersion: 1, accounts: [{ account: from.account, seq: 1 }, { account: to.account, seq: 1 }],
    bodies: [{ device: to.device, type: BODY_TYPE.opaque, bytes: new Uint8Array(32) }], ...change,
  })
}

async function openWith(socket: RawSocket, peer: AccountId): Promise<void> {
  socket.send(encodeFrame(FRAME_TYPE.open, 9, encodeOpen({ peer })))
  await socket.next(FRAME_TYPE.opened)
}

/** Bytes on the socket that are not the protocol. */
export const FRAME_CASES: readonly HostileCase[] = [
  {
    name: 'frame-malformed', claim: 'truncated, oversized, unknown and lying frames before hello',
    async run(context) {
      const connect = (): Promise<RawSocket> => RawSocket.connect(context.addresses.ws)
      return [
        ...await each(connect),
        await attempt('more than a hello may have', 'too_large.frame, close 4008', async () => {
          const socket = await connect()
          socket.send(encodeFrame(FRAME_TYPE.hello, 1, new Uint8Array(LIMITS.helloFrameBytesMax)))
          return socket.outcome()
        }),
        await attempt('a hello that is no CBOR', 'invalid.cbor, close 4000', async () => {
          const socket = await connect()
          socket.send(encodeFrame(FRAME_TYPE.hello, 1, new Uint8Array(64).fill(0xff)))
          return socket.outcome()
        }),
        await attempt('text', 'invalid.text_frame, close 4000', async () => {
          const socket = await connect()
          socket.socket.send('hello')
          return socket.outcome()
        }),
      ]
    },
  },
  {
    name: 'frame-malformed-signed-in', claim: 'the same from a device that is signed in',
    async run(context) {
      const { device } = await context.newDevice()
      const connect = (): Promise<RawSocket> => RawSocket.signedIn(context.addresses.ws, device, context.origin)
      return [
        ...await each(connect),
        await attempt('a message over the limit', 'close 4008', async () => {
          const socket = await connect()
          socket.send(new Uint8Array(LIMITS.frameBytesMax + 1))
          return socket.outcome()
        }),
        await attempt('text', 'invalid.text_frame, close 4000', async () => {
          const socket = await connect()
          socket.socket.send('{"type":"send"}')
          return socket.outcome()
        }),
        await attempt('more acknowledged than was delivered', 'invalid.request, close 4000', async () => {
          const socket = await connect()
          socket.send(encodeFrame(FRAME_TYPE.deviceAck, 0, encodeDeviceAck({ committed: 1_000, cursorMs: 0 })))
          return socket.outcome()
        }),
        await attempt('a send that wants no answer', 'invalid.frame, close 4000', async () => {
          const socket = await connect()
          socket.send(encodeFrame(FRAME_TYPE.send, 0, envelope(device, device)))
          return socket.outcome()
        }),
        await attempt('no envelope', 'invalid.envelope, close 4000', async () => {
          const socket = await connect()
          socket.send(encodeFrame(FRAME_TYPE.send, 5, new Uint8Array(100)))
          return socket.outcome()
        }),
        await attempt('an envelope with a lying body length', 'invalid.envelope, close 4000', async () => {
          const socket = await connect()
          const bytes = envelope(device, device)
          new DataView(bytes.buffer).setUint32(bytes.length - 32 - 4, 0x7fff_ffff)
          socket.send(encodeFrame(FRAME_TYPE.send, 5, bytes))
          return socket.outcome()
        }),
      ]
    },
  },
  {
    name: 'websocket-malformed', claim: 'WebSocket frames that declare a gigabyte, reserved bits, unknown opcodes, endless fragments',
    async run(context) {
      const bytes: readonly (readonly [string, readonly number[]])[] = [
        ['a length of one gigabyte', [0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4]],
        ['a length beyond all integers', [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]],
        ['reserved bits', [0xf2, 0x81, 0, 0, 0, 0, 9]],
        ['an unknown opcode', [0x83, 0x81, 0, 0, 0, 0, 9]],
        ['a ping of 200 bytes', [0x89, 0xfe, 0, 200, 0, 0, 0, 0]],
      ]
      const attempts: Attempt[] = []
      for (const [what, start] of bytes) {
        attempts.push(await attempt(what, 'cut off', async () => {
          const peer = await rawUpgrade(context.wsPort, `localhost:${String(context.wsPort)}`)
          peer.flood(Uint8Array.from(start), CUT_OFF_WITHIN_MS)
          return peer.endedWithin(CUT_OFF_WITHIN_MS)
        }))
      }
      attempts.push(await attempt('fragments without end', 'cut off', async () => {
        const peer = await rawUpgrade(context.wsPort, `localhost:${String(context.wsPort)}`)
        // Binary, not final, 64 KiB, no mask to speak of; then continuations of the same.
        peer.floodFragments(65_536, CUT_OFF_WITHIN_MS)
        return peer.endedWithin(CUT_OFF_WITHIN_MS)
      }))
      return attempts
    },
  },
  {
    name: 'send-as-another', claim: 'envelopes in another\'s name, to strangers\' conversations, from the future',
    async run(context) {
      const [{ device: alice }, { device: bob }, { device: mallory }] = [await context.newDevice(), await context.newDevice('ton'), await context.newDevice('terra')]
      const [own, of] = [await RawSocket.signedIn(context.addresses.ws, mallory, context.origin), await RawSocket.signedIn(context.addresses.ws, alice, context.origin)]
      await openWith(own, alice.account)
      await openWith(of, bob.account)
      let correlation = 100
      const send = async (bytes: Uint8Array): Promise<string> => {
        own.send(encodeFrame(FRAME_TYPE.send, ++correlation, bytes))
        const sent = correlation
        await Promise.race([own.next(FRAME_TYPE.failure, sent), own.next(FRAME_TYPE.ack)])
        return own.failures.at(-1) ?? 'acknowledged'
      }
      const attempts = [
        await attempt('in the name of Alice\'s device', 'denied.sender', () => send(envelope(mallory, alice, { device: alice.device, account: alice.account }))),
        await attempt('in the name of Alice\'s account', 'denied.sender', () => send(envelope(mallory, alice, { account: alice.account }))),
        await attempt('into the conversation of Alice and Bob', 'denied.not_member', () => send(envelope(mallory, bob, { conversation: directConversationIdOf(alice.account, bob.account) }))),
        await attempt('into a conversation that nobody opened', 'not_found.conversation', () => send(envelope(mallory, bob))),
        await attempt('an order of next year', 'order.ahead', () => send(envelope(mallory, alice, { order: BigInt(Date.now() + 365 * 86_400_000) << 16n }))),
        await attempt('an honest one', 'acknowledged', async () => {
          own.send(encodeFrame(FRAME_TYPE.send, 7, envelope(mallory, alice)))
          await own.next(FRAME_TYPE.ack)
          return 'acknowledged'
        }),
      ]
      own.drop()
      of.drop()
      return attempts
    },
  },
]
