import {
  BODY_TYPE, decodeAcks, directConversationIdOf, encodeEnvelope, encodeFrame, encodeOpen, ENVELOPE_KIND, FRAME_TYPE, LIMITS, type Envelope,
} from '@evegram/protocol'
import { attempt, tally } from '../../attempt.js'
import type { HostileCase, HostileContext } from '../case.js'
import type { RawDevice } from '../../raw/raw-device.js'
import { RawSocket } from '../../raw/raw-socket.js'

const FLOOD_FRAMES = 5_000
const FRAMES_PER_MESSAGE = 250
const CONNECTIONS = 500
/** Devices that send to the one that never reads: each may burst 8 MiB. */
const SENDERS = 4
const LARGE_BODY_BYTES = 60_000
const LARGE_MESSAGES = 110
const SLOW_CONSUMERS = 'evegram_engine_slow_consumers_total'
const SLOW_WITHIN_MS = 5_000
const ACK_WITHIN_MS = 5_000
/** Devices that are starved at most. */
const STARVED_MAX = 3

function envelopeOf(from: RawDevice, to: RawDevice, number: number, bodyBytes: number): Uint8Array {
  const envelope: Envelope = {
    kind: ENVELOPE_KIND.message, conversation: directConversationIdOf(from.account, to.account), device: from.device, account: from.account, epoch: 1, number,
    order: BigInt(Date.now()) << 16n, membershipVersion: 1, accounts: [{ account: from.account, seq: 1 }, { account: to.account, seq: 1 }],
    bodies: [{ device: to.device, type: BODY_TYPE.opaque, bytes: new Uint8Array(bodyBytes) }],
  }
  return encodeEnvelope(envelope)
}

/** Sends frames packed into messages, as fast as the socket takes them. */
function flood(socket: RawSocket, frames: number, frameOf: (index: number) => Uint8Array): void {
  for (let from = 0; from < frames; from += FRAMES_PER_MESSAGE) {
    socket.send(Buffer.concat(Array.from({ length: Math.min(FRAMES_PER_MESSAGE, frames - from) }, (_, index) => frameOf(from + index))))
  }
}

async function signedInPair(context: HostileContext): Promise<{ readonly from: RawDevice; readonly to: RawDevice; readonly socket: RawSocket }> {
  const [{ device: from }, { device: to }] = [await context.newDevice(), await context.newDevice('terra')]
  const socket = await RawSocket.signedIn(context.addresses.ws, from, context.origin)
  socket.send(encodeFrame(FRAME_TYPE.open, 9, encodeOpen({ peer: to.account })))
  await socket.next(FRAME_TYPE.opened)
  return { from, to, socket }
}

/** Fills the outbound side of one device that does not read, and lets it read again once the server had time to cut it off. */
async function starve(context: HostileContext): Promise<string> {
  const { addresses, origin } = context
  const { device: deaf } = await context.newDevice()
  const socket = await RawSocket.signedIn(addresses.ws, deaf, origin)
  socket.socket.pause()
  const before = await context.metric(SLOW_CONSUMERS)
  const senders = await Promise.all(Array.from({ length: SENDERS }, () => sendLarge(context, deaf)))
  const deadline = performance.now() + SLOW_WITHIN_MS
  while (performance.now() < deadline && await context.metric(SLOW_CONSUMERS) === before) await sleep(100)
  const isSlow = await context.metric(SLOW_CONSUMERS) > before
  // A peer that reads again only after the time of grace finds the end of the stream.
  if (isSlow) await sleep(2_500)
  socket.socket.resume()
  const end = await socket.outcome(isSlow ? 5_000 : 3_000)
  const stored = senders.reduce((sum, sender) => sum + acknowledged(sender), 0)
  const got = socket.frames.filter(({ type }) => type === FRAME_TYPE.deliver).length
  for (const sender of [...senders, socket]) sender.drop()
  if (isSlow) return end === 'still open' ? 'counted as slow, and still open' : 'cut off as a slow consumer'
  return got === stored ? 'held back, then all of it' : `${String(got)} of ${String(stored)} on a socket that ended as ${end}`
}

async function sendLarge(context: HostileContext, to: RawDevice): Promise<RawSocket> {
  const { device } = await context.newDevice('terra')
  const sender = await RawSocket.signedIn(context.addresses.ws, device, context.origin)
  sender.send(encodeFrame(FRAME_TYPE.open, 9, encodeOpen({ peer: to.account })))
  await sender.next(FRAME_TYPE.opened)
  for (let number = 1; number <= LARGE_MESSAGES; number++) {
    sender.send(encodeFrame(FRAME_TYPE.send, number, envelopeOf(device, to, number, LARGE_BODY_BYTES)))
    // One at a time: a burst would turn the receiver to the log, from which no more is pushed than it reads.
    const deadline = performance.now() + ACK_WITHIN_MS
    while (acknowledged(sender) < number && sender.failures.length === 0 && performance.now() < deadline) await sleep(1)
  }
  return sender
}

function acknowledged(sender: RawSocket): number {
  return sender.frames.reduce((sum, { type, body }) => sum + (type === FRAME_TYPE.ack ? decodeAcks(body).length : 0), 0)
}

/** Starves devices until one was cut off. A server that was busy turns one to the log instead, and pushes no more than it reads: nothing is lost there either. */
async function starveUntilCutOff(context: HostileContext): Promise<readonly string[]> {
  const outcomes: string[] = []
  while (outcomes.length < STARVED_MAX && outcomes.at(-1) !== 'cut off as a slow consumer') outcomes.push(await starve(context))
  return outcomes
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** More than anybody may send, or less than anybody must read. */
export const FLOOD_CASES: readonly HostileCase[] = [
  {
    name: 'flood-requests', claim: `${String(FLOOD_FRAMES)} requests at once: refused by rate, then closed`,
    async run(context) {
      const { socket } = await signedInPair(context)
      return [await attempt('pings', 'limited.rate, close 4007', async () => {
        flood(socket, FLOOD_FRAMES, (index) => encodeFrame(FRAME_TYPE.ping, index + 1, new Uint8Array(0)))
        return socket.outcome(10_000)
      })]
    },
  },
  {
    name: 'flood-sends', claim: `${String(FLOOD_FRAMES)} messages at once: refused by rate or queue, then closed; what was acknowledged is stored`,
    async run(context) {
      const { from, to, socket } = await signedInPair(context)
      const attempts = [await attempt('messages', 'limited.rate, close 4007', async () => {
        flood(socket, FLOOD_FRAMES, (index) => encodeFrame(FRAME_TYPE.send, index + 1, envelopeOf(from, to, index + 1, 100)))
        const end = await socket.outcome(10_000)
        // A store that is slow enough fills the queue of sends in flight first: also a documented refusal, but not one that must come.
        return end.split(', ').filter((part) => part !== 'limited.queue').join(', ')
      })]
      return attempts
    },
  },
  {
    name: 'flood-connections', claim: `${String(CONNECTIONS)} sockets opened and dropped in the middle of everything`,
    async run(context) {
      return [await attempt('all of them', `${String(CONNECTIONS)} x challenged`, async () => tally(await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
        const socket = await RawSocket.connect(context.addresses.ws)
        await socket.challenge()
        socket.drop()
        return 'challenged'
      }))))]
    },
  },
  {
    name: 'slow-consumer', claim: `a client that never reads is cut off at ${String(LIMITS.outboundBytesMax / 1_048_576)} MiB, nothing is dropped on an open socket`,
    async run(context) {
      const outcomes = starveUntilCutOff(context)
      return [
        await attempt('a client that never reads', 'cut off as a slow consumer', async () => (await outcomes).at(-1) ?? 'nothing'),
        await attempt('everything before it', 'nothing lost', async () => {
          const others = (await outcomes).filter((outcome) => outcome !== 'cut off as a slow consumer' && outcome !== 'held back, then all of it')
          return others.length === 0 ? 'nothing lost' : others.join(', ')
        }),
      ]
    },
  },
]
