import { isEvegramError, sleep, textOf, utf8 } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { subjectOf } from './bus.js'
import { systemClock } from './clock.js'
import { EVENT_BYTES_MAX, type BusinessEvent, type ConsumeOptions, type DeliveredEvent, type EventStream } from './event-stream.js'

/** What an adapter gives its contract suite. */
export interface EventStreamSetup {
  /** A new connection to one shared broker, empty at first. */
  connect(): Promise<EventStream>
  /** Frees the broker. Connections are closed before. */
  close(): Promise<void>
}

const ARRIVAL_MS = 10_000
const QUICK: ConsumeOptions = { deliveriesMax: 3, retryMs: 20 }

/** The promises of {@link EventStream}, for one adapter. */
export function describeEventStream(name: string, create: () => Promise<EventStreamSetup>): void {
  describe(`EventStream contract: ${name}`, () => {
    let setup: EventStreamSetup
    let one: EventStream
    let other: EventStream
    beforeEach(async () => {
      setup = await create()
      one = await setup.connect()
      other = await setup.connect()
    })
    afterEach(async () => {
      await one.close()
      await other.close()
      await setup.close()
    })
    const event = (id: string, fields: Partial<BusinessEvent> = {}): BusinessEvent =>
      ({ id, subject: subjectOf('orders', 'paid'), bytes: utf8(`body of ${id}`), headers: {}, ...fields })
    const arrived = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: ARRIVAL_MS, interval: 20 })

    it('gives a consumer everything in order, what came before it included', async () => {
      const heard: DeliveredEvent[] = []
      await one.publish(event('a', { headers: { 'x-kind': 'first one' } }))
      await one.publish(event('b', { subject: subjectOf('orders', 'refunded') }))
      await other.consume('reader', async (got) => { heard.push(got) })
      await one.publish(event('c'))
      await arrived(() => { expect(heard).toHaveLength(3) })
      expect(heard.map(({ id, subject, bytes, headers, attempt }) => ({ id, subject, text: textOf(bytes), headers, attempt }))).toEqual([
        { id: 'a', subject: 'orders.paid', text: 'body of a', headers: { 'x-kind': 'first one' }, attempt: 1 },
        { id: 'b', subject: 'orders.refunded', text: 'body of b', headers: {}, attempt: 1 },
        { id: 'c', subject: 'orders.paid', text: 'body of c', headers: {}, attempt: 1 },
      ])
    })

    it('stores an id once, whoever publishes it', async () => {
      const heard: string[] = []
      expect(await one.publish(event('a'))).toEqual({ status: 'stored' })
      expect(await other.publish(event('a'))).toEqual({ status: 'duplicate' })
      await one.consume('reader', async ({ id }) => { heard.push(id) })
      await one.publish(event('b'))
      await arrived(() => { expect(heard).toContain('b') })
      expect(heard).toEqual(['a', 'b'])
    })

    it('gives an event again until its handler resolves, and goes on with the others', async () => {
      const heard: string[] = []
      await one.consume('reader', async ({ id, attempt }) => {
        heard.push(`${id}${String(attempt)}`)
        if (id === 'a' && attempt < 3) throw new Error('planted')
      }, QUICK)
      await one.publish(event('a'))
      await one.publish(event('b'))
      await arrived(() => { expect([...heard].sort()).toEqual(['a1', 'a2', 'a3', 'b1']) })
      expect(await one.deadLetters('reader', 10)).toEqual([])
    })

    it('puts an event that nobody can handle aside, with the reason', async () => {
      const heard: string[] = []
      await one.consume('reader', async ({ id }) => {
        heard.push(id)
        if (id === 'a') throw new TypeError('planted')
      }, QUICK)
      await one.publish(event('a', { headers: { 'x-kind': 'bad' } }))
      await one.publish(event('b'))
      let letters = await one.deadLetters('reader', 10)
      await vi.waitFor(async () => {
        letters = await one.deadLetters('reader', 10)
        expect(letters).toHaveLength(1)
      }, { timeout: ARRIVAL_MS, interval: 50 })
      expect(letters[0]).toMatchObject({ event: { id: 'a', subject: 'orders.paid', headers: { 'x-kind': 'bad' } }, reason: 'TypeError', attempts: 3 })
      expect(textOf(letters[0]!.event.bytes)).toBe('body of a')
      expect(await one.deadLetters('stranger', 10)).toEqual([])
      await sleep(systemClock(), 100)
      expect([...heard].sort()).toEqual(['a', 'a', 'a', 'b'])
    })

    it('goes on where a consumer of that name stopped, and gives other names everything', async () => {
      const [first, second, third]: [string[], string[], string[]] = [[], [], []]
      const stop = await one.consume('reader', async ({ id }) => { first.push(id) })
      await one.publish(event('a'))
      await arrived(() => { expect(first).toEqual(['a']) })
      await stop()
      await one.publish(event('b'))
      await other.consume('reader', async ({ id }) => { second.push(id) })
      await other.consume('auditor', async ({ id }) => { third.push(id) })
      await arrived(() => { expect([second, third]).toEqual([['b'], ['a', 'b']]) })
      expect(first).toEqual(['a'])
    })

    it('shares the events of one name among its processes', async () => {
      const heard: string[] = []
      const handler = async ({ id }: DeliveredEvent): Promise<void> => {
        heard.push(id)
        await sleep(systemClock(), 5)
      }
      await one.consume('reader', handler)
      await other.consume('reader', handler)
      const ids = Array.from({ length: 20 }, (_, index) => `e${String(index).padStart(2, '0')}`)
      for (const id of ids) await one.publish(event(id))
      await arrived(() => { expect(heard.length).toBeGreaterThanOrEqual(ids.length) })
      expect([...heard].sort()).toEqual(ids)
    })

    it('ends a consumer only when its handler has ended', async () => {
      let running = false
      let begun = false
      const stop = await one.consume('reader', async () => {
        [running, begun] = [true, true]
        await sleep(systemClock(), 200)
        running = false
      })
      await one.publish(event('a'))
      await arrived(() => { expect(begun).toBe(true) })
      await stop()
      expect(running).toBe(false)
    })

    it('refuses what does not fit, and everything once closed', async () => {
      const code = (wanted: Parameters<typeof isEvegramError>[1]): unknown => expect.toSatisfy((error) => isEvegramError(error, wanted))
      await expect(one.publish(event('a', { bytes: new Uint8Array(EVENT_BYTES_MAX + 1) }))).rejects.toThrow(code('too_large.request'))
      await expect(one.publish(event('a b'))).rejects.toThrow(code('invalid.argument'))
      await expect(one.publish(event('a', { headers: { 'x-kind': 'a\r\nb' } }))).rejects.toThrow(code('invalid.argument'))
      await expect(one.consume('a.b', async () => undefined)).rejects.toThrow(code('invalid.argument'))
      await one.close()
      await expect(one.publish(event('a'))).rejects.toThrow(code('unavailable.bus'))
      await expect(one.consume('reader', async () => undefined)).rejects.toThrow(code('unavailable.bus'))
      await expect(one.deadLetters('reader', 1)).rejects.toThrow(code('unavailable.bus'))
    })
  })
}
