import { CLOSE_CODES, encodeNotice, EvegramError, FRAME_TYPE, type AccountId, type CloseReason, type Random } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { testDeviceKeys } from '../account/testing/log-author.js'
import { ServerClock } from '../api/server-clock.js'
import { signWithSigning } from '../crypto/device-keys.js'
import { SeededRandom } from '../crypto/seeded-random.js'
import { ManualClock, settle } from '../testing/manual-clock.js'
import { BACKOFF, backoffMs } from './backoff.js'
import { startDeviceLink, type DeviceLinkOptions } from './device-link.js'
import type { Link, LinkState } from './link.js'
import { REFUSALS_MAX } from './reconnect.js'
import { FakeNetwork, type FakePeer } from './testing/fake-server.js'

const keys = await testDeviceKeys('phone')
const signer = {
  account: 'a'.repeat(32) as AccountId, device: keys.device, publicKey: keys.signing.publicKey, sign: (message: Uint8Array) => signWithSigning(keys, message),
}
const server = {
  domain: 'chat.example', origin: 'https://chat.example', serverId: 's', network: 'mainnet', protocol: { min: 1, max: 1 }, wsUrl: 'wss://chat.example/ws',
  authUrl: 'https://chat.example', limits: {},
} as const
const constant = (fraction: number): Random => ({
  bytes(length) {
    const bytes = new Uint8Array(length)
    new DataView(bytes.buffer).setUint32(0, Math.min(2 ** 32 - 1, Math.floor(fraction * 2 ** 32)))
    return bytes
  },
})

let clock: ManualClock
let network: FakeNetwork
let states: LinkState[]
let opened: number
let hint: (() => void) | undefined
let forgotten: number
let nextToken: () => Promise<string>

beforeEach(() => {
  clock = new ManualClock(0)
  network = new FakeNetwork()
  states = []
  opened = 0
  hint = undefined
  forgotten = 0
  nextToken = async () => 'token'
})

function start(random: Random = constant(0.5), overrides: Partial<DeviceLinkOptions> = {}): Link {
  return startDeviceLink({
    server, sockets: network, clock, serverClock: new ServerClock(clock), random, agent: 'test', cursorMs: () => 0,
    session: { signer, accessToken: () => nextToken(), forgetAccessToken: () => { forgotten++ } },
    hints: { subscribe: (listener) => {
      hint = listener
      return () => { hint = undefined }
    } },
    events: { onOpen: async () => { opened++ }, consume: async () => undefined, onState: (state) => { states.push(state) } }, ...overrides,
  })
}
const accept = (peer: FakePeer): void => {
  peer.challenge()
  peer.welcome()
}
const statuses = (): string[] => states.map(({ status }) => status)
const delays = (): number[] => states.flatMap((state) => (state.status === 'waiting' ? [state.delayMs] : []))

describe('backoff', () => {
  it('is drawn from the whole of a window that doubles up to its cap', () => {
    const windows = Array.from({ length: 12 }, (_, attempt) => backoffMs({ attempt, later: false }, constant(0.999_999_9)))
    expect(windows.slice(0, 4)).toEqual([249, 499, 999, 1_999])
    expect(windows.at(-1)).toBe(BACKOFF.capMs - 1)
    expect(backoffMs({ attempt: 7, later: false }, constant(0))).toBe(0)
    const random = new SeededRandom('jitter')
    const drawn = Array.from({ length: 400 }, () => backoffMs({ attempt: 5, later: false }, random))
    for (const quarter of [0, 1, 2, 3]) expect(drawn.filter((ms) => Math.floor(ms / 2_000) === quarter).length).toBeGreaterThan(60)
  })

  it('waits what the server asked for, and is patient when told so', () => {
    expect(backoffMs({ attempt: 0, later: false, retryAfterMs: 4_000 }, constant(0))).toBe(4_000)
    expect(backoffMs({ attempt: 0, later: true }, constant(0.999_999_9))).toBe(BACKOFF.laterMs - 1)
  })
})

describe('link', () => {
  it('connects, and connects again when the connection is lost', async () => {
    network.onConnect = accept
    const link = start()
    await clock.advance(0)
    expect(link.connection).toBeDefined()
    network.last.end(1006)
    await clock.advance(125)
    expect(statuses()).toEqual(['connecting', 'open', 'waiting', 'connecting', 'open'])
    expect(opened).toBe(2)
    await link.close()
    expect(states.at(-1)).toMatchObject({ status: 'stopped', error: { code: 'client.closed' } })
    expect(link.connection).toBeUndefined()
    expect(hint).toBeUndefined()
    expect(clock.pending).toBe(0)
  })

  it('waits longer with each failure, and starts over after a connection that lasted', async () => {
    network.onConnect = (peer) => { peer.end(1006) }
    const link = start()
    await clock.advance(4_000)
    expect(delays().slice(0, 5)).toEqual([125, 250, 500, 1_000, 2_000])
    network.onConnect = accept
    await clock.advance(5_000)
    await clock.advance(BACKOFF.stableMs)
    network.last.end(1006)
    await settle()
    expect(delays().at(-1)).toBe(125)
    await link.close()
  })

  it('does not hammer a server that accepts and hangs up', async () => {
    network.onConnect = (peer) => {
      accept(peer)
      setImmediate(() => { peer.end(1006) })
    }
    const link = start()
    await clock.advance(60_000)
    expect(delays().length).toBeLessThan(14)
    expect(Math.max(...delays())).toBe(BACKOFF.capMs / 2)
    await link.close()
  })

  it('gives up an attempt after two seconds and tries again', async () => {
    const link = start()
    await clock.advance(2_000 + 125)
    expect(network.peers).toHaveLength(2)
    await link.close()
  })

  const stopping = Object.entries(CLOSE_CODES).filter(([, { advice }]) => advice === 'stop').map(([name]) => name as CloseReason)
  it.each(stopping)('stops for good after %s', async (reason) => {
    network.onConnect = accept
    start()
    await clock.advance(0)
    network.last.end(CLOSE_CODES[reason].code)
    await clock.advance(120_000)
    expect(states.at(-1)?.status).toBe('stopped')
    expect(network.peers).toHaveLength(1)
  })

  it('brings a fresh token after a refusal, and stops when that does not help', async () => {
    network.onConnect = (peer) => {
      peer.challenge()
      peer.end(CLOSE_CODES.helloRefused.code)
    }
    start()
    await clock.advance(60_000)
    expect(forgotten).toBe(REFUSALS_MAX)
    expect(network.peers).toHaveLength(REFUSALS_MAX)
    expect(states.at(-1)).toMatchObject({ status: 'stopped' })
  })

  it('goes on after a token ran out', async () => {
    network.onConnect = accept
    const link = start()
    for (let turn = 0; turn < REFUSALS_MAX + 2; turn++) {
      await clock.advance(BACKOFF.stableMs)
      network.last.end(CLOSE_CODES.tokenExpired.code)
      await clock.advance(125)
    }
    expect(link.state.status).toBe('open')
    await link.close()
  })

  it('retries when no token can be had for now, and stops when the device is gone', async () => {
    nextToken = async () => { throw new EvegramError('unavailable.server') }
    const link = start()
    await clock.advance(1_000)
    expect(network.peers).toHaveLength(0)
    expect(delays().length).toBeGreaterThan(2)
    await link.close()
    states = []
    nextToken = async () => { throw new EvegramError('account.device_unknown') }
    start()
    await clock.advance(1_000)
    expect(states.at(-1)).toMatchObject({ status: 'stopped', error: { code: 'account.device_unknown' } })
  })

  it('tries at once on a hint, and checks an open connection', async () => {
    network.onConnect = (peer) => { peer.end(1006) }
    const link = start(constant(0.999))
    await clock.advance(2_000)
    const before = network.peers.length
    network.onConnect = accept
    hint?.()
    await settle()
    await settle()
    expect(network.peers).toHaveLength(before + 1)
    expect(link.state.status).toBe('open')
    const pings = (): number => network.last.framesOf(FRAME_TYPE.ping).length
    hint?.()
    expect(pings()).toBe(1)
    await link.close()
  })

  it('leaves a draining node within the spread and comes back at once', async () => {
    network.onConnect = accept
    const link = start(constant(0.5))
    await clock.advance(0)
    network.last.push([FRAME_TYPE.notice, 0, encodeNotice({ kind: 'draining', spreadMs: 8_000 })])
    await clock.advance(3_999)
    expect(network.peers).toHaveLength(1)
    await clock.advance(1)
    await settle()
    expect(network.peers).toHaveLength(2)
    expect(delays()).toEqual([])
    expect(link.state.status).toBe('open')
    await link.close()
  })

  it('closes at once while it fetches a token, connects or waits', async () => {
    const connecting = start()
    await settle()
    expect(network.peers).toHaveLength(1)
    await connecting.close()
    expect(network.last.closedWith).toBe(1000)
    expect(states.at(-1)).toMatchObject({ status: 'stopped', error: { code: 'client.closed' } })
    nextToken = () => new Promise(() => undefined)
    const fetching = start()
    await settle()
    await fetching.close()
    expect(network.peers).toHaveLength(1)
    nextToken = async () => 'token'
    network.onConnect = (peer) => { peer.end(1006) }
    const waiting = start(constant(0.999))
    await clock.advance(10_000)
    await waiting.close()
    expect(clock.pending).toBe(0)
  })
})
