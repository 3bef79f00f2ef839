import { connect, DiscardPolicy, RetentionPolicy, StorageType, StringCodec, type JetStreamClient, type NatsConnection } from 'nats'
import type { DurabilityStore } from '../store.js'

const PUBLISH_TIMEOUT_MS = 2_000
const STREAM = 'durability'
const SUBJECT = 'durability.written'
const READ_BATCH = 1_000

/** Messages of a stream that is stored on all servers, each published until it is acknowledged, with an id by which the stream drops copies. */
export class JetStreamMessages implements DurabilityStore {
  readonly #replicas: number
  readonly #codec = StringCodec()
  #connection: NatsConnection | undefined
  #stream: JetStreamClient | undefined

  constructor(replicas: number) {
    this.#replicas = replicas
  }

  async open(addresses: readonly string[]): Promise<void> {
    this.#connection = await connect({ servers: [...addresses], maxReconnectAttempts: -1, reconnectTimeWait: 100, waitOnFirstConnect: true })
    const manager = await this.#connection.jetstreamManager()
    await manager.streams.add({
      name: STREAM, subjects: [SUBJECT], num_replicas: this.#replicas, storage: StorageType.File, retention: RetentionPolicy.Limits, discard: DiscardPolicy.New,
    })
    this.#stream = this.#connection.jetstream()
  }

  async write(id: string): Promise<void> {
    await this.#opened.publish(SUBJECT, this.#codec.encode(id.padEnd(300)), { msgID: id, timeout: PUBLISH_TIMEOUT_MS })
  }

  async readAll(): Promise<ReadonlyMap<string, number>> {
    const manager = await this.#connection?.jetstreamManager()
    if (manager === undefined) throw new Error('not open')
    const { state } = await manager.streams.info(STREAM)
    const found = new Map<string, number>()
    const consumer = await this.#opened.consumers.get(STREAM, {})
    let read = 0
    while (read < state.messages) {
      const batch = await consumer.fetch({ max_messages: READ_BATCH, expires: 5_000 })
      const before = read
      for await (const message of batch) {
        const id = this.#codec.decode(message.data).trimEnd()
        found.set(id, (found.get(id) ?? 0) + 1)
        read++
      }
      if (read === before) break
    }
    return found
  }

  async close(): Promise<void> {
    await this.#connection?.close()
  }

  get #opened(): JetStreamClient {
    if (this.#stream === undefined) throw new Error('not open')
    return this.#stream
  }
}
