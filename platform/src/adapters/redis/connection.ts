import { createHash } from 'node:crypto'
import { EvegramError, type Clock, type Timer } from '@evegram/protocol'
import type { Logger } from '../../log.js'
import { BACKOFF_MAX_MS } from '../backoff.js'
import type { RedisClient } from './client.js'
import type { RedisMetrics } from './metrics.js'

/** Longest wait for an answer. */
export const REDIS_COMMAND_MS = 500
/** Commands without an answer at once; beyond it they fail. Each is forgotten when its connection breaks, at the latest. */
export const REDIS_COMMANDS_MAX = 100_000
/** How often an outage that lasts is reported. */
const OUTAGE_LOG_MS = 10_000

/** What Redis answers. */
export type RedisReply = string | number | null | readonly RedisReply[]

/** A Lua script, run as one step on the server. It touches the keys it is given and no others, so that it works in a cluster. */
export interface RedisScript {
  /** For errors and metrics. */
  readonly name: string
  readonly lua: string
}

/**
 * Redis, for what may be forgotten at any time. Every call ends within {@link REDIS_COMMAND_MS}: with an answer, or with `unavailable.store`, after
 * which the command may still take effect once. Without a connection calls fail at once; nothing is kept for later.
 */
export interface RedisConnection {
  /** Runs a script. In a cluster all `keys` must share a hash tag. Rejects `unavailable.store`. */
  run(script: RedisScript, keys: readonly string[], args: readonly (string | number)[]): Promise<RedisReply>
  /** Sets `key` for `ttlMs` unless it is there. Says whether it was set. Rejects `unavailable.store`. */
  setIfAbsent(key: string, value: string, ttlMs: number): Promise<boolean>
  /** Resolved = a server answers now. Rejects `unavailable.store`. */
  ping(): Promise<void>
  /** Whether there is a connection. */
  status(): { readonly connected: boolean }
  /** Ends the connection; what waits for an answer fails. */
  close(): Promise<void>
}

/** What {@link DriverConnection} needs. */
export interface DriverConnectionParts {
  readonly client: RedisClient
  readonly log: Logger
  readonly clock: Clock
  readonly metrics: RedisMetrics
}

/** {@link RedisConnection} over the driver. */
export class DriverConnection implements RedisConnection {
  readonly #parts: DriverConnectionParts
  readonly #hashes = new WeakMap<RedisScript, string>()
  #inFlight = 0
  #closed = false
  #connectedBefore = false
  #awaySinceMs: number | undefined
  #outageLoggedMs = Number.NEGATIVE_INFINITY
  #lastFailure: unknown
  #revival: Timer | undefined

  constructor(parts: DriverConnectionParts) {
    this.#parts = parts
    const { client } = parts
    client.on('ready', () => { this.#cameReady() })
    client.on('close', () => { this.#wentAway() })
    client.on('error', (failure: unknown) => { this.#failed(failure) })
    client.on('end', () => { this.#ended() })
  }

  /** The last failure of the driver to connect. */
  get lastFailure(): unknown {
    return this.#lastFailure
  }

  async run(script: RedisScript, keys: readonly string[], args: readonly (string | number)[]): Promise<RedisReply> {
    const { client } = this.#parts
    const rest = [...keys, ...args]
    const reply = await this.#answered(script.name, async () => {
      try {
        return await client.evalsha(this.#hashOf(script), keys.length, ...rest)
      } catch (failure) {
        // The server started since, or never saw the script: it keeps it from now on.
        if (!(failure instanceof Error) || !failure.message.startsWith('NOSCRIPT')) throw failure
        return client.eval(script.lua, keys.length, ...rest)
      }
    })
    return checkedReply(script.name, reply)
  }

  async setIfAbsent(key: string, value: string, ttlMs: number): Promise<boolean> {
    return await this.#answered('set', () => this.#parts.client.set(key, value, 'PX', Math.max(1, Math.ceil(ttlMs)), 'NX')) === 'OK'
  }

  async ping(): Promise<void> {
    await this.#answered('ping', () => this.#parts.client.ping())
  }

  status(): { readonly connected: boolean } {
    return { connected: this.#parts.client.status === 'ready' }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#revival?.cancel()
    this.#parts.client.disconnect()
  }

  #hashOf(script: RedisScript): string {
    let hash = this.#hashes.get(script)
    // SHA-1 is Redis's name for a script, nothing that must be safe.
    if (hash === undefined) this.#hashes.set(script, hash = createHash('sha1').update(script.lua).digest('hex'))
    return hash
  }

  /** The answer within the bound; the driver's own waiting ends when the connection answers or breaks. */
  #answered<Answer>(command: string, ask: () => Promise<Answer>): Promise<Answer> {
    const { clock, metrics } = this.#parts
    const refuse = (cause: unknown): EvegramError => {
      metrics.failures.add(1, { command })
      return new EvegramError('unavailable.store', { operation: `redis ${command}`, cause })
    }
    if (!this.status().connected) return Promise.reject(refuse(this.#lastFailure))
    if (this.#inFlight >= REDIS_COMMANDS_MAX) return Promise.reject(refuse(new EvegramError('limited.queue', { details: { commandsMax: REDIS_COMMANDS_MAX } })))
    this.#inFlight++
    return new Promise((resolve, reject) => {
      const timer = clock.after(REDIS_COMMAND_MS, () => { reject(refuse(new EvegramError('timeout', { details: { limitMs: REDIS_COMMAND_MS } }))) })
      const ended = (): void => {
        this.#inFlight--
        timer.cancel()
      }
      // The driver throws some failures instead of rejecting, such as a slot that no node serves.
      Promise.resolve().then(ask).then(
        (answer) => {
          ended()
          resolve(answer)
        },
        (cause: unknown) => {
          ended()
          reject(refuse(cause))
        },
      )
    })
  }

  #cameReady(): void {
    const { log, clock, metrics } = this.#parts
    metrics.connected.set(1)
    if (this.#connectedBefore) metrics.reconnects.add()
    this.#connectedBefore = true
    if (this.#awaySinceMs !== undefined) log.info({ awayMs: Math.round(clock.monotonicMs() - this.#awaySinceMs) }, 'Redis is back')
    this.#awaySinceMs = undefined
    this.#outageLoggedMs = Number.NEGATIVE_INFINITY
  }

  #wentAway(): void {
    const { log, clock, metrics } = this.#parts
    if (this.#closed || !this.#connectedBefore || this.#awaySinceMs !== undefined) return
    metrics.connected.set(0)
    this.#awaySinceMs = clock.monotonicMs()
    this.#outageLoggedMs = this.#awaySinceMs
    log.warn({ ...(this.#lastFailure === undefined ? {} : { err: this.#lastFailure }) }, 'Redis is lost: calls fail until it is back')
  }

  /** The driver gives up after some failures, such as a sentinel that breaks off: it is made to go on. */
  #ended(): void {
    if (this.#closed) return
    this.#revival?.cancel()
    this.#revival = this.#parts.clock.after(BACKOFF_MAX_MS, () => {
      // Its failure is reported as an event.
      if (!this.#closed && this.#parts.client.status === 'end') this.#parts.client.connect().catch(() => undefined)
    })
  }

  #failed(failure: unknown): void {
    this.#lastFailure = failure
    const { log, clock } = this.#parts
    const nowMs = clock.monotonicMs()
    if (this.#closed || nowMs - this.#outageLoggedMs < OUTAGE_LOG_MS) return
    this.#outageLoggedMs = nowMs
    log.warn({ err: failure, ...(this.#awaySinceMs === undefined ? {} : { awayMs: Math.round(nowMs - this.#awaySinceMs) }) }, 'Redis does not answer: trying again')
  }
}

function checkedReply(operation: string, reply: unknown): RedisReply {
  if (reply === null || typeof reply === 'string' || typeof reply === 'number') return reply
  if (Array.isArray(reply)) return reply.map((part: unknown) => checkedReply(operation, part))
  throw new EvegramError('internal', { operation: `redis ${operation}`, details: { reply: typeof reply } })
}
