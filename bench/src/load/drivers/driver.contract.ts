import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readStamp, writeStamp } from '../measure/stamp.js'
import type { Target } from '../targets/target.js'
import type { LoadConfig } from '../config.js'
import type { DriverName } from './driver-names.js'
import type { ClientEvents, Driver, DriverClient, DriverConversation } from './driver.js'
import { makeDriver } from './make-driver.js'

const PAYLOAD_BYTES = 64
const CLIENTS = 4
const WAIT_MS = 10_000
/** A peer may have to be fetched or built first. */
const START_MS = 600_000
/** Long enough for what must not come to have come. */
const QUIET_MS = 150

/** One client with everything that happened to it. */
class Watched implements ClientEvents {
  readonly numbers: number[] = []
  readonly acknowledged: number[] = []
  readonly refused: string[] = []
  readonly endings: string[] = []
  unreadable = 0

  delivered(payload: Uint8Array): void {
    const stamp = readStamp(payload)
    if (stamp === undefined) this.unreadable++
    else this.numbers.push(stamp.number)
  }

  closed(reason: string): void {
    this.endings.push(reason)
  }

  readonly events = {
    acknowledged: (token: number): void => { this.acknowledged.push(token) }, refused: (_token: number, reason: string): void => { this.refused.push(reason) },
  }
}

/** What every driver promises, whatever its system is. Needs the build: systems and relays are processes of their own. */
export function describeDriver(name: DriverName, start: () => Promise<Target>, payload: LoadConfig['payload'] = 'opaque'): void {
  describe(`driver ${name}, ${payload}`, () => {
    let target: Target
    let driver: Driver
    const watched = Array.from({ length: CLIENTS }, () => new Watched())
    const clients: DriverClient[] = []

    beforeAll(async () => {
      target = await start()
      driver = makeDriver(name, { url: target.url, ws: target.ws, worker: 0, payloadBytes: PAYLOAD_BYTES, payload })
      const told: number[] = []
      await driver.enrol(CLIENTS, (count) => { told.push(count) })
      expect(told.at(-1)).toBe(CLIENTS)
      for (const [index, events] of watched.entries()) clients.push(await driver.connect(index, events))
    }, START_MS)

    afterAll(async () => {
      for (const client of clients) client.close()
      await driver.close()
      await target.dispose()
    })

    const client = (index: number): DriverClient => clients[index] ?? expect.fail('no such client')
    const seen = (index: number): Watched => watched[index] ?? expect.fail('no such client')
    const join = async (kind: 'direct' | 'group' | 'channel', members: readonly number[]): Promise<readonly DriverConversation[]> => {
      const [founder = 0, ...others] = members
      const handle = await client(founder).found(kind, kind === 'channel' ? [] : others.map((other) => driver.addressOf(other)))
      // Through what a message between processes does to it.
      const copied = structuredClone(handle)
      return Promise.all(members.map((member) => client(member).join(kind, copied, seen(member).events)))
    }
    const reset = (): void => {
      for (const one of watched) for (const list of [one.numbers, one.acknowledged, one.refused]) list.length = 0
    }
    /** Sends numbers 1 to `count` from one buffer, which is written over each time. */
    const send = (conversation: DriverConversation | undefined, count: number): void => {
      const payload = new Uint8Array(PAYLOAD_BYTES)
      for (let number = 1; number <= count; number++) {
        writeStamp(payload, { stream: 1, number, plannedUs: number })
        conversation?.send(payload, number)
      }
    }
    const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index + 1)
    const acks = (count: number): readonly number[] => (driver.facts.acknowledges === 'nothing' ? [] : numbers(count))

    it.each([
      ['direct', 'one to the other', [0, 1], [1]], ['group', 'a member to all others', [0, 1, 2], [1, 2]], ['channel', 'its author to all followers', [0, 1, 2], [1, 2]],
    ] as const)('%s: hands what is sent from %s, each once, in order, as it was when it was sent', async (kind, _who, members, receivers) => {
      reset()
      const [own] = await join(kind, members)
      send(own, 20)
      for (const receiver of receivers) await expect.poll(() => seen(receiver).numbers, { timeout: WAIT_MS }).toEqual(numbers(20))
      await expect.poll(() => seen(0).acknowledged, { timeout: WAIT_MS }).toEqual(acks(20))
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
      for (const receiver of receivers) expect(seen(receiver).numbers).toHaveLength(20)
      for (const other of [0, 1, 2, 3].filter((index) => !receivers.some((receiver) => receiver === index))) expect(seen(other).numbers).toEqual([])
      for (const one of watched) expect([one.unreadable, one.refused]).toEqual([0, []])
    })

    it('keeps conversations of the same client apart', async () => {
      const [toOne] = await join('direct', [0, 2])
      const [toOther] = await join('direct', [0, 3])
      reset()
      send(toOne, 3)
      send(toOther, 5)
      await expect.poll(() => [seen(2).numbers, seen(3).numbers], { timeout: WAIT_MS }).toEqual([numbers(3), numbers(5)])
      await expect.poll(() => seen(0).acknowledged.length, { timeout: WAIT_MS }).toBe(acks(3).length + acks(5).length)
    })

    it('knows no client that was not enrolled', () => {
      expect(() => driver.addressOf(CLIENTS)).toThrow(RangeError)
      expect(() => driver.addressOf(-1)).toThrow(RangeError)
    })

    it('says nothing of a client that was closed, and says so when the system goes', async () => {
      client(3).close()
      await target.dispose()
      for (const index of [0, 1, 2]) await expect.poll(() => seen(index).endings, { timeout: WAIT_MS }).toHaveLength(1)
      expect(seen(3).endings).toEqual([])
      // And nobody gets in any more: that is told to who asks, and to nobody else.
      await expect(driver.connect(0, seen(0))).rejects.toThrow()
      expect(seen(0).endings).toHaveLength(1)
    })
  })
}
