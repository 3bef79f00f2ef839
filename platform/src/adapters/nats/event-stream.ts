import { EvegramError, isEvegramError, sleep, type Clock } from '@evegram/protocol'
import { connect, type JetStreamClient, type JetStreamManager, type NatsConnection } from 'nats'
import { subjectOf } from '../../bus.js'
import {
  checkConsumer, checkEvent, type BusinessEvent, type ConsumeOptions, type DeadLetter, type EventHandler, type EventStream,
} from '../../event-stream.js'
import type { Logger } from '../../log.js'
import { createMetrics } from '../../metrics.js'
import { systemRandom } from '../../random.js'
import { BACKOFF_MAX_MS, backoffMs } from '../backoff.js'
import type { NatsOptions } from './connect.js'
import { isRefusal, refusedLogin } from './dial.js'
import { EventConsumer } from './event-consumer.js'
import { deadLetterOf, headersOf } from './event-message.js'
import { codeOf, ensureEventStreams, eventStreamNames, type EventStreamNames } from './event-streams.js'
import { eventMetrics, type EventMetrics } from './metrics.js'
import { parseNatsServer } from './servers.js'

/** Events without an answer of the broker at once. */
export const EVENT_PUBLISHES_MAX = 4_096
/** Longest wait for the broker to store an event: a new leader is chosen within it. */
const PUBLISH_MS = 5_000
/** Signs of life are asked for so often; two unanswered ones end a connection. */
const PING_MS = 2_000
/** The driver does not count its tries: every wait is as the fourth of a row, 0.4 to 0.8 s. */
const RECONNECT_STEP = 3
/** How long a service that starts waits for JetStream. */
const FIRST_CONNECT_MS = 60_000
/** Longest wait for dead letters that are there. */
const DEAD_READ_MS = 2_000
/** JetStream's codes for a full stream. */
const FULL: ReadonlySet<number> = new Set([10077, 10047, 10023])
/** Dead letters read at once. */
const DEAD_READ_MAX = 1_000

/**
 * Business events over JetStream, on a connection of its own that comes back by itself. Waits for the broker and makes the streams, with three copies where
 * the cluster has three servers. Options as of {@link connectNats}; `prefix` (default `evegram`) names the streams too. Rejects
 * `invalid.config`, `unavailable.bus`.
 */
export async function connectEventStream(options: NatsOptions): Promise<EventStream> {
  const { clock, log, random = systemRandom(), waitMs = FIRST_CONNECT_MS } = options
  const servers = options.servers.map(parseNatsServer)
  const [first] = servers
  if (first === undefined) throw new EvegramError('invalid.config', { operation: 'connect to JetStream', advice: 'Name at least one NATS server.' })
  const names = eventStreamNames(subjectOf(...(options.prefix ?? 'evegram').split('.')).split('.'))
  const startMs = clock.monotonicMs()
  for (let attempt = 0; ; attempt++) {
    let nats: NatsConnection | undefined
    try {
      nats = await connect({
        servers: servers.map(({ place }) => place), name: options.name, reconnect: true, maxReconnectAttempts: -1, pingInterval: PING_MS, ignoreClusterUpdates: true,
        reconnectDelayHandler: () => backoffMs(RECONNECT_STEP, random), timeout: BACKOFF_MAX_MS,
        ...(first.user === undefined ? {} : { user: first.user }),
        ...(first.password === undefined ? {} : { pass: first.password }),
        ...(first.tls ? { tls: {} } : {}),
      })
      const manager = await nats.jetstreamManager()
      await ensureEventStreams(manager, names, log)
      return new JetStreamEvents({ nats, manager, names, clock, log, metrics: eventMetrics(options.metrics ?? createMetrics()) })
    } catch (cause) {
      await nats?.close()
      if (isRefusal(cause)) throw refusedLogin(cause)
      if (clock.monotonicMs() - startMs >= waitMs) throw new EvegramError('unavailable.bus', { operation: 'connect to JetStream', cause })
      log.info({ servers: servers.map(({ place }) => place), err: cause }, 'waiting for JetStream')
      await sleep(clock, backoffMs(attempt, random))
    }
  }
}

interface JetStreamEventsParts {
  readonly nats: NatsConnection
  readonly manager: JetStreamManager
  readonly names: EventStreamNames
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: EventMetrics
}

class JetStreamEvents implements EventStream {
  readonly #parts: JetStreamEventsParts
  readonly #jetstream: JetStreamClient
  readonly #consumers = new Set<EventConsumer>()
  #publishing = 0
  #closed = false

  constructor(parts: JetStreamEventsParts) {
    this.#parts = parts
    this.#jetstream = parts.nats.jetstream()
  }

  async publish(event: BusinessEvent): Promise<{ readonly status: 'stored' | 'duplicate' }> {
    this.#refuseWhenClosed('publish event')
    checkEvent(event)
    const { names, metrics } = this.#parts
    if (this.#publishing >= EVENT_PUBLISHES_MAX) throw new EvegramError('limited.queue', { operation: 'publish event', details: { publishesMax: EVENT_PUBLISHES_MAX } })
    this.#publishing++
    try {
      const stored = await this.#jetstream.publish(`${names.eventSubjects}${event.subject}`, event.bytes, { msgID: event.id, headers: headersOf(event), timeout: PUBLISH_MS })
      const status = stored.duplicate ? 'duplicate' : 'stored'
      metrics.published.add(1, { status })
      return { status }
    } catch (cause) {
      throw new EvegramError(FULL.has(codeOf(cause)) ? 'limited.queue' : 'unavailable.bus', { operation: 'publish event', cause })
    } finally {
      this.#publishing--
    }
  }

  async consume(consumer: string, handler: EventHandler, options: ConsumeOptions = {}): Promise<() => Promise<void>> {
    this.#refuseWhenClosed('consume events')
    checkConsumer(consumer)
    const made = new EventConsumer({ ...this.#parts, jetstream: this.#jetstream, consumer, handler, options })
    try {
      await made.start()
    } catch (cause) {
      throw new EvegramError('unavailable.bus', { operation: 'consume events', cause })
    }
    this.#consumers.add(made)
    return async () => {
      this.#consumers.delete(made)
      await made.stop()
    }
  }

  async deadLetters(consumer: string, limit: number): Promise<readonly DeadLetter[]> {
    this.#refuseWhenClosed('read dead letters')
    checkConsumer(consumer)
    const { names } = this.#parts
    try {
      const reader = await this.#jetstream.consumers.get(names.dead, { filterSubjects: `${names.deadSubjects}${consumer}` })
      const count = Math.min(limit, DEAD_READ_MAX, (await reader.info()).num_pending)
      if (count === 0) return []
      const letters: DeadLetter[] = []
      for await (const message of await reader.fetch({ max_messages: count, expires: DEAD_READ_MS })) letters.push(deadLetterOf(message))
      return letters
    } catch (cause) {
      throw isEvegramError(cause) ? cause : new EvegramError('unavailable.bus', { operation: 'read dead letters', cause })
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.all([...this.#consumers].map((consumer) => consumer.stop()))
    await this.#parts.nats.close()
  }

  #refuseWhenClosed(operation: string): void {
    if (this.#closed) throw new EvegramError('unavailable.bus', { operation })
  }
}
