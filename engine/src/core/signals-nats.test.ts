import { randomBytes } from 'node:crypto'
import { silentLogger, subjectOf, systemClock } from '@evegram/platform'
import { BUS_OFFER_PENDING_BYTES_MAX, connectNats } from '@evegram/platform/nats'
import { serviceAddresses, TcpProxy } from '@evegram/platform/testing'
import { encodeFrame, encodeListen, encodeSignal, FRAME_TYPE, SIGNAL_KIND } from '@evegram/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { alice, bob, conversation, one, restart, SPAN, toBob, useScene } from './scene.fixture.js'

/** Messages that are under way while the bus is crowded. */
const CROWD = SPAN(1, 10)

describe('signals over NATS', () => {
  useScene()
  const toClose: { close(): Promise<void> }[] = []
  afterEach(async () => {
    for (const part of toClose.splice(0).reverse()) await part.close()
  })

  /** Real time passes for the broker, and none for the nodes. */
  const until = async (what: string, reached: () => boolean): Promise<void> => {
    for (const deadline = performance.now() + 5_000; !reached();) {
      if (performance.now() > deadline) throw new Error(`waited in vain for: ${what}`)
      await new Promise((resolve) => { setTimeout(resolve, 5) })
      await alice.read()
      await bob.read()
    }
  }
  const signal = (): void => { alice.raw(encodeFrame(FRAME_TYPE.signal, 0, encodeSignal({ kind: SIGNAL_KIND.typingStarted, conversation }))) }

  it('come to the other node, and are shed while the server does not keep up, when every message still comes', async () => {
    const prefix = `test_${randomBytes(6).toString('hex')}`
    // The first node reaches the server through a wire that a test can hold.
    const proxy = await TcpProxy.to(serviceAddresses('nats')[0] ?? '')
    toClose.push(proxy)
    let nodes = 0
    await restart({
      broker: async () => {
        const servers = nodes++ === 0 ? [`nats://${proxy.place}`] : serviceAddresses('nats')
        const bus = await connectNats({ servers, name: 'test', log: silentLogger, clock: systemClock(), prefix })
        toClose.push(bus)
        return bus
      },
    })
    bob.raw(encodeFrame(FRAME_TYPE.listen, 0, encodeListen(true)))
    signal()
    await until('the signal', () => bob.signalled.length === 1)

    proxy.freeze()
    // Other traffic of the node, far from where the bus refuses packets.
    for (let bytes = 0; bytes < BUS_OFFER_PENDING_BYTES_MAX; bytes += 65_536) one.bus.publish(subjectOf('test', 'traffic'), new Uint8Array(65_536))
    for (const number of CROWD) alice.send(toBob(number))
    await until('the packets', () => one.metrics.packetsOut.value > 0)
    signal()
    await until('a signal that was shed', () => one.metrics.signalsShed.value === 1)
    expect(alice.acks).toEqual([])
    proxy.heal()
    await until('every ack', () => alice.acks.length === CROWD.length)
    await until('every message', () => bob.numbers.length === CROWD.length)
    signal()
    await until('a signal afterwards', () => bob.signalled.length === 2)
    expect([alice.failures, bob.socket.closedBy]).toEqual([[], undefined])
  })
})
