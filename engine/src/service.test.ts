import { createHash, generateKeyPairSync, sign, verify, createPublicKey, type KeyObject } from 'node:crypto'
import { createServer } from 'node:net'
import { MemoryBroker, silentLogger, systemClock, systemRandom } from '@evegram/platform'
import {
  BODY_TYPE, decodeAcks, decodeChallenge, decodeDelivery, decodeFrames, decodeOpened, decodeSynced, encodeCatchUp, encodeEnvelope, encodeFrame, encodeHello,
  encodeListen, encodeOpen, encodeSignal, ENVELOPE_KIND, FRAME_TYPE, helloBytes, LIMITS, parseAccountId, parseDeviceId, SIGNAL_KIND, viewEnvelope,
  type AccountId, type DeviceId, type Frame, type FrameType,
} from '@evegram/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { selectSocketServer, type SocketTier } from './adapters/select-socket-server.js'
import { MemoryChannelLog, MemoryEnvelopeLog, MemoryInterest, MemoryMembership, MemoryNodeRegistry, MemoryPresence } from './adapters/memory/index.js'
import { DEFAULT_RATES, engineConfig, scaledRates } from './config.js'
import type { AccountDirectory } from './ports/account-directory.js'
import { SIGNAL_UNACKED_MAX } from './core/session.js'
import { createEngine, type Engine } from './service.js'

const ORIGIN = 'https://chat.example'
const SPKI_HEADER = Buffer.from('302a300506032b6570032100', 'hex')

interface Person {
  readonly account: AccountId
  readonly device: DeviceId
  readonly publicKey: Uint8Array
  readonly privateKey: KeyObject
}

function person(number: number): Person {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return {
    account: parseAccountId(`a${String(number).padStart(31, '0')}`), device: parseDeviceId(`d${String(number).padStart(31, '0')}`),
    publicKey: publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI_HEADER.length), privateKey,
  }
}

/** A WebSocket client whose frames can be awaited. */
class Client {
  readonly frames: Frame[] = []
  closedBy: number | undefined
  readonly #socket: WebSocket
  #correlation = 0

  constructor(port: number, readonly who: Person) {
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}/v1/socket`)
    this.#socket.on('message', (data: Buffer) => { this.frames.push(...decodeFrames(Uint8Array.from(data))) })
    this.#socket.on('close', (code) => { this.closedBy = code })
    this.#socket.on('error', () => undefined)
  }

  request(type: FrameType, body: Uint8Array): void {
    this.#socket.send(encodeFrame(type, ++this.#correlation, body))
  }

  /** Reads nothing any more, as a client that hangs, until `resume`. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  text(text: string): void {
    this.#socket.send(text)
  }

  async frame(type: FrameType): Promise<Frame> {
    await until(() => this.frames.some((frame) => frame.type === type))
    const index = this.frames.findIndex((frame) => frame.type === type)
    const [found] = this.frames.splice(index, 1)
    if (found === undefined) throw new Error('the frame was there')
    return found
  }

  async hello(): Promise<void> {
    const { nonce } = decodeChallenge((await this.frame(FRAME_TYPE.challenge)).body)
    const { account, device, privateKey } = this.who
    const token = `${account}.${device}`
    const clientNonce = systemRandom().bytes(32)
    const message = helloBytes({ origin: ORIGIN, serverNonce: nonce, clientNonce, account, device, tokenHash: createHash('sha256').update(token).digest() })
    this.request(FRAME_TYPE.hello, encodeHello({ account, device, token, clientNonce, signature: sign(null, message, privateKey), agent: 'test 1' }))
    await this.frame(FRAME_TYPE.welcome)
    this.request(FRAME_TYPE.catchUp, encodeCatchUp({ sinceMs: Date.now() }))
    expect(decodeSynced((await this.frame(FRAME_TYPE.synced)).body)).toBeLessThanOrEqual(Date.now() - LIMITS.overlapMs)
  }
}

async function until(reached: () => boolean): Promise<void> {
  for (let step = 0; step < 500 && !reached(); step++) await new Promise((resolve) => { setTimeout(resolve, 10) })
  expect(reached()).toBe(true)
}

describe.each<SocketTier>(['ws', 'uws'])('createEngine on the %s tier', (tier) => {
  let engine: Engine | undefined
  afterEach(async () => {
    await engine?.stop()
  })

  async function start(people: readonly Person[]): Promise<number> {
    const clock = systemClock()
    const log = new MemoryEnvelopeLog()
    const directory: AccountDirectory = {
      summary: async (account) => {
        const found = people.find((candidate) => candidate.account === account)
        return found === undefined ? undefined : { account, seq: 1, head: new Uint8Array(32), closed: false, devices: [{ device: found.device, signingKey: found.publicKey }] }
      },
      verifyToken: async (token) => {
        const [account = '', device = ''] = token.split('.')
        return { account: parseAccountId(account), device: parseDeviceId(device), expiresAtMs: clock.now() + 60_000 }
      },
      onChange: () => () => undefined,
    }
    const free = createServer()
    await new Promise<void>((resolve) => { free.listen(0, '127.0.0.1', resolve) })
    const address = free.address()
    const port = typeof address === 'object' ? address?.port ?? 0 : 0
    await new Promise((resolve) => { free.close(resolve) })
    const sockets = await selectSocketServer({
      host: '127.0.0.1', port, messageBytesMax: LIMITS.frameBytesMax, outboundBytesMax: LIMITS.outboundBytesMax, idleTimeoutMs: 60_000,
      connectionsMax: 100, allowedHosts: [`127.0.0.1:${port}`], allowedOrigins: [],
    }, tier)
    engine = createEngine({
      config: engineConfig({ origin: ORIGIN, drainSpreadMs: 50, rates: scaledRates(DEFAULT_RATES, 100) }), clock, random: systemRandom(), logger: silentLogger,
      log, marks: log.marks, membership: new MemoryMembership(), channelLog: new MemoryChannelLog(), presence: new MemoryPresence(clock), interest: new MemoryInterest(clock),
      registry: new MemoryNodeRegistry(clock),
      directory, bus: new MemoryBroker({ log: silentLogger }).connect(), sockets,
      ed25519Verify: (publicKey, message, signature) =>
        verify(null, message, createPublicKey({ key: Buffer.concat([SPKI_HEADER, publicKey]), format: 'der', type: 'spki' }), signature),
    })
    return engine.start()
  }

  it('carries a message between two sockets and stops cleanly', async () => {
    const [alice, bob] = [person(1), person(2)]
    const port = await start([alice, bob])
    const sender = new Client(port, alice)
    const receiver = new Client(port, bob)
    await sender.hello()
    await receiver.hello()
    expect(engine?.ready()).toEqual({ ok: true })
    sender.request(FRAME_TYPE.open, encodeOpen({ peer: bob.account }))
    const opened = decodeOpened((await sender.frame(FRAME_TYPE.opened)).body)
    sender.request(FRAME_TYPE.send, encodeEnvelope({
      kind: ENVELOPE_KIND.message, conversation: opened.conversation, device: alice.device, account: alice.account, epoch: 1, number: 1,
      order: BigInt(Date.now()) << 16n, membershipVersion: opened.membershipVersion, accounts: opened.members,
      bodies: [{ device: bob.device, type: BODY_TYPE.opaque, bytes: new Uint8Array(200).fill(7) }],
    }))
    const [ack] = decodeAcks((await sender.frame(FRAME_TYPE.ack)).body)
    const delivery = decodeDelivery((await receiver.frame(FRAME_TYPE.deliver)).body)
    expect(delivery.position).toEqual(ack?.position)
    expect(viewEnvelope(delivery.envelope)).toMatchObject({ device: alice.device, number: 1, bodies: [{ device: bob.device }] })
    expect(engine?.metricsText()).toMatch(/^evegram_engine_acks_total 1$/m)
    await engine?.drain()
    await until(() => sender.closedBy === 4009 && receiver.closedBy === 4009)
    expect(engine?.ready().ok).toBe(false)
  })

  it('sheds signals for a client that does not read, which gets every message all the same', async () => {
    const [alice, bob] = [person(1), person(2)]
    const port = await start([alice, bob])
    const sender = new Client(port, alice)
    const receiver = new Client(port, bob)
    await sender.hello()
    await receiver.hello()
    receiver.request(FRAME_TYPE.listen, encodeListen(true))
    sender.request(FRAME_TYPE.open, encodeOpen({ peer: bob.account }))
    const { conversation, membershipVersion, members } = decodeOpened((await sender.frame(FRAME_TYPE.opened)).body)
    const signal = (): void => { sender.request(FRAME_TYPE.signal, encodeSignal({ kind: SIGNAL_KIND.typingStarted, conversation })) }
    signal()
    await receiver.frame(FRAME_TYPE.signalled)
    receiver.pause()
    let sent = 0
    let signals = 0
    // The system takes some megabytes before anything waits in the process; then signals go first, long before the socket counts as slow.
    while (engine?.metrics.signalsShed.value === 0 && sent < SIGNAL_UNACKED_MAX) {
      sender.request(FRAME_TYPE.send, encodeEnvelope({
        kind: ENVELOPE_KIND.message, conversation, device: alice.device, account: alice.account, epoch: 1, number: ++sent, order: BigInt(Date.now()) << 16n,
        membershipVersion, accounts: members, bodies: [{ device: bob.device, type: BODY_TYPE.opaque, bytes: new Uint8Array(64_000).fill(7) }],
      }))
      await sender.frame(FRAME_TYPE.ack)
      const handled = engine.metrics.signalsDelivered.value
      signal()
      signals++
      await until(() => engine !== undefined && engine.metrics.signalsDelivered.value + engine.metrics.signalsShed.value > handled)
    }
    expect([engine?.metrics.signalsShed.value, engine?.metrics.slowConsumers.value, sender.closedBy]).toEqual([1, 0, undefined])
    receiver.resume()
    await until(() => receiver.frames.filter(({ type }) => type === FRAME_TYPE.deliver).length === sent)
    expect(receiver.frames.filter(({ type }) => type === FRAME_TYPE.signalled)).toHaveLength(signals - 1)
    signal()
    await until(() => receiver.frames.filter(({ type }) => type === FRAME_TYPE.signalled).length === signals)
    expect(receiver.closedBy).toBeUndefined()
  })

  it('closes a socket that speaks text with 4000', async () => {
    const port = await start([])
    const client = new Client(port, person(1))
    await client.frame(FRAME_TYPE.challenge)
    client.text('hello')
    await until(() => client.closedBy === 4000)
  })
})
