import {
  CLOSE_CODES, decodeCatchUp, decodeDeviceAck, encodeAcks, encodeDelivery, encodeFailure, encodeFrame, encodeNotice, encodeOpened, encodePage, encodeSynced,
  EvegramError, FRAME_TYPE, LIMITS, type AccountId, type ConversationId, type Position,
} from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { testDeviceKeys } from '../account/testing/log-author.js'
import { ServerClock } from '../api/server-clock.js'
import { signWithSigning } from '../crypto/device-keys.js'
import { SeededRandom } from '../crypto/seeded-random.js'
import { ManualClock, settle } from '../testing/manual-clock.js'
import {
  ANSWER_SILENCE_MS, CONNECT_BUDGET_MS, DELIVERY_BATCH_MAX, DEVICE_ACK_DELAY_MS, INBOUND_FRAMES_MAX, OUTBOUND_BYTES_MAX, PROBE_TIMEOUT_MS, REQUESTS_IN_FLIGHT_MAX,
  type Connection, type ConnectionConsumer, type ConnectionEvent,
} from './connection.js'
import { openConnection, type OpenConnectionOptions, type OpenOutcome } from './open-connection.js'
import { FakeNetwork } from './testing/fake-server.js'

const keys = await testDeviceKeys('phone')
// Ids of the right form; nothing here depends on what they name.
const account = 'a'.repeat(32) as AccountId
const conversation = 'c'.repeat(32) as ConversationId
const signer = { account, device: keys.device, publicKey: keys.signing.publicKey, sign: (message: Uint8Array) => signWithSigning(keys, message) }
const at = (counter: number): Position => ({ timeMs: 1_000, incarnation: 1, counter })
const delivery = (counter: number, bytes = 10): [typeof FRAME_TYPE.deliver, number, Uint8Array] => [
  FRAME_TYPE.deliver, 0, encodeDelivery({ position: at(counter), envelope: new Uint8Array(bytes) }),
]

let clock: ManualClock
let serverClock: ServerClock
let network: FakeNetwork
let events: ConnectionEvent[]

beforeEach(() => {
  clock = new ManualClock(0)
  serverClock = new ServerClock(clock)
  network = new FakeNetwork()
  events = []
})

function open(overrides: Partial<OpenConnectionOptions> = {}): Promise<OpenOutcome> {
  return openConnection({
    url: 'wss://chat.example/ws', origin: 'https://chat.example', signer, accessToken: 'token-1', agent: 'test/1', sockets: network, clock, serverClock,
    random: new SeededRandom('nonce'), cursorMs: 0, consume: async (event) => { events.push(event) }, onOpen: async () => undefined, ...overrides,
  })
}

async function connect(overrides: Partial<OpenConnectionOptions> = {}): Promise<Connection> {
  const opening = open(overrides)
  network.last.challenge()
  network.last.welcome()
  const outcome = await opening
  if (outcome.status !== 'open') throw outcome.end.error
  await settle()
  return outcome.connection
}

describe('connecting', () => {
  it('proves the device with its key for the configured origin and this connection', async () => {
    const connection = await connect()
    expect(network.last.hello).toMatchObject({ account, device: keys.device, token: 'token-1', agent: 'test/1' })
    expect(network.last.provesDevice(keys.signing.publicKey, 'https://chat.example')).toBe(true)
    expect(network.last.provesDevice(keys.signing.publicKey, 'https://evil.example')).toBe(false)
    expect(connection.welcome).toMatchObject({ connection: 'c1', retentionMs: 1_000 })
    expect(serverClock.now()).toBe(5_000)
  })

  it('uses a fresh nonce each time', async () => {
    const random = new SeededRandom('shared')
    await connect({ random })
    await connect({ random })
    expect(network.peers[0]?.hello?.clientNonce).not.toEqual(network.peers[1]?.hello?.clientNonce)
  })

  it.each(['before the challenge', 'before the welcome'])('is given up after two seconds %s', async (stage) => {
    const opening = open()
    if (stage === 'before the welcome') network.last.challenge()
    await clock.advance(CONNECT_BUDGET_MS - 1)
    expect(network.last.closedWith).toBeUndefined()
    await clock.advance(1)
    expect(await opening).toMatchObject({ status: 'failed', end: { advice: 'reconnect', error: { code: 'timeout' } } })
    expect(network.last.closedWith).toBe(1000)
    expect(clock.pending).toBe(0)
  })

  it('says why the server refused, and what to do', async () => {
    const opening = open()
    network.last.challenge()
    network.last.push([FRAME_TYPE.failure, 0, encodeFailure({ code: 'auth.hello', message: 'no', retryAfterMs: 9 })])
    network.last.end(CLOSE_CODES.helloRefused.code)
    expect(await opening).toMatchObject({ status: 'failed', end: { code: 4002, advice: 'refresh_token', error: { code: 'auth.hello' }, retryAfterMs: 9 } })
  })

  it('says so when the server cannot be reached', async () => {
    const opening = open()
    network.last.end(1006)
    expect(await opening).toMatchObject({ status: 'failed', end: { advice: 'reconnect', error: { code: 'unavailable.server' } } })
  })

  it('stops on a server without a common version, and never says hello to it', async () => {
    const opening = open()
    network.last.challenge(undefined, 9)
    expect(await opening).toMatchObject({ status: 'failed', end: { advice: 'stop', error: { code: 'incompatible.protocol' } } })
    expect(network.last.hello).toBeUndefined()
  })

  it.each([
    ['text', (): void => { network.last.pushText() }, 'invalid.text_frame'],
    ['nonsense', (): void => { network.last.pushBytes(new Uint8Array(5)) }, 'invalid.frame'],
    ['a welcome without challenge', (): void => { network.last.welcome() }, 'invalid.frame_type'],
    ['a delivery before hello', (): void => { network.last.push(delivery(1)) }, 'invalid.frame_type'],
  ])('refuses %s', async (_, act, code) => {
    const opening = open()
    act()
    expect(await opening).toMatchObject({ status: 'failed', end: { advice: 'reconnect_later', error: { code } } })
  })

  it('ignores what still comes after it gave up', async () => {
    const opening = open()
    await clock.advance(CONNECT_BUDGET_MS)
    await opening
    network.last.challenge()
    network.last.end(1006)
    expect(network.last.hello).toBeUndefined()
  })
})

describe('requests', () => {
  it('are answered under their correlation, whatever the order', async () => {
    const connection = await connect()
    const first = connection.send(new Uint8Array(80), 0)
    const second = connection.send(new Uint8Array(80), 2)
    const opened = connection.open(account)
    const [one, two] = network.last.framesOf(FRAME_TYPE.send)
    const [ask] = network.last.framesOf(FRAME_TYPE.open)
    expect([one?.flags, two?.flags]).toEqual([0, 2])
    network.last.push(
      [FRAME_TYPE.opened, ask?.correlation ?? 0, encodeOpened({ conversation, membershipVersion: 1, members: [] })],
      [FRAME_TYPE.failure, two?.correlation ?? 0, encodeFailure({ code: 'stale.devices', message: '', missing: [keys.device] })],
      [FRAME_TYPE.ack, 0, encodeAcks([{ correlation: one?.correlation ?? 0, position: at(1) }])],
    )
    expect(await first).toEqual({ status: 'stored', position: at(1) })
    expect(await second).toMatchObject({ status: 'refused', failure: { code: 'stale.devices', missing: [keys.device] } })
    expect(await opened).toEqual({ conversation, membershipVersion: 1, members: [] })
  })

  it('reject with the code of a refusal', async () => {
    const connection = await connect()
    const reading = connection.read({ conversation, after: at(0), limit: 5 })
    const [ask] = network.last.framesOf(FRAME_TYPE.read)
    network.last.push([FRAME_TYPE.failure, ask?.correlation ?? 0, encodeFailure({ code: 'denied.not_member', message: '' })])
    await expect(reading).rejects.toMatchObject({ code: 'denied.not_member' })
  })

  it('time out alone, and a late answer is ignored', async () => {
    const connection = await connect()
    const sending = connection.send(new Uint8Array(80), 0)
    const failed = expect(sending).rejects.toMatchObject({ code: 'timeout' })
    // The server is there, and owes only this.
    for (let waitedMs = 0; waitedMs < LIMITS.requestTimeoutMs; waitedMs += 2_000) {
      network.last.push([FRAME_TYPE.pong, 0, new Uint8Array()])
      await clock.advance(2_000)
    }
    await failed
    const [frame] = network.last.framesOf(FRAME_TYPE.send)
    network.last.push([FRAME_TYPE.ack, 0, encodeAcks([{ correlation: frame?.correlation ?? 0, position: at(1) }])])
    const next = connection.ping()
    network.last.push([FRAME_TYPE.pong, network.last.framesOf(FRAME_TYPE.ping).at(-1)?.correlation ?? 0, new Uint8Array()])
    expect(await next).toBe(0)
  })

  it('are bounded in number and in bytes', async () => {
    const connection = await connect()
    const requests = Array.from({ length: REQUESTS_IN_FLIGHT_MAX }, () => connection.ping().catch(() => 'ended'))
    await expect(connection.ping()).rejects.toMatchObject({ code: 'limited.queue' })
    const sends = Array.from({ length: LIMITS.sendsInFlightMax }, () => connection.send(new Uint8Array(80), 0).catch(() => 'ended'))
    await expect(connection.send(new Uint8Array(80), 0)).rejects.toMatchObject({ code: 'limited.queue' })
    connection.close()
    expect(new Set(await Promise.all([...requests, ...sends]))).toEqual(new Set(['ended']))
    const other = await connect()
    network.last.bufferedBytes = OUTBOUND_BYTES_MAX + 1
    await expect(other.send(new Uint8Array(80), 0)).rejects.toMatchObject({ code: 'limited.queue' })
  })

  it('reject when the connection ends, and afterwards', async () => {
    const connection = await connect()
    const sending = expect(connection.send(new Uint8Array(80), 0)).rejects.toMatchObject({ code: 'unavailable.server' })
    network.last.end(1006)
    await sending
    await expect(connection.open(account)).rejects.toMatchObject({ code: 'unavailable.server' })
    expect(await connection.ended).toMatchObject({ code: 1006, advice: 'reconnect' })
    expect(clock.pending).toBe(0)
  })
})

describe('events', () => {
  it('come in order, deliveries that follow each other together', async () => {
    await connect()
    network.last.push(delivery(1), delivery(2), [FRAME_TYPE.synced, 0, encodeSynced(77)], delivery(3))
    network.last.push([FRAME_TYPE.notice, 0, encodeNotice({ kind: 'prekeys_low', remaining: 3 })])
    await settle()
    expect(events.map((event) => (event.type === 'deliver' ? event.deliveries.map(({ position }) => position.counter) : event.type))).toEqual([[1, 2], 'synced', [3], 'notice'])
  })

  it('wait for the consumer, one at a time', async () => {
    const running: (() => void)[] = []
    let active = 0
    await connect({ consume: async (event) => {
      events.push(event)
      expect(++active).toBe(1)
      await new Promise<void>((resolve) => running.push(resolve))
      active--
    } })
    network.last.push(delivery(1))
    await settle()
    network.last.push(...Array.from({ length: DELIVERY_BATCH_MAX + 1 }, (_, index) => delivery(index + 2)))
    await settle()
    expect(events).toHaveLength(1)
    for (let turn = 0; turn < 3; turn++) {
      running.shift()?.()
      await settle()
    }
    expect(events.map((event) => (event.type === 'deliver' ? event.deliveries.length : 0))).toEqual([1, DELIVERY_BATCH_MAX, 1])
  })

  it('begin only after onOpen is done', async () => {
    let opened: () => void = () => undefined
    await connect({ onOpen: () => new Promise((resolve) => { opened = resolve }) })
    network.last.push(delivery(1))
    await settle()
    expect(events).toEqual([])
    opened()
    await settle()
    expect(events).toHaveLength(1)
  })

  it('that nobody takes end the connection as slow, which is visible', async () => {
    const connection = await connect({ consume: () => new Promise(() => undefined), onOpen: () => new Promise(() => undefined) })
    for (let sent = 0; sent <= INBOUND_FRAMES_MAX; sent += 64) network.last.push(...Array.from({ length: 64 }, (_, index) => delivery(sent + index)))
    expect(await connection.ended).toMatchObject({ code: CLOSE_CODES.slowConsumer.code, advice: 'reconnect', error: { code: 'limited.queue' } })
    expect(network.last.closedWith).toBe(CLOSE_CODES.slowConsumer.code)
  })

  it('that are too large together end it likewise', async () => {
    const connection = await connect({ onOpen: () => new Promise(() => undefined) })
    for (let sent = 0; sent < 270; sent++) network.last.push(delivery(sent, 65_000))
    expect(await connection.ended).toMatchObject({ error: { code: 'limited.queue' } })
  })

  it('end the connection when the consumer fails, and no further event is handed over', async () => {
    const failure = new EvegramError('client.store')
    const connection = await connect({ consume: async (event) => {
      events.push(event)
      throw failure
    } })
    network.last.push(delivery(1), [FRAME_TYPE.synced, 0, encodeSynced(77)])
    expect(await connection.ended).toMatchObject({ advice: 'reconnect_later', error: failure })
    expect(events).toHaveLength(1)
    await clock.advance(1_000)
    expect(network.last.framesOf(FRAME_TYPE.deviceAck)).toEqual([])
  })

  it('of unknown notices are skipped, and malformed ones end the connection', async () => {
    const connection = await connect()
    network.last.push([FRAME_TYPE.notice, 0, Buffer.from('a1646b696e646378797a', 'hex')], delivery(1))
    await settle()
    expect(events).toHaveLength(1)
    network.last.push([FRAME_TYPE.synced, 0, new Uint8Array(3)])
    expect(await connection.ended).toMatchObject({ advice: 'reconnect_later', error: { code: 'invalid.frame' } })
  })

  it('may be answered with questions from inside the consumer', async () => {
    let pages = 0
    const consume: ConnectionConsumer = async (event, connection) => {
      if (event.type === 'deliver') pages += (await connection.read({ conversation, after: at(0), limit: 1 })).deliveries.length
    }
    await connect({ consume })
    network.last.push(delivery(1))
    await settle()
    const [ask] = network.last.framesOf(FRAME_TYPE.read)
    network.last.push([FRAME_TYPE.page, ask?.correlation ?? 0, encodePage({ deliveries: [{ position: at(1), envelope: new Uint8Array(9) }], more: false })])
    await settle()
    expect(pages).toBe(1)
  })

  it('do not end before the consumer is done with the one in its hands', async () => {
    let finish: () => void = () => undefined
    const connection = await connect({ consume: () => new Promise((resolve) => { finish = resolve }) })
    network.last.push(delivery(1))
    await settle()
    let ended = false
    void connection.ended.then(() => { ended = true })
    connection.close()
    await settle()
    expect(ended).toBe(false)
    finish()
    await settle()
    expect(ended).toBe(true)
  })
})

describe('catch-up', () => {
  it('brings its pages as events, in order with what follows', async () => {
    const connection = await connect()
    connection.catchUp({ sinceMs: 500 })
    const [ask] = network.last.framesOf(FRAME_TYPE.catchUp)
    expect(decodeCatchUp(ask?.body ?? new Uint8Array())).toEqual({ sinceMs: 500 })
    expect(() => { connection.catchUp({ sinceMs: 500 }) }).toThrow(expect.objectContaining({ code: 'conflict.in_flight' }) as Error)
    network.last.push([FRAME_TYPE.page, ask?.correlation ?? 0, encodePage({ deliveries: [], more: false })], [FRAME_TYPE.synced, 0, encodeSynced(9)])
    await settle()
    expect(events.map(({ type }) => type)).toEqual(['page', 'synced'])
    connection.catchUp({ token: new Uint8Array(4) })
    expect(network.last.framesOf(FRAME_TYPE.catchUp)).toHaveLength(2)
  })

  it('that brings no page in time ends the connection, and a refused one too', async () => {
    const connection = await connect()
    connection.catchUp({ sinceMs: 500 })
    await clock.advance(LIMITS.requestTimeoutMs)
    expect(await connection.ended).toMatchObject({ advice: 'reconnect', error: { code: 'timeout' } })
    const refused = await connect()
    refused.catchUp({ sinceMs: 500 })
    const [ask] = network.last.framesOf(FRAME_TYPE.catchUp)
    network.last.push([FRAME_TYPE.failure, ask?.correlation ?? 0, encodeFailure({ code: 'unavailable.envelope_log', message: '', retryAfterMs: 700 })])
    expect(await refused.ended).toMatchObject({ advice: 'reconnect_later', error: { code: 'unavailable.envelope_log' }, retryAfterMs: 700 })
  })
})

describe('device acknowledgements', () => {
  const acks = (): unknown[] => network.last.framesOf(FRAME_TYPE.deviceAck).map(({ body }) => decodeDeviceAck(body))

  it('follow the commits, not the receipts', async () => {
    let finish: () => void = () => undefined
    await connect({ cursorMs: 40, consume: () => new Promise((resolve) => { finish = resolve }) })
    network.last.push(delivery(1), delivery(2))
    await clock.advance(1_000)
    expect(acks()).toEqual([])
    finish()
    await clock.advance(DEVICE_ACK_DELAY_MS)
    expect(acks()).toEqual([{ committed: 2, cursorMs: 40 }])
  })

  it('come every 32 deliveries or 100 ms, and name the durable cursor', async () => {
    await connect()
    for (let index = 0; index < 40; index++) {
      network.last.push(delivery(index))
      await settle()
    }
    expect(acks()).toEqual([{ committed: 32, cursorMs: 0 }])
    network.last.push([FRAME_TYPE.synced, 0, encodeSynced(900)])
    await clock.advance(DEVICE_ACK_DELAY_MS)
    expect(acks()).toEqual([{ committed: 32, cursorMs: 0 }, { committed: 40, cursorMs: 900 }])
    await clock.advance(5_000)
    expect(acks()).toHaveLength(2)
  })
})

describe('a quiet connection', () => {
  const pings = (): number => network.last.framesOf(FRAME_TYPE.ping).length

  it('is kept alive by pings', async () => {
    const connection = await connect()
    let ended = false
    void connection.ended.then(() => { ended = true })
    for (let turn = 0; turn < 10; turn++) {
      await clock.advance(10_000)
      network.last.push([FRAME_TYPE.pong, 0, new Uint8Array()])
    }
    expect(pings()).toBe(10)
    expect(ended).toBe(false)
  })

  it('is found dead when nothing answers', async () => {
    const connection = await connect()
    await clock.advance(10_000)
    expect(pings()).toBe(1)
    await clock.advance(LIMITS.requestTimeoutMs)
    expect(await connection.ended).toMatchObject({ advice: 'reconnect', error: { code: 'timeout' } })
  })

  it('is probed within two seconds after a hint', async () => {
    const connection = await connect()
    connection.probe()
    await clock.advance(PROBE_TIMEOUT_MS - 1)
    network.last.push(delivery(1))
    await clock.advance(PROBE_TIMEOUT_MS)
    connection.probe()
    await clock.advance(PROBE_TIMEOUT_MS)
    expect(await connection.ended).toMatchObject({ advice: 'reconnect', error: { code: 'timeout' } })
  })

  it('is probed when the server owes an answer and is silent for three seconds', async () => {
    const connection = await connect()
    await clock.advance(1_000)
    const sending = expect(connection.send(new Uint8Array(80), 0)).rejects.toMatchObject({ code: 'unavailable.server' })
    await clock.advance(ANSWER_SILENCE_MS - 1)
    expect(pings()).toBe(0)
    await clock.advance(1)
    expect(pings()).toBe(1)
    await clock.advance(PROBE_TIMEOUT_MS)
    expect(await connection.ended).toMatchObject({ advice: 'reconnect', error: { code: 'timeout' } })
    await sending
    expect(clock.pending).toBe(0)
  })

  it('is kept while a server that owes an answer is heard, and doubted again when it falls silent', async () => {
    const connection = await connect()
    const sending = connection.send(new Uint8Array(80), 0).catch(() => 'gone')
    await clock.advance(2_000)
    network.last.push(delivery(1))
    await clock.advance(ANSWER_SILENCE_MS - 1)
    expect(pings()).toBe(0)
    await clock.advance(1)
    expect(pings()).toBe(1)
    // It is slow, and says so by its pong.
    network.last.push([FRAME_TYPE.pong, 0, new Uint8Array()])
    await clock.advance(ANSWER_SILENCE_MS - 1)
    expect(pings()).toBe(1)
    await clock.advance(1 + PROBE_TIMEOUT_MS)
    expect(pings()).toBe(2)
    expect(await connection.ended).toMatchObject({ error: { code: 'timeout' } })
    expect(await sending).toBe('gone')
  })

  it('is doubted for a catch-up without pages too, and not once everything is answered', async () => {
    const connection = await connect()
    connection.catchUp({ sinceMs: 500 })
    const [ask] = network.last.framesOf(FRAME_TYPE.catchUp)
    network.last.push([FRAME_TYPE.page, ask?.correlation ?? 0, encodePage({ deliveries: [], more: false })])
    await clock.advance(ANSWER_SILENCE_MS * 2)
    expect(pings()).toBe(0)
    connection.catchUp({ token: new Uint8Array(4) })
    await clock.advance(ANSWER_SILENCE_MS + PROBE_TIMEOUT_MS)
    expect(await connection.ended).toMatchObject({ error: { code: 'timeout', operation: 'hear from server' } })
  })

  it('cannot be made to ping more often than once a second', async () => {
    const opening = open()
    network.last.challenge()
    network.last.welcome(1)
    await opening
    for (let turn = 0; turn < 10; turn++) {
      await clock.advance(100)
      network.last.push([FRAME_TYPE.pong, 0, new Uint8Array()])
    }
    expect(pings()).toBeLessThanOrEqual(2)
  })
})

describe('the end', () => {
  it.each(Object.entries(CLOSE_CODES))('by %s carries its advice', async (_, { code, advice }) => {
    const connection = await connect()
    network.last.end(code)
    expect(await connection.ended).toMatchObject({ code, advice })
  })

  it('names the last word of the server', async () => {
    const connection = await connect()
    network.last.push([FRAME_TYPE.failure, 0, encodeFailure({ code: 'limited.rate', message: '', retryAfterMs: 4_000 })])
    network.last.end(CLOSE_CODES.rateLimited.code)
    expect(await connection.ended).toMatchObject({ advice: 'reconnect_later', error: { code: 'limited.rate' }, retryAfterMs: 4_000 })
  })

  it.each([
    ['a text message', (): void => { network.last.pushText() }, 'invalid.text_frame'],
    ['a frame of a client', (): void => { network.last.pushBytes(encodeFrame(FRAME_TYPE.hello, 0, new Uint8Array())) }, 'invalid.frame_type'],
    ['half a frame', (): void => { network.last.pushBytes(new Uint8Array([1, 67, 0, 0, 0, 0, 0, 9])) }, 'invalid.frame'],
  ])('comes with %s', async (_, act, code) => {
    const connection = await connect()
    act()
    expect(await connection.ended).toMatchObject({ advice: 'reconnect_later', error: { code } })
    expect(network.last.closedWith).toBe(1000)
  })

  it('by close is quiet: nothing is sent, nothing waits', async () => {
    const connection = await connect()
    network.last.push(delivery(1))
    await settle()
    connection.close()
    connection.close()
    expect(await connection.ended).toMatchObject({ error: { code: 'client.closed' } })
    const sent = network.last.received.length
    connection.catchUp({ sinceMs: 1 })
    connection.probe()
    await clock.advance(60_000)
    expect(network.last.received).toHaveLength(sent)
    expect(clock.pending).toBe(0)
  })
})
