import {
  decodeReadChannel, decodeUnfollow, encodeChannelHead, encodeChannelPage, encodeFailure, encodeOpened, FRAME_TYPE, parseAccountId, parseConversationId, type FrameType,
} from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { testDeviceKeys } from '../account/testing/log-author.js'
import { ServerClock } from '../api/server-clock.js'
import { signerOf } from '../core/login.js'
import { SeededRandom } from '../crypto/seeded-random.js'
import { ManualClock, settle } from '../testing/manual-clock.js'
import type { Connection, ConnectionEvent } from './connection.js'
import { openConnection } from './open-connection.js'
import { FakeNetwork } from './testing/fake-server.js'

const keys = await testDeviceKeys('phone')
const channel = parseConversationId('c'.repeat(32))
const head = { channel, seq: 7, head: new Uint8Array(32).fill(7) }

let network: FakeNetwork
let events: ConnectionEvent[]

async function connect(): Promise<Connection> {
  const clock = new ManualClock()
  const opening = openConnection({
    url: 'wss://evegram.test/ws', origin: 'https://evegram.test', signer: signerOf(parseAccountId('a'.repeat(32)), keys), accessToken: 'token', agent: 'test', sockets: network,
    clock, serverClock: new ServerClock(clock), random: new SeededRandom('channels'), cursorMs: 0, onOpen: () => Promise.resolve(),
    consume: (event) => { events.push(event); return Promise.resolve() },
  })
  network.last.challenge()
  network.last.welcome()
  const outcome = await opening
  if (outcome.status !== 'open') throw outcome.end.error
  return outcome.connection
}

/** The newest frame of a type that the client sent. */
function asked(type: FrameType): { readonly correlation: number; readonly body: Uint8Array } {
  const frame = network.last.framesOf(type).at(-1)
  if (frame === undefined) throw new Error('nothing was asked')
  return frame
}

describe('requests of channels', () => {
  beforeEach(() => {
    network = new FakeNetwork()
    events = []
  })

  it('are answered with pages and heads under their correlation', async () => {
    const connection = await connect()
    const [posting, following, leaving, reading] = [
      connection.post(Uint8Array.of(1, 2, 3)), connection.follow({ channel, after: 3 }), connection.unfollow(channel), connection.readChannel({ channel, after: 4 }),
    ]
    expect(asked(FRAME_TYPE.post).body).toEqual(Uint8Array.of(1, 2, 3))
    expect(decodeReadChannel(asked(FRAME_TYPE.follow).body)).toEqual({ channel, after: 3 })
    expect(decodeReadChannel(asked(FRAME_TYPE.readChannel).body)).toEqual({ channel, after: 4 })
    expect(decodeUnfollow(asked(FRAME_TYPE.unfollow).body)).toEqual({ channel })
    network.last.push(
      [FRAME_TYPE.channelPage, asked(FRAME_TYPE.readChannel).correlation, encodeChannelPage({ ...head, posts: [Uint8Array.of(5)] })],
      [FRAME_TYPE.channelHead, asked(FRAME_TYPE.unfollow).correlation, encodeChannelHead({ ...head, seq: 8 })],
      [FRAME_TYPE.channelPage, asked(FRAME_TYPE.follow).correlation, encodeChannelPage({ ...head, posts: [] })],
      [FRAME_TYPE.channelHead, asked(FRAME_TYPE.post).correlation, encodeChannelHead(head)],
    )
    expect(await Promise.all([posting, following, leaving, reading])).toEqual([head, { ...head, posts: [] }, { ...head, seq: 8 }, { ...head, posts: [Uint8Array.of(5)] }])
    await settle()
    expect(events).toEqual([])
  })

  it('reject with the code of a refusal', async () => {
    const connection = await connect()
    const posting = connection.post(Uint8Array.of(1))
    network.last.push([FRAME_TYPE.failure, asked(FRAME_TYPE.post).correlation, encodeFailure({ code: 'conflict.channel_head', message: '' })])
    await expect(posting).rejects.toMatchObject({ code: 'conflict.channel_head' })
  })

  it('end the connection when the answer is one to something else', async () => {
    const connection = await connect()
    const posting = connection.post(Uint8Array.of(1))
    network.last.push([FRAME_TYPE.opened, asked(FRAME_TYPE.post).correlation, encodeOpened({ conversation: channel, membershipVersion: 1, members: [] })])
    await expect(posting).rejects.toMatchObject({ code: 'invalid.frame_type' })
    expect(await connection.ended).toMatchObject({ advice: 'reconnect_later' })
  })

  it('are not what pushed posts and heads answer: those come as events, in order, with bytes of their own', async () => {
    await connect()
    network.last.push([FRAME_TYPE.posted, 0, Uint8Array.of(1, 2)], [FRAME_TYPE.channelHead, 0, encodeChannelHead(head)], [FRAME_TYPE.posted, 0, Uint8Array.of(3)])
    await settle()
    expect(events).toEqual([{ type: 'posted', post: Uint8Array.of(1, 2) }, { type: 'channel_head', head }, { type: 'posted', post: Uint8Array.of(3) }])
    const [first] = events
    expect(first?.type === 'posted' && first.post.buffer.byteLength).toBe(2)
  })
})
