import {
  ACCOUNT_EVENTS_SUBJECT, createMetrics, decodeAccountPacket, ManualClock, MemoryBroker, silentLogger, systemRandom, type AccountPacket, type Bus,
} from '@evegram/platform'
import { EvegramError, parseAccountId, parseDeviceId } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Auth } from '../../auth.js'
import { Listeners } from '../../listeners.js'
import { AccountEvents } from './account-events.js'

const account = parseAccountId('a1'.repeat(16))
const device = parseDeviceId('d1'.repeat(16))

type Told = { [Name in 'onAccountChanged' | 'onSessionRevoked' | 'onPrekeysLow']: Parameters<Parameters<Auth[Name]>[0]>[0] }

/** An auth of which only the voice is left. */
class Voice {
  readonly changed = new Listeners<Told['onAccountChanged']>(silentLogger)
  readonly revoked = new Listeners<Told['onSessionRevoked']>(silentLogger)
  readonly low = new Listeners<Told['onPrekeysLow']>(silentLogger)
  onAccountChanged = (listener: (told: Told['onAccountChanged']) => void): (() => void) => this.changed.add(listener)
  onSessionRevoked = (listener: (told: Told['onSessionRevoked']) => void): (() => void) => this.revoked.add(listener)
  onPrekeysLow = (listener: (told: Told['onPrekeysLow']) => void): (() => void) => this.low.add(listener)
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 6; turn++) await new Promise<void>((resolve) => { setImmediate(resolve) })
}

let clock: ManualClock
let voice: Voice
let heard: AccountPacket[]
let failure: Error | undefined
let events: AccountEvents

beforeEach(() => {
  clock = new ManualClock()
  voice = new Voice()
  heard = []
  failure = undefined
  const broker = new MemoryBroker({ log: silentLogger })
  broker.connect().subscribe(ACCOUNT_EVENTS_SUBJECT, (bytes) => heard.push(decodeAccountPacket(bytes)))
  const inner = broker.connect()
  const bus: Bus = {
    publish: (subject, bytes) => {
      if (failure !== undefined) throw failure
      inner.publish(subject, bytes)
    },
    offer: (subject, bytes) => inner.offer(subject, bytes),
    flush: () => (failure === undefined ? inner.flush() : Promise.reject(failure)),
    subscribe: (subject, handler) => inner.subscribe(subject, handler),
    close: () => inner.close(),
  }
  events = new AccountEvents({ bus, clock, random: systemRandom(), log: silentLogger, metrics: createMetrics() })
  events.follow(voice)
})

const tell = (seq: number): void => { voice.changed.emit({ account, seq, addedDevices: [], revokedDevices: [device], closed: false }) }
const said = (): [string, number][] => heard.map(({ kind, number }) => [kind, number])

describe('events about accounts', () => {
  it('are numbered from 1 under a name of this start, after a word of life', async () => {
    await events.start()
    tell(5)
    voice.revoked.emit({ account, device, family: 'f' })
    voice.low.emit({ account, device, remaining: 7 })
    await events.flush()
    await settle()
    expect(said()).toEqual([['alive', 0], ['event', 1], ['event', 2], ['event', 3]])
    expect(new Set(heard.map(({ sender }) => sender)).size).toBe(1)
    expect(heard.slice(1)).toMatchObject([
      { event: { kind: 'log', account, seq: 5, revokedDevices: [device], closed: false } },
      { event: { kind: 'session_revoked', account, device } }, { event: { kind: 'prekeys_low', account, device, remaining: 7 } },
    ])
  })

  it('are followed by the last number twice a second, and by a goodbye', async () => {
    await events.start()
    tell(1)
    for (let half = 0; half < 3; half++) {
      clock.advance(500)
      await settle()
    }
    await events.stop()
    clock.advance(5_000)
    await settle()
    expect(said()).toEqual([['alive', 0], ['event', 1], ['alive', 1], ['alive', 1], ['alive', 1], ['left', 1]])
  })

  it('that the broker refuses have a number, so that whoever listens notices', async () => {
    await events.start()
    failure = new EvegramError('unavailable.bus')
    tell(1)
    await expect(events.flush()).rejects.toMatchObject({ code: 'unavailable.bus' })
    failure = undefined
    clock.advance(500)
    await settle()
    expect(said()).toEqual([['alive', 0], ['alive', 1]])
  })

  it('make this instance unready when the broker is away for 2 s', async () => {
    await events.start()
    failure = new EvegramError('unavailable.bus')
    for (let half = 0; half < 4; half++) {
      clock.advance(500)
      await settle()
    }
    expect(events.brokerHeld()).toBe(true)
    clock.advance(500)
    await settle()
    expect(events.brokerHeld()).toBe(false)
    failure = undefined
    clock.advance(500)
    await settle()
    expect(events.brokerHeld()).toBe(true)
  })
})
