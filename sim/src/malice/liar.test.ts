import {
  BODY_HEADER_BYTES, BODY_TYPE, decodeAcks, decodeDelivery, decodeDeviceAck, decodeFailure, decodeFrames, decodePage, encodeAcks,
  encodeDelivery, encodeDeviceAck, encodeEnvelope, encodeFrame, encodePage, encodeSynced, ENVELOPE_OFFSETS, FRAME_TYPE, hexOf, viewEnvelope,
  type AccountId, type ConversationId, type Delivery, type DeviceId,
} from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { Run } from '../kernel/run.js'
import { Liar } from './liar.js'
import { messageKeyHex } from './lie.js'
import { describeLies, LIES } from './lies.js'
import { drawChannelPlan, drawGroupPlan, drawPlan, type LiarPlan } from './plan.js'

const id = <Id extends string>(digit: string): Id => digit.repeat(32) as Id
const [A, B, CONVERSATION, OTHER] = [id<DeviceId>('a'), id<DeviceId>('b'), id<ConversationId>('c'), id<ConversationId>('d')]
const SERVER = { domain: 'chat.example', origin: 'https://chat.example', network: 'mainnet' } as const
const EMPTY = new Uint8Array(0)

class World {
  readonly run: Run
  readonly liar: Liar
  readonly injected: Uint8Array[] = []
  #counter = 0

  constructor(seed: string, plan: LiarPlan) {
    this.run = new Run({ seed, keepTrace: true })
    this.liar = new Liar(this.run, {
      server: SERVER, plan, signal: () => Promise.reject(new Error('no keys here')), inject: (_device, bytes) => { this.injected.push(bytes) },
    })
    this.liar.network.toClient('bob-1', encodeFrame(FRAME_TYPE.challenge, 0, EMPTY))
    this.liar.network.toClient('bob-2', encodeFrame(FRAME_TYPE.challenge, 0, EMPTY))
    this.liar.begin(60_000)
  }

  envelope(number: number, device: DeviceId = A, conversation: ConversationId = CONVERSATION): Uint8Array {
    return encodeEnvelope({
      kind: 1, conversation, device, account: id<AccountId>('1'), epoch: 1, number, order: BigInt(number) << 32n, membershipVersion: 1, accounts: [],
      bodies: [{ device: B, type: BODY_TYPE.message, bytes: new Uint8Array(64).fill(number) }],
    })
  }

  delivery(number: number, device?: DeviceId, conversation?: ConversationId): Delivery {
    const position = { timeMs: Math.floor(this.run.trueTimeMs) + 1, incarnation: 7, counter: this.#counter++ }
    return { position, envelope: this.envelope(number, device, conversation) }
  }

  frames(bytes: Uint8Array, to = 'bob-1'): ReturnType<typeof decodeFrames> {
    return this.liar.network.toClient(to, bytes).flatMap((one) => decodeFrames(one))
  }

  /** What a device is told live. */
  live(deliveries: readonly Delivery[], to = 'bob-1'): Delivery[] {
    return deliveries.flatMap((one) => this.frames(encodeFrame(FRAME_TYPE.deliver, 0, encodeDelivery(one)), to))
      .filter(({ type }) => type === FRAME_TYPE.deliver).map(({ body }) => decodeDelivery(body))
  }

  /** What a device is told in a page. */
  page(deliveries: readonly Delivery[], to = 'bob-1'): Delivery[] {
    return this.frames(encodeFrame(FRAME_TYPE.page, 3, encodePage({ deliveries, more: false })), to)
      .filter(({ type }) => type === FRAME_TYPE.page).flatMap(({ body }) => decodePage(body).deliveries)
  }

  count(name: string): number {
    return this.run.coverage.of(`lie/${name}`)
  }

  pass(ms: number): Promise<void> {
    return this.run.scheduler.run(this.run.nowMs + ms, () => undefined)
  }
}

const planOf = (name: string, untilMs = Infinity): LiarPlan => {
  const two = LIES.find((lie) => lie.name === name)?.victims === 2
  return [{ name, victims: two ? ['bob-1', 'bob-2'] : ['bob-1'], fromMs: 0, untilMs }]
}
const numbers = (deliveries: readonly Delivery[]): number[] => deliveries.map(({ envelope }) => viewEnvelope(envelope).number)
const hexes = (deliveries: readonly Delivery[]): string[] => deliveries.map(({ envelope }) => hexOf(envelope))
const bodyOf = (envelope: Uint8Array): string => hexOf(envelope.subarray(ENVELOPE_OFFSETS.end + BODY_HEADER_BYTES))
const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)
const bitsThatDiffer = (one: Uint8Array, other: Uint8Array): number => {
  let bits = 0
  for (let index = 0; index < one.length; index++) for (let rest = (one[index] ?? 0) ^ (other[index] ?? 0); rest > 0; rest >>= 1) bits += rest & 1
  return bits
}

/** The header up to the length of the body is the same, and the body begins the same. */
const isCutOf = (cut: Uint8Array, whole: Uint8Array): boolean => {
  const lengthAt = ENVELOPE_OFFSETS.end + BODY_HEADER_BYTES - 4
  return cut.length < whole.length && hexOf(cut.subarray(0, lengthAt)) === hexOf(whole.subarray(0, lengthAt)) && bodyOf(whole).startsWith(bodyOf(cut))
}

describe('withheld messages', () => {
  it.each([
    ['withhold one', 1], ['withhold tail', 10], ['withhold conversation', 10], ['withhold sender', 10], ['withhold everything', 10],
  ])('%s: stays withheld live, in pages and in reads until the lie ends', async (name, hidden) => {
    const world = new World('w', planOf(name, 1_000))
    const all = range(10).map((number) => world.delivery(number))
    const live = world.live(all)
    expect(live).toHaveLength(10 - hidden)
    expect(hexes(world.page(all))).toEqual(hexes(live))
    expect(hexes(world.page([...all, ...all]))).toEqual([...hexes(live), ...hexes(live)])
    expect(world.count(name)).toBe(hidden * 4)
    expect(hexes(world.page(all, 'bob-2')), 'another device').toEqual(hexes(all))
    await world.pass(1_001)
    expect(hexes(world.page(all)), 'once the lie is over').toEqual(hexes(all))
    expect(hexes(live).every((hex) => hexes(all).includes(hex)), 'what is told is told as it is').toBe(true)
  })

  it('leaves other chains, conversations and senders alone', () => {
    const tail = new World('w', planOf('withhold tail'))
    tail.live([tail.delivery(1)])
    expect(numbers(tail.live([tail.delivery(2), tail.delivery(5, B), tail.delivery(6, A, OTHER)]))).toEqual([5, 6])
    const conversation = new World('w', planOf('withhold conversation'))
    conversation.live([conversation.delivery(1)])
    expect(numbers(conversation.live([conversation.delivery(5, B), conversation.delivery(6, A, OTHER)]))).toEqual([6])
    const sender = new World('w', planOf('withhold sender'))
    sender.live([sender.delivery(1)])
    expect(numbers(sender.live([sender.delivery(5, B), sender.delivery(6, A, OTHER)]))).toEqual([5])
  })

  it('does not withhold what was delivered before it began', () => {
    const world = new World('w', planOf('withhold everything'))
    const old = { ...world.delivery(1), position: { timeMs: Math.floor(world.run.trueTimeMs) - 5_000, incarnation: 1, counter: 1 } }
    expect(numbers(world.page([old, world.delivery(2)]))).toEqual([1])
  })

  it('shows each message to one of two devices when it forks', () => {
    const world = new World('w', planOf('fork'))
    const all = range(20).map((number) => world.delivery(number))
    const [one, two] = [numbers(world.live(all, 'bob-1')), numbers(world.live(all, 'bob-2'))]
    expect([...one, ...two].sort((left, right) => left - right)).toEqual(range(20))
    expect(one.length * two.length).toBeGreaterThan(0)
    expect(numbers(world.page(all, 'bob-2'))).toEqual(two)
  })
})

describe('forged envelopes', () => {
  it.each(['move', 'flip bits', 'truncate'])('%s: the same in pages as live, and nothing else is touched', (name) => {
    for (const seed of range(8)) {
      const world = new World(`forge ${seed}`, planOf(name))
      const all = range(12).map((number) => world.delivery(number, number % 2 === 0 ? A : B, number % 3 === 0 ? OTHER : CONVERSATION))
      const live = world.live(all)
      expect(world.count(name)).toBeGreaterThan(0)
      expect(hexes(world.page(all))).toEqual(hexes(live))
      const honest = new Set(hexes(all))
      for (const { envelope } of live.filter((one) => !honest.has(hexOf(one.envelope)))) {
        if (name === 'move') expect(all.map((one) => bodyOf(one.envelope))).toContain(bodyOf(envelope))
        else if (name === 'truncate') expect(all.some((one) => isCutOf(envelope, one.envelope))).toBe(true)
        else expect(all.some((one) => one.envelope.length === envelope.length && bitsThatDiffer(one.envelope, envelope) <= 2)).toBe(true)
      }
    }
  })

  it('swaps bodies of two messages and keeps their headers', () => {
    const world = new World('swap', planOf('swap bodies'))
    const all = range(12).map((number) => world.delivery(number))
    const live = world.live(all)
    const swapped = live.filter(({ envelope }) => !bodyOf(envelope).startsWith(hexOf(Uint8Array.of(viewEnvelope(envelope).number))))
    expect(swapped.length).toBeGreaterThan(1)
    expect(swapped.length % 2).toBe(0)
    expect(new Set(live.map(({ envelope }) => bodyOf(envelope))).size).toBe(live.length)
    expect(new Set(hexes(world.page(all)))).toEqual(new Set(hexes(live)))
  })
})

describe('the stream', () => {
  it('duplicates and replays only what was delivered, and turns nothing into something else', () => {
    for (const name of ['duplicate', 'replay', 'reorder', 'positions']) {
      const world = new World(name, planOf(name))
      const all = range(30).map((number) => world.delivery(number))
      const told = [...world.live(all), ...world.page(all)]
      expect(world.count(name), name).toBeGreaterThan(0)
      const honest = new Set(hexes(all))
      expect(hexes(told).every((hex) => honest.has(hex)), name).toBe(true)
    }
  })

  it('replays on later connections', () => {
    const world = new World('replay', planOf('replay'))
    world.live(range(10).map((number) => world.delivery(number)))
    world.frames(encodeFrame(FRAME_TYPE.challenge, 0, EMPTY))
    const later = range(20).flatMap(() => world.frames(encodeFrame(FRAME_TYPE.pong, 1, EMPTY)))
    expect(later.filter(({ type }) => type === FRAME_TYPE.deliver).length).toBeGreaterThan(0)
  })

  it('reorders, and lets go what it held when it ends', async () => {
    const world = new World('reorder', planOf('reorder', 1_000))
    const all = range(30).map((number) => world.delivery(number))
    const live = numbers(world.live(all))
    expect(live).not.toEqual([...live].sort((left, right) => left - right))
    await world.pass(2_000)
    world.liar.end()
    const rest = world.frames(encodeFrame(FRAME_TYPE.synced, 0, encodeSynced(1))).filter(({ type }) => type === FRAME_TYPE.deliver).length
    expect(live.length + rest).toBe(30)
  })

  it('claims cursors, and tells the true number of committed deliveries to the server', () => {
    const world = new World('cursor', planOf('cursor over gap'))
    const all = range(10).map((number) => world.delivery(number))
    const live = world.live(all)
    expect(live.length).toBeLessThan(10)
    const [synced] = world.frames(encodeFrame(FRAME_TYPE.synced, 0, encodeSynced(5)))
    expect(Number(new DataView(synced!.body.slice().buffer).getBigUint64(0))).toBeGreaterThan(world.run.trueTimeMs)
    const [ack] = world.liar.network.toServer('bob-1', encodeFrame(FRAME_TYPE.deviceAck, 0, encodeDeviceAck({ committed: live.length, cursorMs: 0 })))
    expect(decodeDeviceAck(decodeFrames(ack!)[0]!.body).committed).toBe(10)
    expect(numbers(world.page(all)), 'history has them').toEqual(range(10))
  })

  it('delivers to the wrong device', () => {
    const world = new World('wrong', planOf('wrong device'))
    world.live(range(10).map((number) => world.delivery(number)), 'bob-1')
    const own = world.delivery(99, A, OTHER)
    const told = world.live([own], 'bob-2')
    expect(numbers(told)[0]).toBe(99)
    expect(told.length).toBeGreaterThan(1)
  })
})

describe('answers', () => {
  const send = (world: World, number: number, correlation: number): Uint8Array => encodeFrame(FRAME_TYPE.send, correlation, world.envelope(number))

  it('acknowledges and drops, and takes back what is sent after all', async () => {
    const world = new World('drop', planOf('ack and drop'))
    const forwarded = range(20).filter((number) => world.liar.network.toServer('bob-1', send(world, number, number)).length > 0)
    expect(world.liar.lostToLyingAck.size).toBe(20 - forwarded.length)
    await world.pass(1_000)
    const acked = world.injected.flatMap((bytes) => decodeFrames(bytes)).flatMap(({ body }) => decodeAcks(body)).map(({ correlation }) => correlation)
    expect([...acked, ...forwarded].sort((left, right) => left - right)).toEqual(range(20))
    world.liar.end()
    for (const number of acked) {
      expect(world.liar.lostToLyingAck.has(messageKeyHex(world.envelope(number)))).toBe(true)
      world.liar.network.toServer('bob-1', send(world, number, 100 + number))
    }
    expect(world.liar.lostToLyingAck.size).toBe(0)
  })

  it.each([
    'failure for stored', 'order refused for stored', 'final failure for stored',
  ])('%s: forwards every send, and answers each exactly once', (name) => {
    const world = new World(name, planOf(name))
    for (const number of range(20)) expect(world.liar.network.toServer('bob-1', send(world, number, number))).toHaveLength(1)
    const position = { timeMs: 1, incarnation: 1, counter: 1 }
    const answers = world.frames(encodeFrame(FRAME_TYPE.ack, 0, encodeAcks(range(20).map((correlation) => ({ correlation, position })))))
    const acked = answers.filter(({ type }) => type === FRAME_TYPE.ack).flatMap(({ body }) => decodeAcks(body)).map(({ correlation }) => correlation)
    const failed = answers.filter(({ type }) => type === FRAME_TYPE.failure)
    for (const { body } of failed) expect(decodeFailure(body).code).not.toBe('stale.devices')
    expect([...acked, ...failed.map(({ correlation }) => correlation)].sort((left, right) => left - right)).toEqual(range(20))
    expect(failed.length).toBe(world.count(name))
  })

  it('names ghosts in a refusal, a bounded number of times', async () => {
    const world = new World('stale', planOf('stale ghosts'))
    const passed = range(10).filter(() => world.liar.network.toServer('bob-1', send(world, 1, 9)).length > 0)
    expect(passed).toHaveLength(8)
    await world.pass(1_000)
    const failures = world.injected.flatMap((bytes) => decodeFrames(bytes)).map(({ body }) => decodeFailure(body))
    expect(failures.map(({ code, missing }) => [code, missing?.length])).toEqual([['stale.devices', 1], ['stale.devices', 1]])
  })

  it('answers nothing on a connection that came after', async () => {
    const world = new World('drop', planOf('ack and drop'))
    for (const number of range(20)) world.liar.network.toServer('bob-1', send(world, number, number))
    world.frames(encodeFrame(FRAME_TYPE.challenge, 0, EMPTY))
    await world.pass(1_000)
    expect(world.injected).toHaveLength(0)
  })
})

describe('the liar', () => {
  it('passes messages of others on as they are', () => {
    const world = new World('others', LIES.filter(({ victims }) => victims === 1).map(({ name }) => ({ ...planOf(name)[0]! })))
    const bytes = Uint8Array.of(9, 9, 9)
    expect(world.liar.network.toClient('carol-1', bytes)[0]).toBe(bytes)
    expect(world.liar.network.toServer('carol-1', bytes)[0]).toBe(bytes)
  })

  it('tells no lie before its time, and none without something to lie about', () => {
    const world = new World('early', [{ name: 'withhold everything', victims: ['bob-1'], fromMs: 500, untilMs: Infinity }])
    const bytes = encodeFrame(FRAME_TYPE.deliver, 0, encodeDelivery(world.delivery(1)))
    expect(world.liar.network.toClient('bob-1', bytes)[0]).toBe(bytes)
  })

  it('does the same again for the same seed', () => {
    const traceOf = (seed: string): string => {
      const world = new World(seed, LIES.filter(({ place }) => place !== 'accounts' && place !== 'bundles').flatMap(({ name }) => planOf(name)))
      const told = world.live(range(40).map((number) => world.delivery(number)))
      for (const number of range(10)) world.liar.network.toServer('bob-1', encodeFrame(FRAME_TYPE.send, number, world.envelope(number)))
      world.run.note('test', hexes(told).join(' '))
      return world.run.trace.digest()
    }
    expect(traceOf('same')).toBe(traceOf('same'))
    expect(traceOf('same')).not.toBe(traceOf('other'))
  })

  it('draws plans within bounds, all kinds in time', () => {
    const drawn = new Set<string>()
    for (const seed of range(300)) {
      const plan = drawPlan(new Run({ seed: `plan ${seed}`, keepTrace: false }).random('malice'), ['alice-1', 'bob-1'], 60_000)
      expect(plan.length).toBeGreaterThanOrEqual(1)
      expect(plan.length).toBeLessThanOrEqual(4)
      expect(new Set(plan.map(({ name }) => name)).size).toBe(plan.length)
      const ofGroups = drawGroupPlan(new Run({ seed: `plan ${seed}`, keepTrace: false }).random('malice/groups'), ['alice-1', 'bob-1'], 60_000)
      expect(ofGroups.length).toBeLessThanOrEqual(1)
      const ofChannels = drawChannelPlan(new Run({ seed: `plan ${seed}`, keepTrace: false }).random('malice/channels'), ['alice-1', 'bob-1'], 60_000)
      expect(ofChannels.length).toBeLessThanOrEqual(2)
      for (const { name, victims, fromMs, untilMs } of [...plan, ...ofGroups, ...ofChannels]) {
        drawn.add(name)
        expect(new Set(victims).size).toBe(LIES.find((lie) => lie.name === name)?.victims)
        expect(fromMs).toBeLessThan(untilMs)
        expect(fromMs).toBeLessThan(60_000)
      }
    }
    expect([...drawn].sort()).toEqual(LIES.map(({ name }) => name).sort())
    expect(drawPlan(new Run({ seed: 'x', keepTrace: false }).random('malice'), ['alice-1'], 1, new Set(LIES.map(({ name }) => name)))).toEqual([])
  })

  it('describes every lie once', () => {
    expect(describeLies().split('\n')).toHaveLength(LIES.length + 2)
    expect(new Set(LIES.map(({ name }) => name)).size).toBe(LIES.length)
  })
})
