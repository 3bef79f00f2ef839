import { EvegramError, isEvegramError, unitInterval, type Clock, type Random, type Timer } from '@evegram/protocol'
import { BACKOFF, backoffMs } from './backoff.js'
import type { Connection, ConnectionConsumer, ConnectionEnd } from './connection.js'
import type { Link, LinkEvents, LinkState, NetworkHints } from './link.js'
import type { OpenOutcome } from './open-connection.js'

/** What one attempt gets from the link. */
export interface AttemptHooks {
  readonly consume: ConnectionConsumer
  /** The link was closed: the attempt is of no more use. */
  readonly signal: AbortSignal
  onOpen(connection: Connection): Promise<void>
}

/** What a link needs. */
export interface LinkOptions {
  readonly clock: Clock
  readonly random: Random
  readonly hints?: NetworkHints
  readonly events: LinkEvents
  /** Makes one attempt: token, socket, hello. A rejection whose retry class asks for a fix stops the link. */
  open(hooks: AttemptHooks): Promise<OpenOutcome>
  /** The server refused the access token: the next attempt brings another. */
  forgetAccessToken(): void
}

/** Hellos in a row that may be refused before the link stops: a fresh token did not help. */
export const REFUSALS_MAX = 3
/** Longest spread that a draining server may ask for. */
const DRAIN_SPREAD_MS_MAX = 60_000

/** Opens a connection and keeps one open until `close`, or until the server's answer says that trying again is useless. */
export function startLink(options: LinkOptions): Link {
  const link = new ReconnectingLink(options)
  link.start()
  return link
}

class ReconnectingLink implements Link {
  readonly #options: LinkOptions
  #state: LinkState = { status: 'connecting', attempt: 0 }
  #connection: Connection | undefined
  #attempt = 0
  #refusals = 0
  readonly #closing = new AbortController()
  #drained = false
  #drainTimer: Timer | undefined
  #cutWait: (() => void) | undefined
  #unsubscribe: (() => void) | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(options: LinkOptions) {
    this.#options = options
  }

  get state(): LinkState {
    return this.#state
  }

  get connection(): Connection | undefined {
    return this.#connection
  }

  start(): void {
    this.#unsubscribe = this.#options.hints?.subscribe(() => { this.wake() })
    // Not before the caller holds the link.
    this.#running = Promise.resolve().then(() => this.#run())
  }

  wake(): void {
    this.#cutWait?.()
    this.#connection?.probe()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#cutWait?.()
    this.#connection?.close()
    await this.#running
  }

  async #run(): Promise<void> {
    let stop = this.#closedError()
    while (stop === undefined) {
      this.#enter({ status: 'connecting', attempt: this.#attempt })
      const end = await this.#connectOnce()
      stop = this.#closedError() ?? this.#verdict(end)
      if (stop === undefined) await this.#pause(end)
      stop ??= this.#closedError()
    }
    this.#unsubscribe?.()
    this.#enter({ status: 'stopped', error: stop })
  }

  /** One attempt and, when it succeeds, the whole life of its connection. */
  async #connectOnce(): Promise<ConnectionEnd> {
    this.#drained = false
    const outcome = await this.#open()
    if (outcome.status === 'failed') return outcome.end
    const { connection } = outcome
    const openedAtMs = this.#options.clock.monotonicMs()
    this.#refusals = 0
    this.#connection = connection
    if (this.#closing.signal.aborted) connection.close()
    else this.#enter({ status: 'open', connection })
    const end = await connection.ended
    this.#connection = undefined
    this.#drainTimer?.cancel()
    this.#drainTimer = undefined
    if (this.#drained || this.#options.clock.monotonicMs() - openedAtMs >= BACKOFF.stableMs) this.#attempt = 0
    return end
  }

  async #open(): Promise<OpenOutcome> {
    try {
      return await this.#options.open({
        consume: (event, connection) => this.#consume(event, connection), signal: this.#closing.signal,
        onOpen: (connection) => this.#options.events.onOpen(connection),
      })
    } catch (cause) {
      const error = isEvegramError(cause) ? cause : new EvegramError('internal', { operation: 'connect', cause })
      const advice = error.retry === 'after_backoff' || error.retry === 'at_once' ? 'reconnect' : 'stop'
      const wait = error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }
      return { status: 'failed', end: { code: 0, advice, error, ...wait } }
    }
  }

  async #consume(event: Parameters<ConnectionConsumer>[0], connection: Connection): Promise<void> {
    if (event.type === 'notice' && event.notice.kind === 'draining') this.#planDrain(event.notice.spreadMs, connection)
    await this.#options.events.consume(event, connection)
  }

  /** Leaves a draining node at a random moment of the spread it asked for; the next attempt follows at once. */
  #planDrain(spreadMs: number, connection: Connection): void {
    const { clock, random } = this.#options
    const delayMs = unitInterval(random) * Math.min(spreadMs, DRAIN_SPREAD_MS_MAX)
    this.#drainTimer ??= clock.after(delayMs, () => {
      this.#drained = true
      connection.close()
    })
  }

  /** The error to stop with, or undefined to try again. */
  #verdict(end: ConnectionEnd): EvegramError | undefined {
    if (this.#drained) return undefined
    if (end.advice === 'stop') return end.error
    if (end.advice !== 'refresh_token') return undefined
    this.#refusals++
    this.#options.forgetAccessToken()
    return this.#refusals >= REFUSALS_MAX ? end.error : undefined
  }

  async #pause(end: ConnectionEnd): Promise<void> {
    if (this.#drained) return
    const { clock, random } = this.#options
    const wait = { attempt: this.#attempt, later: end.advice === 'reconnect_later' }
    const delayMs = backoffMs(end.retryAfterMs === undefined ? wait : { ...wait, retryAfterMs: end.retryAfterMs }, random)
    this.#attempt++
    this.#enter({ status: 'waiting', attempt: this.#attempt, delayMs, error: end.error })
    await new Promise<void>((resolve) => {
      const timer = clock.after(delayMs, resolve)
      this.#cutWait = () => {
        timer.cancel()
        resolve()
      }
    })
    this.#cutWait = undefined
  }

  #closedError(): EvegramError | undefined {
    return this.#closing.signal.aborted ? new EvegramError('client.closed', { operation: 'hold connection' }) : undefined
  }

  #enter(state: LinkState): void {
    this.#state = state
    this.#options.events.onState(state)
  }
}
