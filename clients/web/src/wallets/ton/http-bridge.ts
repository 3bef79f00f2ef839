import { WalletFailure } from '../declined.js'
import { isRecord } from '../found-wallet.js'
import type { BridgeSystem } from './bridge-system.js'
import { EventStreamReader, type ServerEvent } from './event-stream.js'
import { isClientId, SEALED_BYTES_MAX } from './session-box.js'

/** Bounds of the way to a bridge. */
export const BRIDGE_LIMITS = {
  /** A bridge that sends nothing for so long, not a heartbeat either, is asked anew. */
  quietMs: 60_000,
  /** First pause before a bridge is asked again, doubled each time up to the last. */
  pauseMs: 500, pauseMsMax: 8_000,
  /** Tries in a row without an answer, after which the bridge counts as lost: about a minute. */
  attemptsMax: 10,
  /** Tries of a message that the bridge did not take. */
  sendsMax: 4,
  /** How long the bridge keeps a message for the wallet. Every bridge takes this (bridge.md, "HTTP Bridge"). */
  ttlS: 300,
} as const

/** A message that came over a bridge. Nothing of it is known to be true. */
export interface BridgeMessage {
  /** Id of the client that is said to have sent it. */
  readonly from: string
  readonly sealed: Uint8Array
}

/** What {@link HttpBridge.listen} is told with. */
export interface BridgeListener {
  readonly signal: AbortSignal
  readonly onMessage: (message: BridgeMessage) => void
  /** Whether the bridge is connected now. */
  readonly onState: (isOpen: boolean) => void
}

/**
 * A bridge of TON Connect over HTTP (github.com/ton-blockchain/ton-connect, bridge.md): a stream of server-sent events for the messages to one client, and requests for those that it sends. A stream
 * that breaks goes on behind the last event. The bridge is told no more than the protocol needs: no cookie, no referrer.
 */
export class HttpBridge {
  readonly #url: string
  readonly #clientId: string
  readonly #system: BridgeSystem
  #lastEventId: string | undefined

  constructor({ url, clientId, system }: { readonly url: string; readonly clientId: string; readonly system: BridgeSystem }) {
    this.#url = url.replace(/\/$/, '')
    this.#clientId = clientId
    this.#system = system
  }

  /** Hands over what comes for this client until `signal` is aborted. Rejects `wallet.bridge` when the bridge could not be reached for a while. */
  async listen({ signal, onMessage, onState }: BridgeListener): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      const end = await this.#readStream({ signal, onMessage, onState, onBytes: () => { failures = 0 } })
      if (signal.aborted) return
      if (end === 'returned') continue
      failures += 1
      onState(false)
      if (failures >= BRIDGE_LIMITS.attemptsMax) throw new WalletFailure('wallet.bridge', 'the bridge of the wallet cannot be reached')
      await this.#pause(failures, signal)
    }
  }

  /** Gives a sealed message to the bridge. Rejects `wallet.bridge` when it did not take it after some tries. A wallet takes a request once, however often it comes. */
  async send(to: string, sealed: Uint8Array, { topic, signal }: { readonly topic: string; readonly signal: AbortSignal }): Promise<void> {
    const address = `${this.#url}/message?client_id=${this.#clientId}&to=${to}&ttl=${String(BRIDGE_LIMITS.ttlS)}&topic=${topic}`
    for (let tries = 1; !signal.aborted; tries++) {
      if (await this.#post(address, base64Of(sealed), signal)) return
      if (tries >= BRIDGE_LIMITS.sendsMax) throw new WalletFailure('wallet.bridge', 'the bridge of the wallet takes no message')
      await this.#pause(tries, signal)
    }
  }

  async #post(address: string, body: string, signal: AbortSignal): Promise<boolean> {
    try {
      // Text without a header of its own: no request before this one is needed.
      const answer = await this.#system.fetch(address, { ...PLAIN, method: 'POST', body, signal })
      return answer.ok
    } catch {
      // No network, or no bridge: tried again, and told when that does not help.
      return false
    }
  }

  /** Reads one stream to its end: `returned` when the person came back to the page, whose streams may have been cut off while nobody looked. */
  async #readStream({ signal, onMessage, onState, onBytes }: BridgeListener & { readonly onBytes: () => void }): Promise<'ended' | 'returned'> {
    const reading = new AbortController()
    const stop = (): void => { reading.abort() }
    signal.addEventListener('abort', stop)
    let hasReturned = false
    const stopWatching = this.#system.onReturn(() => {
      hasReturned = true
      stop()
    })
    try {
      for await (const text of this.#textOf(reading, () => { onState(true) })) {
        onBytes()
        for (const event of text) this.#take(event, onMessage)
      }
    } catch {
      // A stream that breaks is the ordinary end of one: the next goes on behind it.
    } finally {
      stop()
      stopWatching()
      signal.removeEventListener('abort', stop)
    }
    return hasReturned ? 'returned' : 'ended'
  }

  /** The events of one stream as they come. Ends, or rejects, with the stream, and when nothing comes for a while. */
  async* #textOf(reading: AbortController, onOpen: () => void): AsyncGenerator<readonly ServerEvent[]> {
    const behind = this.#lastEventId === undefined ? '' : `&last_event_id=${encodeURIComponent(this.#lastEventId)}`
    let quiet = this.#abortWhenQuiet(reading)
    const answer = await this.#system.fetch(`${this.#url}/events?client_id=${this.#clientId}${behind}`, { ...PLAIN, headers: { accept: 'text/event-stream' }, signal: reading.signal })
    const body = answer.body?.getReader()
    if (body === undefined || !answer.ok || answer.headers.get('content-type')?.startsWith('text/event-stream') !== true) {
      quiet.abort()
      await body?.cancel()
      return
    }
    onOpen()
    const reader = new EventStreamReader()
    const decoder = new TextDecoder()
    try {
      for (;;) {
        const { done, value } = await body.read()
        quiet.abort()
        if (done) return
        quiet = this.#abortWhenQuiet(reading)
        yield reader.push(decoder.decode(value, { stream: true }))
      }
    } finally {
      quiet.abort()
    }
  }

  /** Ends the reading after a time of silence, unless what it returns is aborted before. */
  #abortWhenQuiet(reading: AbortController): AbortController {
    const heard = new AbortController()
    void this.#system.delay(BRIDGE_LIMITS.quietMs, heard.signal).then(() => { if (!heard.signal.aborted) reading.abort() })
    return heard
  }

  #take({ name, id, data, isTooLarge }: ServerEvent, onMessage: (message: BridgeMessage) => void): void {
    if (id !== undefined) this.#lastEventId = id
    if (name !== 'message' || isTooLarge || data === '' || data === 'heartbeat') return
    const message = messageOf(data)
    if (message !== undefined) onMessage(message)
  }

  /** Waits longer after each failure, and no longer once the person or the network is back. */
  async #pause(failures: number, signal: AbortSignal): Promise<void> {
    const waiting = new AbortController()
    const stop = (): void => { waiting.abort() }
    signal.addEventListener('abort', stop)
    const stopWatching = this.#system.onReturn(stop)
    await this.#system.delay(Math.min(BRIDGE_LIMITS.pauseMs * 2 ** (failures - 1), BRIDGE_LIMITS.pauseMsMax), waiting.signal)
    stopWatching()
    signal.removeEventListener('abort', stop)
  }
}

/** What every request to a bridge has. A bridge that sends elsewhere is not followed. */
const PLAIN: RequestInit = { credentials: 'omit', referrerPolicy: 'no-referrer', redirect: 'error', cache: 'no-store' }

/** The `BridgeMessage` of an event; undefined for anything else. Whoever reads along learns from `request_source`, which is for wallets, nothing that is used here. */
function messageOf(data: string): BridgeMessage | undefined {
  let message: unknown
  try {
    message = JSON.parse(data)
  } catch {
    // Bridges send what they like: what is no message is none of ours.
    return undefined
  }
  if (!isRecord(message) || typeof message['from'] !== 'string') return undefined
  const from = message['from'].toLowerCase()
  const sealed = bytesOf(message['message'])
  return isClientId(from) && sealed !== undefined ? { from, sealed } : undefined
}

function base64Of(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}

function bytesOf(base64: unknown): Uint8Array | undefined {
  if (typeof base64 !== 'string' || base64.length > Math.ceil(SEALED_BYTES_MAX / 3) * 4 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length % 4 !== 0) return undefined
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}
