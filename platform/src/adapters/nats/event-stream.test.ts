import { isEvegramError, utf8 } from '@evegram/protocol'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { subjectOf } from '../../bus.js'
import { systemClock } from '../../clock.js'
import { describeEventStream } from '../../event-stream.contract.js'
import type { BusinessEvent, EventStream } from '../../event-stream.js'
import { silentLogger } from '../../log.js'
import { freshEventPrefix, manageJetStream, removeEventStreams, serviceAddresses, TcpProxy } from '../../testing/index.js'
import { connectEventStream } from './index.js'

const connectTo = (servers: readonly string[], prefix: string): Promise<EventStream> =>
  connectEventStream({ servers, name: 'test', log: silentLogger, clock: systemClock(), prefix })

describeEventStream('jetstream', async () => {
  const prefix = freshEventPrefix()
  return { connect: () => connectTo(serviceAddresses('nats'), prefix), close: () => removeEventStreams(prefix) }
})

describe('events over JetStream', () => {
  const toClose: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of toClose.splice(0)) await close()
  })
  const event = (id: string): BusinessEvent => ({ id, subject: subjectOf('orders'), bytes: utf8(id), headers: {} })

  it('go on after an outage, and are stored once though their publisher did not know', async () => {
    const proxy = await TcpProxy.to(serviceAddresses('nats')[0] ?? '')
    const prefix = freshEventPrefix()
    const stream = await connectTo([`nats://${proxy.place}`], prefix)
    toClose.push(() => stream.close(), () => proxy.close(), () => removeEventStreams(prefix))
    const heard: string[] = []
    await stream.consume('reader', async ({ id }) => { heard.push(id) })
    // Answered for: an event that is not comes again.
    const settled = (): Promise<void> => vi.waitFor(async () => {
      expect(await manageJetStream((manager) => manager.consumers.info(`${prefix}_events`, 'reader'))).toMatchObject({ num_ack_pending: 0, num_pending: 0 })
    }, { timeout: 10_000, interval: 50 })
    await stream.publish(event('a'))
    await settled()
    proxy.refuse()
    await expect(stream.publish(event('b'))).rejects.toThrow(expect.toSatisfy((error) => isEvegramError(error, 'unavailable.bus')))
    proxy.heal()
    await vi.waitFor(() => stream.publish(event('b')), { timeout: 15_000, interval: 200 })
    await vi.waitFor(() => { expect(heard).toEqual(['a', 'b']) }, { timeout: 15_000, interval: 50 })
    await settled()
  })

  it('are put aside when they were given out often enough and nobody answered for them', async () => {
    const prefix = freshEventPrefix()
    const stream = await connectTo(serviceAddresses('nats'), prefix)
    toClose.push(() => stream.close(), () => removeEventStreams(prefix))
    let attempts = 0
    const stop = await stream.consume('reader', async () => {
      attempts++
      throw new Error('planted')
    }, { retryMs: 500 })
    await stream.publish(event('a'))
    await vi.waitFor(() => { expect(attempts).toBe(1) }, 5_000)
    await stop()
    // A handler that ends its process leaves the same behind: attempts without an answer.
    await stream.consume('reader', async () => { attempts++ }, { deliveriesMax: 1 })
    await vi.waitFor(async () => {
      expect(await stream.deadLetters('reader', 10)).toMatchObject([{ event: { id: 'a' }, reason: 'no outcome', attempts: 1 }])
    }, { timeout: 10_000, interval: 100 })
    expect(attempts).toBe(1)
  })
})
