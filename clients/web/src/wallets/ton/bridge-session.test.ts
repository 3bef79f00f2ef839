import { isEvegramError } from '@evegram/protocol'
import nacl from 'tweetnacl'
import { afterEach, describe, expect, it } from 'vitest'
import { RemoteTonWallet } from '../../testing/remote-ton-wallet.js'
import { TonBridgeServer } from '../../testing/ton-bridge.js'
import { WalletFailure } from '../declined.js'
import { BridgeSession, type Waiting } from './bridge-session.js'
import type { BridgeSystem } from './bridge-system.js'

const MANIFEST = 'data:application/json,{"url":"https://chat.example"}'
const ASKED = { manifestUrl: MANIFEST, items: [{ name: 'ton_addr' }] }

/** Waits for `faster` times less than the page does. */
class TestSystem implements BridgeSystem {
  constructor(private readonly faster: number) {}
  readonly returned = new Set<() => void>()
  randomBytes(count: number): Uint8Array { return globalThis.crypto.getRandomValues(new Uint8Array(count)) }
  fetch(url: string, options: RequestInit): Promise<Response> { return fetch(url, options) }
  delay(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms / this.faster)
      signal.addEventListener('abort', () => { clearTimeout(timer); resolve() })
    })
  }
  onReturn(returned: () => void): () => void {
    this.returned.add(returned)
    return () => { this.returned.delete(returned) }
  }
}

function waiting(): Waiting & { readonly states: boolean[]; cancel(): void } {
  const cancelled = new AbortController()
  const states: boolean[] = []
  return { signal: cancelled.signal, states, onState: (isOpen) => { states.push(isOpen) }, cancel: () => { cancelled.abort() } }
}

const failsWith = (code: string): unknown => expect.toSatisfy((error: unknown) => (error instanceof WalletFailure && error.code === code) || isEvegramError(error, 'proof.wallet_unsupported') && code === error.code)

describe('a session with a TON wallet over a bridge', () => {
  const ends: (() => void | Promise<void>)[] = []
  afterEach(async () => { for (const end of ends.splice(0).reverse()) await end() })

  async function scene(options: { readonly signsData?: boolean; readonly heartbeatMs?: number; readonly faster?: number } = {}): Promise<{ bridge: TonBridgeServer; wallet: RemoteTonWallet; system: TestSystem; session: BridgeSession; link: string; app: string }> {
    const bridge = await TonBridgeServer.start({ heartbeatMs: options.heartbeatMs ?? 200 })
    const wallet = new RemoteTonWallet(bridge.url, { signsData: options.signsData ?? true })
    ends.push(() => bridge.die(), () => { wallet.close() })
    const system = new TestSystem(options.faster ?? 10)
    const session = new BridgeSession(bridge.url, system)
    const link = session.linkFor('https://lighthouse.example/ton-connect', ASKED)
    return { bridge, wallet, system, session, link, app: new URL(link).searchParams.get('id') ?? '' }
  }

  /** A message sealed by whoever, put into the queue of the page. */
  function sealed(message: object, by: nacl.BoxKeyPair, app: string): string {
    const nonce = nacl.randomBytes(24)
    return Buffer.concat([nonce, nacl.box(Buffer.from(JSON.stringify(message)), nonce, Buffer.from(app, 'hex'), by.secretKey)]).toString('base64')
  }
  const idOf = ({ publicKey }: nacl.BoxKeyPair): string => Buffer.from(publicKey).toString('hex')

  it('connects by a link, has a text signed, and tells the wallet when it ends; in between it listens to nobody', async () => {
    const { bridge, wallet, session, link } = await scene()
    expect(bridge.asked).toEqual([])
    const connecting = session.connected(waiting())
    await wallet.open(link)
    expect(await connecting).toMatchObject({ event: 'connect', payload: { items: [{ name: 'ton_addr' }] } })
    expect(session.device).toEqual(wallet.standIn.deviceInfo)
    await expect.poll(() => bridge.listeners).toBe(1)
    expect(await session.request('signData', [JSON.stringify({ type: 'text', text: 'so be it' })], waiting())).toMatchObject({ id: '1', result: { domain: 'chat.example' } })
    await session.end()
    await expect.poll(() => wallet.calls).toEqual(['connect ton_addr', 'signData', 'disconnect'])
    await expect(session.request('signData', [], waiting())).rejects.toEqual(failsWith('wallet.disconnected'))
    expect(bridge.asked.flatMap(({ telltales }) => telltales)).toEqual([])
    expect(session.refused).toBe(0)
  })

  it('says so when the wallet declines, cannot sign, or ended the connection', async () => {
    const { wallet, session, link } = await scene({ signsData: false })
    wallet.person = 'declines'
    const declined = expect(session.connected(waiting())).rejects.toEqual(failsWith('wallet.declined'))
    await wallet.open(link)
    await declined
    wallet.person = 'agrees'
    const second = session.connected(waiting())
    await wallet.open(link)
    await second
    await expect(session.request('signData', ['{}'], waiting())).rejects.toEqual(failsWith('proof.wallet_unsupported'))
    wallet.person = 'declines'
    await expect(session.request('signData', ['{}'], waiting())).rejects.toEqual(failsWith('wallet.declined'))
    expect(session.isAlive).toBe(true)
  })

  it('believes nobody but the wallet that connected, and no event twice', async () => {
    const { bridge, session, app } = await scene()
    const [wallet, stranger] = [nacl.box.keyPair(), nacl.box.keyPair()]
    const connected = { event: 'connect', id: 5, payload: { items: [], device: {} } }
    const connecting = session.connected(waiting())
    for (const text of ['AAAA', sealed(connected, stranger, idOf(wallet)), sealed({ id: '1', result: 'early' }, stranger, app)]) bridge.deliver(idOf(stranger), app, text)
    const first = sealed(connected, wallet, app)
    bridge.deliver(idOf(wallet), app, first)
    await connecting
    const answer = session.request('signData', [], waiting())
    await expect.poll(() => bridge.asked.at(-1)?.path).toBe('/bridge/message')
    const before = session.refused
    // Another key, another key in the name of the wallet, the wallet's own words again, and an event older than the last.
    bridge.deliver(idOf(stranger), app, sealed({ id: '1', result: 'forged' }, stranger, app))
    bridge.deliver(idOf(wallet), app, sealed({ id: '1', result: 'forged' }, stranger, app))
    bridge.deliver(idOf(wallet), app, first)
    bridge.deliver(idOf(wallet), app, sealed({ event: 'disconnect', id: 4, payload: {} }, wallet, app))
    bridge.deliver(idOf(wallet), app, sealed({ id: '2', result: 'to another request' }, wallet, app))
    bridge.deliver(idOf(wallet), app, sealed({ id: '1', result: 'true' }, wallet, app))
    expect(await answer).toEqual({ id: '1', result: 'true' })
    expect(session.refused - before).toBe(4)
    bridge.deliver(idOf(wallet), app, sealed({ event: 'disconnect', id: 6, payload: {} }, wallet, app))
    await expect(session.request('signData', [], waiting())).rejects.toEqual(failsWith('wallet.disconnected'))
    expect(session.isAlive).toBe(false)
  })

  it('goes on behind the last event when the bridge dies and comes back', async () => {
    const { bridge, session, link, wallet } = await scene()
    const asked = waiting()
    const connecting = session.connected(asked)
    await expect.poll(() => bridge.listeners).toBe(1)
    bridge.deliver('0'.repeat(64), new URL(link).searchParams.get('id') ?? '', 'AAAA')
    await expect.poll(() => session.refused).toBe(1)
    await bridge.die()
    await expect.poll(() => asked.states.at(-1)).toBe(false)
    await bridge.revive()
    await expect.poll(() => asked.states.at(-1)).toBe(true)
    expect(bridge.asked.at(-1)?.query.get('last_event_id')).toBe('1')
    await wallet.open(link)
    await connecting
    // What was there before did not come again.
    expect(session.refused).toBe(1)
  })

  it('asks a bridge anew that falls silent, and at once when the person comes back to the page', async () => {
    const { bridge, session, system } = await scene({ heartbeatMs: 3_600_000, faster: 60 })
    const asked = waiting()
    const connecting = session.connected(asked)
    const streams = (): number => bridge.asked.filter(({ path }) => path === '/bridge/events').length
    await expect.poll(streams).toBe(2)
    await expect.poll(() => asked.states.at(-1)).toBe(true)
    const before = streams()
    for (const returned of system.returned) returned()
    await expect.poll(streams).toBeGreaterThan(before)
    asked.cancel()
    await expect(connecting).rejects.toEqual(failsWith('wallet.declined'))
    await expect.poll(() => bridge.listeners).toBe(0)
  })

  it('gives up a bridge that cannot be reached, and a wallet that never answers', async () => {
    const { bridge, session } = await scene({ faster: 300 })
    // Nobody opens the link.
    await expect(session.connected(waiting())).rejects.toEqual(failsWith('wallet.silent'))
    await bridge.die()
    await expect(session.connected(waiting())).rejects.toEqual(failsWith('wallet.bridge'))
  })

  it('is not stopped by what a bridge must not send', async () => {
    const { bridge, session, link, wallet } = await scene()
    const connecting = session.connected(waiting())
    await expect.poll(() => bridge.listeners).toBe(1)
    for (const data of ['not json', '[]', '{"from":1}', `{"from":"${'a'.repeat(64)}","message":"%%%%"}`, 'heartbeat', 'x'.repeat(200_000)]) bridge.say(`data: ${data}\n\n`)
    await wallet.open(link)
    expect(await connecting).toMatchObject({ event: 'connect' })
  })
})
