import {
  decodeListen, decodeSignal, encodeSignalled, FRAME_TYPE, parseAccountId, parseConversationId, parseDeviceId, SIGNAL_KIND, SIGNALLED_BYTES, type Signalled, type Welcome,
} from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { testDeviceKeys } from '../account/testing/log-author.js'
import { ServerClock } from '../api/server-clock.js'
import { signerOf } from '../core/login.js'
import { SeededRandom } from '../crypto/seeded-random.js'
import { ManualClock, settle } from '../testing/manual-clock.js'
import { SIGNAL_EVENTS_MAX, SIGNAL_OUTBOUND_BYTES_MAX, type Connection, type ConnectionEvent } from './connection.js'
import { openConnection } from './open-connection.js'
import { FakeNetwork } from './testing/fake-server.js'

const keys = await testDeviceKeys('phone')
const conversation = parseConversationId('c'.repeat(32))
const signal = { kind: SIGNAL_KIND.typingStarted, conversation } as const
const signalled: Signalled = { ...signal, account: parseAccountId('b'.repeat(32)), device: parseDeviceId('d'.repeat(32)) }

let network: FakeNetwork
let events: ConnectionEvent[]
let busy: Promise<void>

async function connect(more: Pick<Welcome, 'signals'>): Promise<Connection> {
  const clock = new ManualClock()
  const opening = openConnection({
    url: 'wss://evegram.test/ws', origin: 'https://evegram.test', signer: signerOf(parseAccountId('a'.repeat(32)), keys), accessToken: 'token', agent: 'test', sockets: network,
    clock, serverClock: new ServerClock(clock), random: new SeededRandom('signals'), cursorMs: 0, onOpen: () => Promise.resolve(),
    consume: (event) => { events.push(event); return busy },
  })
  network.last.challenge()
  network.last.welcome(20_000, more)
  const outcome = await opening
  if (outcome.status !== 'open') throw outcome.end.error
  return outcome.connection
}

describe('signals of a connection', () => {
  beforeEach(() => {
    network = new FakeNetwork()
    events = []
    busy = Promise.resolve()
  })

  it('go to a server that takes them, and nothing of them to one that does not know them', async () => {
    const connection = await connect({ signals: true })
    connection.listen(true)
    expect(connection.signal(signal)).toBe(true)
    const { last } = network
    expect(last.framesOf(FRAME_TYPE.listen).map(({ body }) => decodeListen(body))).toEqual([true])
    expect(last.framesOf(FRAME_TYPE.signal).map(({ body, correlation }) => [decodeSignal(body), correlation])).toEqual([[signal, 0]])
    const old = await connect({})
    old.listen(true)
    expect(old.signal(signal)).toBe(false)
    expect(network.last).not.toBe(last)
    expect([...network.last.framesOf(FRAME_TYPE.listen), ...network.last.framesOf(FRAME_TYPE.signal)]).toEqual([])
  })

  it('are not sent behind much that waits in the socket, nor once it ended', async () => {
    const connection = await connect({ signals: true })
    network.last.bufferedBytes = SIGNAL_OUTBOUND_BYTES_MAX + 1
    expect(connection.signal(signal)).toBe(false)
    network.last.bufferedBytes = 0
    expect(connection.signal(signal)).toBe(true)
    connection.close()
    expect(connection.signal(signal)).toBe(false)
    connection.listen(true)
    expect([network.last.framesOf(FRAME_TYPE.signal).length, network.last.framesOf(FRAME_TYPE.listen).length]).toEqual([1, 0])
  })

  it('come as events, those of an unknown kind as nothing', async () => {
    await connect({ signals: true })
    network.last.push([FRAME_TYPE.signalled, 0, encodeSignalled(signalled)], [FRAME_TYPE.signalled, 0, new Uint8Array(SIGNALLED_BYTES).fill(99)])
    await settle()
    expect(events).toEqual([{ type: 'signalled', signalled }])
  })

  it('are dropped behind a consumer that is busy, and never fill its queue: what else comes is kept', async () => {
    let done: () => void = () => undefined
    busy = new Promise((resolve) => { done = resolve })
    const connection = await connect({ signals: true })
    let ended = false
    void connection.ended.then(() => { ended = true })
    network.last.push([FRAME_TYPE.posted, 0, Uint8Array.of(0)])
    await settle()
    // More than the queue takes of anything else.
    for (let count = 0; count < 5_000; count++) network.last.push([FRAME_TYPE.signalled, 0, encodeSignalled(signalled)])
    network.last.push([FRAME_TYPE.posted, 0, Uint8Array.of(1)])
    done()
    await settle()
    expect(ended).toBe(false)
    expect(events.filter(({ type }) => type === 'signalled')).toHaveLength(SIGNAL_EVENTS_MAX)
    expect(events.at(-1)).toEqual({ type: 'posted', post: Uint8Array.of(1) })
  })
})
