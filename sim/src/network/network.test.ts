import { CLOSE_GRACE_MS, type Socket, type SocketHandlers, type SocketServer } from '@evegram/engine'
import { CLOSE_CODES, isEvegramError, LIMITS, type CloseReason } from '@evegram/protocol'
import type { SocketEvents } from '@evegram/sdk/parts'
import { describe, expect, it } from 'vitest'
import { SimProcess } from '../kernel/process.js'
import { Run } from '../kernel/run.js'
import { NO_NETWORK_FAULTS, type NetworkFaults } from './network-faults.js'
import { SimNetwork, type SimNetworkOptions } from './network.js'

const FAULTS: NetworkFaults = { refused: 0.05, hanging: 0.03, slowLink: 0.2, lost: 0.03, stalled: 0.01, reset: 0.004, halfOpen: 0.004, silentDeath: 0.4 }
const KIB = 1_024

/** What one end saw, in words. */
interface Node {
  readonly process: SimProcess
  readonly server: SocketServer
  readonly sockets: Socket[]
  readonly messages: Uint8Array[]
  readonly closed: number[]
  drained: number
  texts: number
}

interface Device {
  readonly process: SimProcess
  readonly socket: ReturnType<ReturnType<SimNetwork['socketsFor']>['open']>
  readonly saw: string[]
  readonly messages: Uint8Array[]
  code: number | undefined
}

class World {
  readonly run: Run
  readonly network: SimNetwork
  faults: NetworkFaults = NO_NETWORK_FAULTS
  readonly cuts = new Set<string>()
  readonly taps: string[] = []
  #starts = 0

  constructor(seed = '1', options: Partial<SimNetworkOptions> = {}) {
    this.run = new Run({ seed, keepTrace: true })
    this.network = new SimNetwork(this.run, {
      faults: () => this.faults,
      reaches: (from, to) => !this.cuts.has(`${from}|${to}`),
      observer: {
        socketOpened: (node, socket) => { this.taps.push(`${node.name} ${socket} opened`) },
        received: (node, socket, bytes) => { this.taps.push(`${node.name} ${socket} received ${bytes[0] ?? ''}`) },
        sent: (node, socket, bytes) => { this.taps.push(`${node.name} ${socket} sent ${bytes[0] ?? ''}`) },
        socketClosed: (node, socket, code) => { this.taps.push(`${node.name} ${socket} closed ${code}`) },
      },
      ...options,
    })
  }

  process(machine: string): SimProcess {
    const start = ++this.#starts
    const { scheduler, startEpochMs } = this.run
    return new SimProcess({ machine, start, scheduler, startEpochMs, random: this.run.random(`${machine}${start}`), faults: { wallAheadMs: 0, rate: 1 } })
  }

  cut(one: string, other: string): void {
    this.cuts.add(`${one}|${other}`).add(`${other}|${one}`)
  }

  async node(handlers: Partial<SocketHandlers> = {}, machine = 'n1'): Promise<Node> {
    const process = this.process(machine)
    const node: Node = { process, server: this.network.serverFor(process), sockets: [], messages: [], closed: [], drained: 0, texts: 0 }
    await node.server.listen({
      opened: (socket) => { node.sockets.push(socket); handlers.opened?.(socket) },
      message: (socket, bytes) => { node.messages.push(bytes.slice()); handlers.message?.(socket, bytes) },
      text: (socket) => { node.texts++; handlers.text?.(socket) },
      drained: (socket) => { node.drained++; handlers.drained?.(socket) },
      closed: (socket, code) => { node.closed.push(code); handlers.closed?.(socket, code) },
    })
    return node
  }

  dial(events: Partial<SocketEvents> = {}, machine = 'd1', choose: () => string | undefined = () => 'n1', messageBytesMax: number = LIMITS.outboundBytesMax): Device {
    const process = this.process(machine)
    const saw: string[] = []
    const messages: Uint8Array[] = []
    const socket = this.network.socketsFor(process, choose).open('wss://chat.test/v1/socket', {
      onOpen: () => { saw.push('open'); events.onOpen?.() },
      onMessage: (bytes) => { saw.push('message'); messages.push(bytes); events.onMessage?.(bytes) },
      onText: () => { saw.push('text') },
      onClose: (close) => { saw.push(`close ${close.code}`); device.code = close.code; events.onClose?.(close) },
    }, messageBytesMax)
    const device: Device = { process, socket, saw, messages, code: undefined }
    return device
  }

  async pass(ms: number): Promise<void> {
    await this.run.scheduler.run(this.run.nowMs + ms, () => undefined)
  }
}

const first = <Item>(items: readonly Item[]): Item => {
  const [item] = items
  if (item === undefined) throw new Error('there is none')
  return item
}
const firstBytes = (messages: readonly Uint8Array[]): number[] => messages.map((message) => message[0] ?? -1)
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
const numbered = (index: number, length = 4): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(length)
  new DataView(bytes.buffer).setUint32(0, index)
  return bytes
}
const numberOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)

describe('the socket of a node', () => {
  it('hands messages up in order, also empty ones, and echoes bytes unchanged, whatever is lost or stands still', async () => {
    const world = new World()
    const node = await world.node({ message: (socket, bytes) => { socket.send(bytes) } })
    const device = world.dial()
    await world.pass(1_000)
    world.faults = { ...NO_NETWORK_FAULTS, lost: 0.2, stalled: 0.05, slowLink: 1 }
    const sent = Array.from({ length: 200 }, (_, index) => new Uint8Array(index * 31).fill(index))
    for (const [index, message] of sent.entries()) {
      device.socket.send(message)
      if (index % 3 === 0) await world.pass(10)
    }
    await world.pass(600_000)
    expect(node.messages).toEqual(sent)
    expect(device.messages).toEqual(sent)
    expect(device.messages.every((bytes) => bytes.buffer.byteLength === bytes.length)).toBe(true)
  })

  it('takes its bytes at once, and what a handler keeps is overwritten', async () => {
    const world = new World()
    const kept: Uint8Array[] = []
    const scratch = new Uint8Array(100)
    await world.node({
      opened: (socket) => {
        socket.cork(() => { for (let round = 0; round < 20; round++) socket.send(scratch.fill(round)) })
        scratch.fill(255)
      },
      message: (_socket, bytes) => { kept.push(bytes) },
    })
    const device = world.dial()
    await world.pass(1_000)
    device.socket.send(Uint8Array.of(1, 2, 3))
    await world.pass(1_000)
    expect(device.messages.map((message) => new Set(message))).toEqual(upTo(20).map((round) => new Set([round])))
    expect(kept).toEqual([Uint8Array.of(0xee, 0xee, 0xee)])
  })

  it.each(Object.keys(CLOSE_CODES) as CloseReason[])('closes with %s behind what was sent, tells so once and before close returns', async (reason) => {
    const world = new World()
    const results: unknown[] = []
    const node = await world.node({
      message: (socket) => {
        socket.send(Uint8Array.of(7))
        socket.close(reason)
        results.push(node.closed.length, socket.send(Uint8Array.of(8)), socket.bufferedBytes())
        socket.close('internal')
        socket.cork(() => { results.push('ran') })
      },
    })
    const device = world.dial()
    await world.pass(1_000)
    device.socket.send(Uint8Array.of(1))
    device.socket.send(Uint8Array.of(2))
    await world.pass(10_000)
    expect(results).toEqual([1, 'closed', 0, 'ran'])
    expect(node.closed).toEqual([CLOSE_CODES[reason].code])
    expect(node.messages).toHaveLength(1)
    expect(device.saw).toEqual(['open', 'message', `close ${CLOSE_CODES[reason].code}`])
  })

  it('reports the code of a peer that closes, and 1006 for one that vanishes', async () => {
    const world = new World()
    const node = await world.node()
    const polite = world.dial()
    const rude = world.network.rawConnection(world.process('d2'), 'n1')
    const killed = world.dial({}, 'd3')
    await world.pass(1_000)
    polite.socket.close(4321)
    await world.pass(1_000)
    rude.vanish()
    await world.pass(1_000)
    killed.process.kill()
    await world.pass(1_000)
    expect(node.closed).toEqual([4321, 1006, 1006])
    expect([polite.code, rude.closeCode, killed.code]).toEqual([4321, 1006, undefined])
  })

  it('takes a message of the limit, closes on a larger one, cuts off at more than twice of it', async () => {
    const world = new World()
    const node = await world.node()
    const [large, huge] = [world.dial(), world.dial()]
    await world.pass(1_000)
    large.socket.send(new Uint8Array(LIMITS.frameBytesMax))
    large.socket.send(new Uint8Array(LIMITS.frameBytesMax + 1))
    huge.socket.send(new Uint8Array(LIMITS.frameBytesMax * 2 + 1))
    await world.pass(10_000)
    expect(node.messages.map(({ length }) => length)).toEqual([LIMITS.frameBytesMax])
    expect([large.code, huge.code]).toEqual([CLOSE_CODES.tooLarge.code, 1009])
    expect(node.closed.toSorted()).toEqual([1006, CLOSE_CODES.tooLarge.code])
  })

  it('reports a text message and stays open', async () => {
    const world = new World()
    const node = await world.node()
    const raw = world.network.rawConnection(world.process('d1'), 'n1')
    await world.pass(1_000)
    raw.sendText()
    raw.send(Uint8Array.of(5))
    await world.pass(1_000)
    expect([node.texts, firstBytes(node.messages), node.closed]).toEqual([1, [5], []])
  })

  it.each([[1_000, CLOSE_CODES.slowConsumer.code], [30_000, 1006]])('closes a peer that does not read for %i ms as a slow consumer: it hears %i', async (sleepsMs, heard) => {
    const world = new World('1', { outboundBytesMax: 64 * KIB, windowBytes: 16 * KIB })
    const node = await world.node()
    const device = world.dial()
    await world.pass(1_000)
    device.process.suspend(sleepsMs, true)
    const socket = first(node.sockets)
    let sends = 0
    let largest = 0
    while (socket.send(numbered(sends, 1_000)) === 'sent') {
      sends++
      largest = Math.max(largest, socket.bufferedBytes())
    }
    expect(node.closed).toEqual([CLOSE_CODES.slowConsumer.code])
    expect(largest).toBeGreaterThan(60 * KIB)
    expect(largest).toBeLessThanOrEqual(64 * KIB)
    expect(socket.bufferedBytes()).toBe(0)
    await world.pass(CLOSE_GRACE_MS + 60_000)
    expect(device.code).toBe(heard)
    // Whoever is cut off misses what waited.
    if (heard !== 1006) expect(device.messages.map(numberOf)).toEqual(upTo(sends))
    else expect(device.messages.length).toBeLessThan(sends)
  })

  it('drops nothing on a socket that stays open and says when it drained', async () => {
    const world = new World()
    const node = await world.node()
    const device = world.dial()
    await world.pass(1_000)
    const socket = first(node.sockets)
    device.process.suspend(5_000, true)
    for (let index = 0; index < 400; index++) expect(socket.send(numbered(index, 5_000))).toBe('sent')
    expect(socket.bufferedBytes()).toBeGreaterThan(1_000_000)
    await world.pass(4_900)
    expect([node.drained, device.messages.length]).toEqual([0, 0])
    await world.pass(30_000)
    expect(device.messages.map(numberOf)).toEqual(upTo(400))
    expect([node.drained, socket.bufferedBytes(), node.closed]).toEqual([1, 0, []])
  })

  it('closes a silent peer with idle and not one that is heard', async () => {
    const world = new World('1', { idleTimeoutMs: 8_000 })
    const node = await world.node()
    const [silent, talker] = [world.dial(), world.dial({}, 'd2')]
    await world.pass(1_000)
    for (let second = 0; second < 12; second++) {
      talker.socket.send(Uint8Array.of(1))
      await world.pass(1_000)
    }
    expect([silent.code, talker.code, node.closed]).toEqual([CLOSE_CODES.idle.code, undefined, [CLOSE_CODES.idle.code]])
  })

  it('costs no event while it is idle', async () => {
    const world = new World('1', { idleTimeoutMs: 1_000_000 })
    await world.node()
    for (let index = 0; index < 50; index++) world.dial({}, `d${index}`)
    await world.pass(10_000)
    const before = world.run.scheduler.events
    await world.pass(100_000)
    expect(world.run.scheduler.events).toBe(before)
  })
})

describe('the socket tier of a node', () => {
  it('refuses a port that is taken, until its owner closed or died', async () => {
    const world = new World()
    const node = await world.node()
    const failure: unknown = await world.node().catch((error: unknown) => error)
    expect(isEvegramError(failure, 'invalid.config')).toBe(true)
    await node.server.close()
    const second = await world.node()
    second.process.kill()
    const third = await world.node()
    world.dial()
    await world.pass(1_000)
    expect(third.sockets).toHaveLength(1)
  })

  it('stops accepting while open sockets go on, then closes them with draining, also when it dies right after', async () => {
    const world = new World()
    const node = await world.node()
    const early = world.dial()
    await world.pass(1_000)
    node.server.stopAccepting()
    const late = world.dial()
    early.socket.send(Uint8Array.of(1))
    await world.pass(1_000)
    expect([late.saw, firstBytes(node.messages), early.code]).toEqual([['close 1006'], [1], undefined])
    await node.server.close()
    node.process.kill()
    await world.pass(1_000)
    expect([early.code, node.closed]).toEqual([CLOSE_CODES.draining.code, [CLOSE_CODES.draining.code]])
  })

  it('refuses above connectionsMax and serves again when there is room', async () => {
    const world = new World('1', { connectionsMax: 1 })
    const node = await world.node()
    const one = world.dial()
    await world.pass(1_000)
    const other = world.dial()
    await world.pass(1_000)
    one.socket.close(1000)
    await world.pass(1_000)
    const third = world.dial()
    await world.pass(1_000)
    expect([other.saw, third.saw, node.sockets.map(({ id }) => id)]).toEqual([['close 1006'], ['open'], [1, 2]])
    expect(node.sockets[0]?.remoteAddress).toBe('10.0.0.1')
  })
})

describe('the socket of a device', () => {
  it('tells nothing before open returned, also when it is closed at once or nobody is there', async () => {
    const world = new World()
    await world.node()
    const closed = world.dial()
    closed.socket.close(1000)
    closed.socket.close(1000)
    closed.socket.send(Uint8Array.of(1))
    const nobody = world.dial({}, 'd2', () => undefined)
    const dead = world.dial({}, 'd3', () => 'n9')
    expect([closed.saw, nobody.saw, dead.saw]).toEqual([[], [], []])
    await world.pass(10_000)
    expect([closed.saw, nobody.saw, dead.saw]).toEqual([['close 1006'], ['close 1006'], ['close 1006']])
  })

  it('gives up a connect that is not answered', async () => {
    const world = new World()
    await world.node()
    world.faults = { ...NO_NETWORK_FAULTS, hanging: 1 }
    const device = world.dial()
    await world.pass(14_000)
    expect(device.saw).toEqual([])
    await world.pass(50_000)
    expect(device.saw).toEqual(['close 1006'])
  })

  it('ends within seconds of close on a dead network', async () => {
    const world = new World()
    await world.node()
    const device = world.dial()
    await world.pass(1_000)
    world.cut('d1', 'n1')
    device.socket.close(1000)
    await world.pass(4_000)
    expect(device.saw).toEqual(['open', 'close 1006'])
  })

  it('ends at a message above the limit, which is not handed over', async () => {
    const world = new World()
    const node = await world.node({ opened: (socket) => { socket.send(new Uint8Array(1_001)) } })
    const device = world.dial({}, 'd1', () => 'n1', 1_000)
    await world.pass(2_000)
    expect([device.saw, node.closed]).toEqual([['open', 'close 1006'], [1009]])
  })

  it('lets bytes wait that the network does not take', async () => {
    const world = new World()
    await world.node()
    const device = world.dial()
    await world.pass(1_000)
    world.cut('d1', 'n1')
    for (let index = 0; index < 10; index++) device.socket.send(new Uint8Array(20_000))
    expect(device.socket.bufferedBytes).toBe(200_000 - 65_536)
    world.cuts.clear()
    await world.pass(5_000)
    expect(device.socket.bufferedBytes).toBe(0)
  })
})

describe('faults', () => {
  it('data waits for a partition that heals within 20 s; after that the sender gives up and the other end is not told', async () => {
    const world = new World()
    const node = await world.node()
    const device = world.dial()
    await world.pass(1_000)
    world.cut('d1', 'n1')
    first(node.sockets).send(Uint8Array.of(1))
    await world.pass(15_000)
    expect(device.messages).toEqual([])
    world.cuts.clear()
    await world.pass(5_000)
    expect([firstBytes(device.messages), node.closed, device.code]).toEqual([[1], [], undefined])
    world.cut('d1', 'n1')
    first(node.sockets).send(Uint8Array.of(2))
    await world.pass(30_000)
    expect([firstBytes(device.messages), node.closed, device.code]).toEqual([[1], [1006], undefined])
    world.cuts.clear()
    device.socket.send(Uint8Array.of(3))
    await world.pass(61_000)
    expect([node.messages, device.code]).toEqual([[], 1006])
  })

  it('a connection that is idle during a partition survives it', async () => {
    const world = new World('1', { idleTimeoutMs: 1_000_000 })
    const node = await world.node()
    const device = world.dial()
    await world.pass(1_000)
    world.cut('d1', 'n1')
    await world.pass(120_000)
    world.cuts.clear()
    device.socket.send(Uint8Array.of(3))
    await world.pass(1_000)
    expect([firstBytes(node.messages), device.code]).toEqual([[3], undefined])
  })

  it('a reset tells both ends soon; a half-open connection tells one or none, and vanished data is missed in the end', async () => {
    const told = new Set<string>()
    for (let seed = 0; seed < 60; seed++) {
      const world = new World(`cut ${seed}`, { idleTimeoutMs: 1_000_000 })
      const node = await world.node()
      const device = world.dial()
      await world.pass(1_000)
      world.faults = { ...NO_NETWORK_FAULTS, reset: seed % 2, halfOpen: 1 - seed % 2 }
      device.socket.send(Uint8Array.of(1))
      await world.pass(1_000)
      if (seed % 2 === 1) expect([device.code, node.closed]).toEqual([1006, [1006]])
      else told.add(`${device.code ?? 'open'} ${node.closed[0] ?? 'open'}`)
      first(node.sockets).send(Uint8Array.of(2))
      await world.pass(61_000)
      expect([device.code, node.closed, node.messages, device.messages]).toEqual([1006, [1006], [], []])
    }
    expect([...told].toSorted()).toEqual(['1006 open', 'open 1006', 'open open'])
  })

  it('the death of a node is heard by its peers, or only by their own limits, and nothing of it has an effect any more', async () => {
    const saw = new Set<string>()
    for (let seed = 0; seed < 20; seed++) {
      const world = new World(`death ${seed}`)
      const node = await world.node()
      const device = world.dial()
      await world.pass(1_000)
      world.faults = { ...NO_NETWORK_FAULTS, silentDeath: seed % 2 }
      const socket = first(node.sockets)
      socket.send(Uint8Array.of(1))
      node.process.kill()
      expect([socket.send(Uint8Array.of(2)), socket.bufferedBytes(), node.closed]).toEqual(['closed', 0, []])
      socket.close('draining')
      expect(world.taps.at(-1)).toBe(`${node.process.name} 1 closed 1006`)
      await world.pass(2_000)
      saw.add(device.saw.join())
      device.socket.send(Uint8Array.of(3))
      await world.pass(61_000)
      expect([device.code, node.messages]).toEqual([1006, []])
    }
    expect([...saw].toSorted()).toEqual(['open', 'open,close 1006', 'open,message,close 1006'])
  })

  it('a device that dies is called no more, and what it sent before may still arrive', async () => {
    const arrived = new Set<number>()
    for (let seed = 0; seed < 20; seed++) {
      const world = new World(`death of a device ${seed}`)
      const node = await world.node({ message: (socket) => { socket.send(Uint8Array.of(9)) } })
      const device = world.dial()
      await world.pass(1_000)
      device.socket.send(Uint8Array.of(1))
      device.process.kill()
      device.socket.send(Uint8Array.of(2))
      await world.pass(2_000)
      arrived.add(node.messages.length)
      expect([device.saw, node.closed]).toEqual([['open'], [1006]])
    }
    expect([...arrived].toSorted()).toEqual([0, 1])
  })

  it('what arrives at a node that stands still waits', async () => {
    const world = new World()
    const node = await world.node()
    const device = world.dial()
    await world.pass(1_000)
    node.process.suspend(5_000, false)
    device.socket.send(Uint8Array.of(1))
    const late = world.dial({}, 'd2')
    await world.pass(4_900)
    expect([node.messages, late.saw]).toEqual([[], []])
    await world.pass(1_000)
    expect([firstBytes(node.messages), late.saw]).toEqual([[1], ['open']])
  })
})

/** A minute of talk between four devices and two nodes under all faults: what arrives is what was sent, in order, without a gap. */
async function talk(seed: string): Promise<{ readonly world: World; readonly ends: number; readonly messages: number }> {
  const world = new World(seed, { outboundBytesMax: 32 * KIB, windowBytes: 8 * KIB })
  const random = world.run.random('talk')
  world.faults = FAULTS
  let ends = 0
  let messages = 0
  /** Numbers of the next message, by socket of a node: that comes, that goes. */
  const open = new Map<Socket, { in: number; out: number }>()
  const handlers: Partial<SocketHandlers> = {
    opened: (socket) => { open.set(socket, { in: 0, out: 0 }) },
    message: (socket, bytes) => {
      const next = open.get(socket)
      if (next === undefined) throw new Error('a message on a closed socket')
      expect(numberOf(bytes)).toBe(next.in++)
      messages++
      for (let answers = random.between(0, 2); answers > 0; answers--) if (socket.send(numbered(next.out, random.between(4, 3_000))) === 'sent') next.out++
    },
    closed: (socket) => {
      expect(open.delete(socket)).toBe(true)
      ends++
    },
  }
  let running = [await world.node(handlers, 'n1'), await world.node(handlers, 'n2')]
  const connect = (machine: string): { readonly device: Device; next: number } => {
    let next = 0
    let closes = 0
    const device = world.dial({
      onOpen: () => { expect(closes + next).toBe(0) },
      onMessage: (bytes) => {
        expect([closes, numberOf(bytes)]).toEqual([0, next++])
        messages++
      },
      onClose: () => {
        expect(++closes).toBe(1)
        ends++
      },
    }, machine, () => random.pick(['n1', 'n2']))
    if (random.chance(0.1)) device.socket.close(1000)
    return { device, next: 0 }
  }
  const talkers = upTo(4).map((index) => connect(`d${index}`))
  for (let round = 0; round < 600; round++) {
    await world.pass(random.between(1, 200))
    for (const [index, talker] of talkers.entries()) {
      const { process, socket, code, saw } = talker.device
      if (code !== undefined || !process.alive) talkers[index] = connect(`d${index}`)
      else if (saw.length > 0) socket.send(numbered(talker.next++, random.between(4, 3_000)))
      if (random.chance(0.01)) process.kill()
      else if (random.chance(0.01)) process.suspend(random.between(100, 5_000), true)
      else if (random.chance(0.01)) socket.close(3_000)
    }
    for (const machine of ['n1', 'n2']) {
      const node = running.find(({ process }) => process.machine === machine)
      if (node === undefined && random.chance(0.1)) running.push(await world.node(handlers, machine))
      else if (node !== undefined && random.chance(0.005)) {
        node.process.kill()
        running = running.filter((other) => other !== node)
      }
    }
    if (random.chance(0.01)) world.cut(random.pick(['d1', 'd2']), random.pick(['n1', 'n2']))
    if (random.chance(0.004)) world.cuts.clear()
  }
  return { world, ends, messages }
}

describe('under all faults', () => {
  it('each end gets a prefix of what the other sent, in order, and ends once; every fault happens', async () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 20; seed++) {
      const { world, ends, messages } = await talk(`talk ${seed}`)
      expect(ends).toBeGreaterThan(10)
      expect(messages).toBeGreaterThan(500)
      for (const name of Object.keys(world.run.coverage.toJSON())) seen.add(name)
    }
    expect([...seen].toSorted()).toEqual([
      'branch/network.drained',
      ...[
        'close timed out', 'connect hanging', 'connect into a partition', 'connect refused', 'connect timed out', 'connect to the dead', 'cut off after the grace',
        'gave up', 'half open, client told', 'half open, nobody told', 'half open, server told', 'lost packet', 'lost to a partition', 'opened for nobody',
        'reset', 'reset by death', 'silent death', 'slow consumer', 'slow link', 'stalled', 'waits for a partition',
      ].map((name) => `fault/network.${name}`),
    ])
  })

  it('is the same for the same seed, and another for another', async () => {
    const digests = []
    for (const seed of ['1', '1', '2']) {
      const { world } = await talk(seed)
      digests.push(world.run.trace.digest())
    }
    expect(digests[0]).toBe(digests[1])
    expect(digests[0]).not.toBe(digests[2])
  })
})

describe('malice', () => {
  it('changes, drops and adds messages between the ends, while the taps stay at the node', async () => {
    const world = new World('1', {
      meddler: {
        toClient: (device, bytes) => [bytes, Uint8Array.of(Number(device.slice(1)))],
        toServer: (_device, bytes) => (bytes[0] === 1 ? [] : [Uint8Array.of(50)]),
      },
    })
    const node = await world.node({ message: (socket, bytes) => { socket.send(bytes) } })
    const device = world.dial({}, 'd7')
    expect(world.network.inject('d7', Uint8Array.of(60))).toBe(false)
    await world.pass(1_000)
    device.socket.send(Uint8Array.of(1))
    device.socket.send(Uint8Array.of(2))
    await world.pass(1_000)
    expect(world.network.inject('d7', Uint8Array.of(60))).toBe(true)
    await world.pass(1_000)
    expect([firstBytes(node.messages), firstBytes(device.messages)]).toEqual([[50], [50, 7, 60]])
    const { name } = node.process
    expect(world.taps).toEqual([`${name} 1 opened`, `${name} 1 received 50`, `${name} 1 sent 50`])
    device.socket.close(1000)
    await world.pass(1_000)
    expect(world.network.inject('d7', Uint8Array.of(60))).toBe(false)
  })

  it('speaks nonsense on a raw connection and shows what came back', async () => {
    const world = new World()
    const node = await world.node({ message: (socket) => { socket.send(Uint8Array.of(4)); socket.close('protocolError') } })
    const heard: number[] = []
    const raw = world.network.rawConnection(world.process('d1'), 'n1', { onOpen: () => { raw.send(Uint8Array.of(66)) }, onMessage: (bytes) => { heard.push(bytes[0] ?? -1) } })
    await world.pass(2_000)
    expect([raw.opened, firstBytes(raw.messages), heard, raw.closeCode]).toEqual([true, [4], [4], CLOSE_CODES.protocolError.code])
    expect(firstBytes(node.messages)).toEqual([66])
  })
})
