import { setImmediate as turn } from 'node:timers/promises'
import { isEvegramError, utf8, textOf } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BUS_PACKET_BYTES_MAX, OFFERED_BYTES_MAX, subjectOf, type Bus } from './bus.js'

/** What an adapter gives its contract suite. */
export interface BusSetup {
  /** A new connection to one shared broker. */
  connect(): Promise<Bus>
  /** Frees the broker. Connections are closed before. */
  close(): Promise<void>
}

/** Packets of 64 KiB that are published before what is offered must have been shed. */
const CROWD_MAX = 20_000
/** Longest wait for a packet that must come. */
const ARRIVAL_MS = 5_000

/** The promises of {@link Bus}, for one adapter. */
export function describeBus(name: string, create: () => Promise<BusSetup>): void {
  describe(`Bus contract: ${name}`, () => {
    let setup: BusSetup
    let one: Bus
    let other: Bus
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

    it('delivers in order to each subscription of the subject, the own ones included', async () => {
      const subject = subjectOf('test', 'order')
      const [own, foreign]: [string[], string[]] = [[], []]
      one.subscribe(subject, (bytes) => { own.push(textOf(bytes)) })
      other.subscribe(subject, (bytes) => { foreign.push(textOf(bytes)) })
      await Promise.all([one.flush(), other.flush()])
      const sent = Array.from({ length: 500 }, (_, index) => `packet ${String(index)}`)
      for (const text of sent) one.publish(subject, utf8(text))
      await one.flush()
      await arrived(() => own.length >= 500 && foreign.length >= 500)
      expect(own).toEqual(sent)
      expect(foreign).toEqual(sent)
    })

    it('never runs a handler inside publish', async () => {
      const subject = subjectOf('test', 'async')
      let running = false
      let nested = false
      let count = 0
      one.subscribe(subject, () => { nested ||= running; count++ })
      await one.flush()
      running = true
      one.publish(subject, utf8('x'))
      running = false
      await arrived(() => count === 1)
      expect(nested).toBe(false)
    })

    it('keeps subjects apart', async () => {
      const heard: string[] = []
      other.subscribe(subjectOf('node', 'a'), (bytes) => { heard.push(textOf(bytes)) })
      await other.flush()
      one.publish(subjectOf('node', 'b'), utf8('for b'))
      one.publish(subjectOf('node'), utf8('for all'))
      one.publish(subjectOf('node', 'a', 'deeper'), utf8('for deeper'))
      one.publish(subjectOf('node', 'a'), utf8('for a'))
      await one.flush()
      await arrived(() => heard.length > 0)
      expect(heard).toEqual(['for a'])
    })

    it('calls nothing after the end of a subscription, and leaves the others alone', async () => {
      const subject = subjectOf('test', 'end')
      let ended = 0
      let kept = 0
      const end = other.subscribe(subject, () => { ended++ })
      other.subscribe(subject, () => { kept++ })
      await other.flush()
      end()
      end()
      await other.flush()
      one.publish(subject, utf8('x'))
      await one.flush()
      await arrived(() => kept === 1)
      expect(ended).toBe(0)
    })

    it('goes on after a handler that throws', async () => {
      const subject = subjectOf('test', 'fault')
      const heard: string[] = []
      other.subscribe(subject, (bytes) => {
        heard.push(textOf(bytes))
        if (heard.length === 1) throw new Error('planted')
      })
      await other.flush()
      one.publish(subject, utf8('first'))
      one.publish(subject, utf8('second'))
      await one.flush()
      await arrived(() => heard.length === 2)
      expect(heard).toEqual(['first', 'second'])
    })

    it('refuses a packet above the limit and takes one at the limit', async () => {
      const subject = subjectOf('test', 'size')
      let bytesSeen = 0
      other.subscribe(subject, (bytes) => { bytesSeen = bytes.length })
      await other.flush()
      expect(() => { one.publish(subject, new Uint8Array(BUS_PACKET_BYTES_MAX + 1)) })
        .toThrow(expect.toSatisfy((error) => isEvegramError(error, 'too_large.request')))
      one.publish(subject, new Uint8Array(BUS_PACKET_BYTES_MAX))
      await one.flush()
      await arrived(() => bytesSeen > 0)
      expect(bytesSeen).toBe(BUS_PACKET_BYTES_MAX)
    })

    it('carries what is offered to those who subscribed, each at most once, and never inside the call', async () => {
      const subject = subjectOf('test', 'offer')
      const heard: string[] = []
      let running = false
      let nested = false
      other.subscribe(subject, (bytes) => {
        nested ||= running
        heard.push(textOf(bytes))
      })
      await other.flush()
      running = true
      for (const text of ['a', 'b', 'c']) expect(one.offer(subject, utf8(text))).toBe('offered')
      running = false
      expect(one.offer(subjectOf('test', 'nobody'), utf8('x'))).toBe('offered')
      await one.flush()
      await arrived(() => heard.length >= 3)
      expect([[...heard].sort(), nested]).toEqual([['a', 'b', 'c'], false])
    })

    it('sheds what is offered where much waits, and takes every packet meanwhile; offers are taken again afterwards', async () => {
      const subject = subjectOf('test', 'crowd')
      let [packets, offers] = [0, 0]
      other.subscribe(subject, (bytes) => {
        if (bytes.length === 1) offers++
        else packets++
      })
      await Promise.all([one.flush(), other.flush()])
      const packet = new Uint8Array(65_536)
      let [published, offered] = [0, 0]
      for (; published < CROWD_MAX && one.offer(subject, Uint8Array.of(1)) === 'offered'; published++) {
        offered++
        one.publish(subject, packet)
      }
      expect(published, 'something was shed').toBeLessThan(CROWD_MAX)
      for (let more = 0; more < 8; more++, published++) {
        expect(one.offer(subject, Uint8Array.of(1))).toBe('shed')
        one.publish(subject, packet)
      }
      await one.flush()
      await arrived(() => packets >= published && offers >= offered)
      expect([packets, offers]).toEqual([published, offered])
      expect(one.offer(subject, Uint8Array.of(1))).toBe('offered')
      await one.flush()
      await arrived(() => offers > offered)
    })

    it('sheds what is too large to be offered, and everything once closed, without throwing', async () => {
      const subject = subjectOf('test', 'shed')
      const sizes: number[] = []
      other.subscribe(subject, (bytes) => { sizes.push(bytes.length) })
      await other.flush()
      expect(one.offer(subject, new Uint8Array(OFFERED_BYTES_MAX + 1))).toBe('shed')
      expect(one.offer(subject, new Uint8Array(OFFERED_BYTES_MAX))).toBe('offered')
      await one.flush()
      await arrived(() => sizes.length > 0)
      await one.close()
      expect(one.offer(subject, utf8('x'))).toBe('shed')
      await other.flush()
      await turn()
      expect(sizes).toEqual([OFFERED_BYTES_MAX])
    })

    it('refuses everything once closed and calls no handler any more', async () => {
      const subject = subjectOf('test', 'closed')
      let count = 0
      one.subscribe(subject, () => { count++ })
      await one.flush()
      await one.close()
      const refused: unknown = expect.toSatisfy((error) => isEvegramError(error, 'unavailable.bus'))
      expect(() => { one.publish(subject, utf8('x')) }).toThrow(refused)
      await expect(one.flush()).rejects.toThrow(refused)
      other.publish(subject, utf8('x'))
      await other.flush()
      await turn()
      expect(count).toBe(0)
    })
  })
}

async function arrived(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + ARRIVAL_MS
  while (!condition() && performance.now() < endMs) await turn()
  // One more turn, so that a packet that arrives twice is seen.
  await turn()
  expect(condition()).toBe(true)
}
