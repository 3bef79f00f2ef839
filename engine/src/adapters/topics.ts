import type { Socket } from '../ports/socket-server.js'

/**
 * Who is subscribed to what in a socket tier that has no topics of its own, and the fan-out: each subscriber is sent to by `Socket.send`, which minds its bound.
 */
export class Topics<Subscriber extends Pick<Socket, 'send'>> {
  readonly #subscribers = new Map<string, Set<Subscriber>>()
  readonly #topics = new Map<Subscriber, Set<string>>()

  /** From now on `socket` gets what is published to `topic`. Twice is once. */
  subscribe(socket: Subscriber, topic: string): void {
    add(this.#subscribers, topic, socket)
    add(this.#topics, socket, topic)
  }

  /** Ends a subscription, where there is one. */
  unsubscribe(socket: Subscriber, topic: string): void {
    remove(this.#subscribers, topic, socket)
    remove(this.#topics, socket, topic)
  }

  /** Ends every subscription of a socket that closed. */
  forget(socket: Subscriber): void {
    for (const topic of this.#topics.get(socket) ?? []) remove(this.#subscribers, topic, socket)
    this.#topics.delete(socket)
  }

  /** Sends `message` to every subscriber. One that is full is closed by its `send`. */
  publish(topic: string, message: Uint8Array): void {
    for (const socket of this.#subscribers.get(topic) ?? []) socket.send(message)
  }
}

function add<Key, Value>(sets: Map<Key, Set<Value>>, key: Key, value: Value): void {
  const standing = sets.get(key)
  if (standing === undefined) sets.set(key, new Set([value]))
  else standing.add(value)
}

function remove<Key, Value>(sets: Map<Key, Set<Value>>, key: Key, value: Value): void {
  const standing = sets.get(key)
  standing?.delete(value)
  if (standing?.size === 0) sets.delete(key)
}
