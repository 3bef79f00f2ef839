import { createHash, randomBytes } from 'node:crypto'
import { encodeCatchUp, encodeFrame, encodeHello, encodeOpen, FRAME_TYPE, helloBytes, LIMITS, type Hello } from '@evegram/protocol'
import { attempt, tally, type Attempt } from '../../attempt.js'
import type { HostileCase, HostileContext } from '../case.js'
import type { RawDevice } from '../../raw/raw-device.js'
import { RawSocket } from '../../raw/raw-socket.js'

/** Sockets that never say hello. */
const SILENT_SOCKETS = 50
/** Housekeeping looks once a second. */
const HELLO_LATE_MS = 3_000

/** What a hello says and signs, honest but for `change`. */
interface HelloForgery {
  readonly device?: RawDevice
  /** Signs instead of the device. */
  readonly signer?: RawDevice
  readonly origin?: string
  readonly clientNonce?: (serverNonce: Uint8Array) => Uint8Array
  readonly token?: string
  readonly signature?: (honest: Uint8Array) => Uint8Array
}

function helloOf(context: HostileContext, device: RawDevice, serverNonce: Uint8Array, forgery: HelloForgery): Uint8Array {
  const claimed = forgery.device ?? device
  const token = forgery.token ?? device.tokens.accessToken
  const clientNonce = forgery.clientNonce?.(serverNonce) ?? new Uint8Array(randomBytes(32))
  const { account } = claimed
  const tokenHash = new Uint8Array(createHash('sha256').update(token).digest())
  const signature = (forgery.signer ?? device).signer.sign(helloBytes({
    origin: forgery.origin ?? context.origin, serverNonce, clientNonce, account, device: claimed.device, tokenHash,
  }))
  const hello: Hello = { account, device: claimed.device, token, clientNonce, signature: forgery.signature?.(signature) ?? signature, agent: 'hostile' }
  return encodeFrame(FRAME_TYPE.hello, 1, encodeHello(hello))
}

async function sayHello(context: HostileContext, device: RawDevice, forgery: HelloForgery): Promise<string> {
  const socket = await RawSocket.connect(context.addresses.ws)
  socket.send(helloOf(context, device, await socket.challenge(), forgery))
  return socket.outcome()
}

let silent: Promise<string> | undefined

/** Opens sockets that say nothing, and tells how they end. */
async function staySilent(context: HostileContext): Promise<string> {
  const startedAt = performance.now()
  const sockets = await Promise.all(Array.from({ length: SILENT_SOCKETS }, () => RawSocket.connect(context.addresses.ws)))
  const ends = await Promise.all(sockets.map((socket) => socket.outcome(LIMITS.helloTimeoutMs + HELLO_LATE_MS)))
  const early = performance.now() - startedAt < LIMITS.helloTimeoutMs - 1_000
  return early ? 'too early' : tally(ends)
}

/** Sockets whose peer does not prove who it is. */
export const HELLO_CASES: readonly HostileCase[] = [
  {
    name: 'hello-forged', claim: 'a hello without the key of its token and device',
    async run(context) {
      const [{ device: alice }, { device: mallory }] = [await context.newDevice(), await context.newDevice('ton')]
      const refused = 'auth.hello, close 4002'
      const attempts: Attempt[] = []
      const forged: readonly (readonly [string, HelloForgery])[] = [
        ['Alice\'s token and name, Mallory\'s key', { signer: mallory }],
        ['Alice\'s token, Mallory\'s name and key', { device: mallory, signer: mallory }],
        ['a flipped bit', { signature: (honest) => honest.map((byte, index) => (index === 3 ? byte ^ 4 : byte)) }],
        ['no signature', { signature: () => new Uint8Array(64) }],
        ['signed for another origin', { origin: 'https://evil.example' }],
        ['the server\'s nonce as its own', { clientNonce: (nonce) => nonce }],
      ]
      for (const [what, forgery] of forged) attempts.push(await attempt(what, refused, () => sayHello(context, alice, forgery)))
      attempts.push(await attempt('a token that is none', 'auth.token_invalid, close 4002', () => sayHello(context, alice, { token: 'a.b.c' })))
      return attempts
    },
  },
  {
    name: 'hello-replayed', claim: 'a good hello, said again on another connection',
    async run(context) {
      const { device } = await context.newDevice()
      const first = await RawSocket.connect(context.addresses.ws)
      const frame = helloOf(context, device, await first.challenge(), {})
      first.send(frame)
      await first.next(FRAME_TYPE.welcome)
      const second = await RawSocket.connect(context.addresses.ws)
      await second.challenge()
      second.send(frame)
      const attempts = [
        await attempt('the copy', 'auth.hello, close 4002', () => second.outcome()),
        await attempt('the first connection', 'still open', () => first.outcome(200)),
        await attempt('a second hello on it', 'invalid.frame_type, close 4000', async () => {
          first.send(frame)
          return first.outcome()
        }),
      ]
      first.drop()
      return attempts
    },
  },
  {
    name: 'frame-before-hello', claim: 'requests before hello',
    async run(context) {
      const { device } = await context.newDevice()
      const frames: readonly (readonly [string, Uint8Array])[] = [
        ['send', encodeFrame(FRAME_TYPE.send, 1, new Uint8Array(100))],
        ['open', encodeFrame(FRAME_TYPE.open, 1, encodeOpen({ peer: device.account }))],
        ['catch_up', encodeFrame(FRAME_TYPE.catchUp, 1, encodeCatchUp({ sinceMs: 0 }))],
        ['ping', encodeFrame(FRAME_TYPE.ping, 1, new Uint8Array(0))],
        ['device_ack', encodeFrame(FRAME_TYPE.deviceAck, 0, new Uint8Array(12))],
      ]
      const attempts: Attempt[] = []
      for (const [what, frame] of frames) {
        attempts.push(await attempt(what, 'invalid.frame_type, close 4000', async () => {
          const socket = await RawSocket.connect(context.addresses.ws)
          socket.send(frame)
          return socket.outcome()
        }))
      }
      attempts.push(await attempt('behind a hello that is still checked', 'invalid.frame_type, close 4000', async () => {
        const socket = await RawSocket.connect(context.addresses.ws)
        socket.send(Buffer.concat([helloOf(context, device, await socket.challenge(), {}), frames[3]?.[1] ?? new Uint8Array(0)]))
        return socket.outcome()
      }))
      return attempts
    },
  },
  {
    name: 'hello-withheld', claim: `${String(SILENT_SOCKETS)} sockets that never say hello: closed after 10 s`,
    prepare(context) {
      silent = staySilent(context)
      // Looked at by `run`; until then a failure must not end the process.
      silent.catch(() => undefined)
    },
    async run(context) {
      return [await attempt('all of them', `${String(SILENT_SOCKETS)} x auth.hello_timeout, close 4001`, () => silent ?? staySilent(context))]
    },
  },
]
