import { EvegramError } from '@evegram/protocol'
import { WalletDeclined, WalletFailure } from '../declined.js'
import { isRecord } from '../found-wallet.js'
import type { BridgeSystem } from './bridge-system.js'
import { HttpBridge, type BridgeMessage } from './http-bridge.js'
import { SessionBox } from './session-box.js'

/** How long a person may take to open their wallet, or to answer in it. */
const ANSWER_MS = 300_000
const PROTOCOL_VERSION = '2'

type Fields = Readonly<Record<string, unknown>>

/** How somebody follows, and ends, what waits for a wallet. */
export interface Waiting {
  readonly signal: AbortSignal
  /** Whether the bridge is connected now. */
  readonly onState: (isOpen: boolean) => void
}

/**
 * A session of TON Connect with a wallet on another device (github.com/ton-blockchain/ton-connect, session.md and requests-responses.md). It listens to the bridge only while it waits for something.
 *
 * Who answers the first request becomes the other side: the bridge, or whoever saw the link, can be faster than the wallet, so the person must be shown which account answered. Afterwards only what that
 * side sealed counts, events with numbers that grow, and one answer to each request; the rest is counted in `refused`.
 */
export class BridgeSession {
  readonly #box: SessionBox
  readonly #bridge: HttpBridge
  readonly #system: BridgeSystem
  #wallet: string | undefined
  #lastEvent = -1
  #lastRequest = 0
  #device: unknown
  #hasEnded = false
  /** Messages that were none of the other side's, or came again. */
  refused = 0

  constructor(bridgeUrl: string, system: BridgeSystem) {
    this.#system = system
    this.#box = new SessionBox(system)
    this.#bridge = new HttpBridge({ url: bridgeUrl, clientId: this.#box.clientId, system })
  }

  /** Whether a wallet is connected. */
  get isAlive(): boolean {
    return this.#wallet !== undefined && !this.#hasEnded
  }

  /** `DeviceInfo`, as the wallet said when it connected. */
  get device(): unknown {
    return this.#device
  }

  /** What opens the wallet with this `ConnectRequest` (bridge.md, "Universal link"). */
  linkFor(universalUrl: string, request: object): string {
    const link = new URL(universalUrl)
    for (const [name, value] of [['v', PROTOCOL_VERSION], ['id', this.#box.clientId], ['r', JSON.stringify(request)], ['ret', 'back']] as const) link.searchParams.set(name, value)
    return link.href
  }

  /** What opens the wallet, which has a request of this session already. */
  linkBack(universalUrl: string): string {
    const link = new URL(universalUrl)
    for (const [name, value] of [['id', this.#box.clientId], ['ret', 'back']] as const) link.searchParams.set(name, value)
    return link.href
  }

  /** The `connect` event of the wallet that opened the link. Rejects `wallet.declined`, `wallet.manifest`, `wallet.silent` and `wallet.bridge`. */
  connected(waiting: Waiting): Promise<Fields> {
    return this.#waitFor(waiting, (message, from) => {
      const { event, payload } = message
      if (this.#wallet !== undefined || (event !== 'connect' && event !== 'connect_error') || !isRecord(payload)) return undefined
      if (event === 'connect_error') throw connectFailure(payload['code'])
      this.#wallet = from
      this.#lastEvent = Number(message['id'])
      this.#device = payload['device']
      return message
    })
  }

  /** The answer of the wallet to one request. Rejects `wallet.declined`, `wallet.disconnected`, `wallet.silent`, `wallet.bridge`, and `proof.wallet_unsupported` where it cannot do that. */
  async request(method: string, params: readonly string[], waiting: Waiting): Promise<Fields> {
    const wallet = this.#wallet
    if (wallet === undefined || this.#hasEnded) throw ended()
    this.#lastRequest += 1
    const id = String(this.#lastRequest)
    const sealed = this.#box.seal(JSON.stringify({ method, params, id }), wallet)
    return this.#waitFor(waiting, (message) => {
      if (message['event'] === 'disconnect') {
        this.#hasEnded = true
        throw ended()
      }
      if (String(message['id']) !== id || 'event' in message) return undefined
      if (isRecord(message['error'])) throw this.#requestFailure(message['error']['code'])
      return 'result' in message ? message : undefined
    }, (signal) => this.#bridge.send(wallet, sealed, { topic: method, signal }))
  }

  /** Ends the session and tells the wallet so, where it can be told. Never rejects: a wallet that hears nothing keeps a name in its list. */
  async end(): Promise<void> {
    const wallet = this.isAlive ? this.#wallet : undefined
    this.#hasEnded = true
    if (wallet === undefined) return
    this.#lastRequest += 1
    try {
      await this.#bridge.send(wallet, this.#box.seal(JSON.stringify({ method: 'disconnect', params: [], id: String(this.#lastRequest) }), wallet), { topic: 'disconnect', signal: new AbortController().signal })
    } catch (error) {
      console.warn('the wallet was not told that the session ended', error instanceof WalletFailure ? error.code : 'internal')
    }
  }

  /** Listens until `pick` gives something for a message, or throws, or the wait ends. `begin`: what is done once it listens. */
  async #waitFor({ signal, onState }: Waiting, pick: (message: Fields, from: string) => Fields | undefined, begin?: (signal: AbortSignal) => Promise<void>): Promise<Fields> {
    const listening = new AbortController()
    const stop = (): void => { listening.abort() }
    signal.addEventListener('abort', stop)
    try {
      return await new Promise<Fields>((resolve, reject) => {
        listening.signal.addEventListener('abort', () => { reject(new WalletDeclined('nobody waits for the wallet any more')) })
        if (signal.aborted) stop()
        const onMessage = (message: BridgeMessage): void => {
          try {
            const opened = this.#open(message)
            const picked = opened === undefined ? undefined : pick(opened, message.from)
            if (picked !== undefined) resolve(picked)
          } catch (error) {
            reject(error instanceof Error ? error : new Error('the wallet failed', { cause: error }))
          }
        }
        this.#bridge.listen({ signal: listening.signal, onMessage, onState }).catch(reject)
        begin?.(listening.signal).catch(reject)
        void this.#system.delay(ANSWER_MS, listening.signal).then(() => { reject(new WalletFailure('wallet.silent', 'the wallet did not answer in time')) })
      })
    } finally {
      stop()
      signal.removeEventListener('abort', stop)
    }
  }

  /** What the other side sealed for this session, once. */
  #open({ from, sealed }: BridgeMessage): Fields | undefined {
    const message = this.#wallet === undefined || from === this.#wallet ? recordOf(this.#box.open(sealed, from)) : undefined
    if (message === undefined || ('event' in message && !this.#isNewEvent(message['id']))) {
      this.refused += 1
      return undefined
    }
    return message
  }

  /** Numbers of events grow (requests-responses.md, "Structure"); what does not was seen before. */
  #isNewEvent(id: unknown): boolean {
    if (typeof id !== 'number' || !Number.isSafeInteger(id) || id <= this.#lastEvent) return false
    // Before a wallet is connected anybody's events come here, and must not stop those of the wallet.
    if (this.#wallet !== undefined) this.#lastEvent = id
    return true
  }

  #requestFailure(code: unknown): Error {
    if (code === USER_DECLINED) return new WalletDeclined('the wallet declined')
    if (code === UNKNOWN_APP) {
      this.#hasEnded = true
      return ended()
    }
    return new EvegramError('proof.wallet_unsupported', { operation: 'sign with wallet' })
  }
}

/** Codes of requests-responses.md. */
const USER_DECLINED = 300
const UNKNOWN_APP = 100
const MANIFEST_NOT_FOUND = 2
const MANIFEST_BROKEN = 3

function connectFailure(code: unknown): WalletFailure {
  if (code === MANIFEST_NOT_FOUND || code === MANIFEST_BROKEN) return new WalletFailure('wallet.manifest', 'the wallet could not read who asks')
  return new WalletDeclined('the wallet did not connect')
}

function ended(): WalletFailure {
  return new WalletFailure('wallet.disconnected', 'the wallet ended the connection')
}

function recordOf(text: string | undefined): Fields | undefined {
  if (text === undefined) return undefined
  try {
    const message: unknown = JSON.parse(text)
    return isRecord(message) ? message : undefined
  } catch {
    // Whoever sealed it sealed something else: it counts as refused.
    return undefined
  }
}
