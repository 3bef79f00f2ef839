import type { Logger } from '../../log.js'
import { EVENT_BYTES_MAX, EVENT_DEDUPE_MS, EVENT_KEEP_MS } from '../../event-stream.js'
import { DiscardPolicy, nanos, NatsError, RetentionPolicy, StorageType, type JetStreamManager, type StreamConfig } from 'nats'

/** Bytes of events kept; beyond it the publisher gets `limited.queue`, and nothing that is kept is dropped. */
export const EVENT_STREAM_BYTES_MAX = 1_073_741_824
/** Bytes of dead letters kept, and for how long. */
const DEAD_BYTES_MAX = 268_435_456
const DEAD_KEEP_MS = 30 * 86_400_000
/** Copies of what is stored, where the cluster has as many servers. */
const REPLICAS = 3
/** Room for headers around a body. */
const HEADER_BYTES_MAX = 16_384

/** Names of one set of streams. */
export interface EventStreamNames {
  readonly events: string
  readonly dead: string
  /** `<…>.` before the subject of an event. */
  readonly eventSubjects: string
  /** `<…>.` before the name of a consumer. */
  readonly deadSubjects: string
}

/** JetStream's codes for "there are not that many servers": not a cluster, no peers, not enough resources. */
const TOO_FEW_SERVERS: ReadonlySet<number> = new Set([10074, 10005, 10023])
const NAME_IN_USE = 10058

/** The names under a prefix of tokens. */
export function eventStreamNames(prefix: readonly string[]): EventStreamNames {
  const name = prefix.join('_')
  const subjects = prefix.join('.')
  return { events: `${name}_events`, dead: `${name}_dead`, eventSubjects: `${subjects}.events.`, deadSubjects: `${subjects}.dead.` }
}

/** Creates the streams or brings them to these settings. Rejects with the driver's error. */
export async function ensureEventStreams(manager: JetStreamManager, names: EventStreamNames, log: Logger): Promise<void> {
  const common = {
    retention: RetentionPolicy.Limits, storage: StorageType.File, discard: DiscardPolicy.New,
    duplicate_window: nanos(EVENT_DEDUPE_MS), max_msg_size: EVENT_BYTES_MAX + HEADER_BYTES_MAX,
  }
  await ensure(manager, { ...common, name: names.events, subjects: [`${names.eventSubjects}>`], max_age: nanos(EVENT_KEEP_MS), max_bytes: EVENT_STREAM_BYTES_MAX }, log)
  await ensure(manager, { ...common, name: names.dead, subjects: [`${names.deadSubjects}*`], max_age: nanos(DEAD_KEEP_MS), max_bytes: DEAD_BYTES_MAX }, log)
}

async function ensure(manager: JetStreamManager, config: Partial<StreamConfig> & { readonly name: string }, log: Logger): Promise<void> {
  try {
    await createOrUpdate(manager, { ...config, num_replicas: REPLICAS })
  } catch (failure) {
    if (!TOO_FEW_SERVERS.has(codeOf(failure))) throw failure
    log.warn({ stream: config.name }, `NATS has fewer than ${String(REPLICAS)} servers: one copy of each event is kept`)
    await createOrUpdate(manager, { ...config, num_replicas: 1 })
  }
}

async function createOrUpdate(manager: JetStreamManager, config: Partial<StreamConfig> & { readonly name: string }): Promise<void> {
  try {
    await manager.streams.add(config)
  } catch (failure) {
    if (codeOf(failure) !== NAME_IN_USE) throw failure
    await manager.streams.update(config.name, config)
  }
}

/** JetStream's code of a failure; 0 when it is none of JetStream's. */
export function codeOf(failure: unknown): number {
  return failure instanceof NatsError ? failure.api_error?.err_code ?? 0 : 0
}
