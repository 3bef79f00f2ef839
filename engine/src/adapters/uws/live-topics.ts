/** What is published between two looks at who of its subscribers is behind, at most: so much more than its bound may wait in a socket for as long. */
export const UNLOOKED_BYTES_MAX = 65_536

/** What topics need of a socket. */
export interface LiveSubscriber {
  /** Whether something waited in it when it was last written to or looked at. */
  readonly isPressed: boolean
  /** As `Socket.send`; what was published to it before goes first. */
  send(message: Uint8Array): 'sent' | 'closed'
  /** Whether something waits in it; from then on it is pressed, until a `send` finds that nothing does. */
  looksPressed(): boolean
  /** From now on uWebSockets.js sends it what is published to its own topic of this name. */
  join(topic: string): void
  /** No more; what was published before still comes. */
  leave(topic: string): void
}

interface Topic<Subscriber> {
  readonly name: string
  /** Those that take all that comes: uWebSockets.js itself sends to them. */
  readonly flowing: Set<Subscriber>
  /** Those in which something waits: each is sent to by `send`, which minds the bound. */
  readonly pressed: Set<Subscriber>
  /** What had been published, to whatever topic, when its flowing subscribers were last looked at. */
  lookedAtBytes: number
}

/**
 * Who is subscribed to what, and the fan-out, on the topics of uWebSockets.js.
 *
 * Those leave out messages for a socket that is full without a word. So only sockets in which nothing waits are in them: before more than
 * {@link UNLOOKED_BYTES_MAX} are published, whoever is in the topic is looked at, and where something waits the socket is taken out and sent to one by one
 * until it is empty. As its bound is many times that, none is full before it is found, and each is closed as a slow consumer just where `send` says so.
 */
export class LiveTopics<Subscriber extends LiveSubscriber> {
  readonly #topics = new Map<string, Topic<Subscriber>>()
  readonly #bySubscriber = new Map<Subscriber, Set<Topic<Subscriber>>>()
  readonly #publish: (topic: string, message: Uint8Array) => void
  #publishedBytes = 0

  /** `publish`: sends to all that joined the topic, and takes its bytes at once. */
  constructor(publish: (topic: string, message: Uint8Array) => void) {
    this.#publish = publish
  }

  /** From now on `socket` gets what is published to `topic`. Twice is once. */
  subscribe(socket: Subscriber, name: string): void {
    const topic = this.#topics.get(name) ?? { name, flowing: new Set(), pressed: new Set(), lookedAtBytes: this.#publishedBytes }
    const own = this.#bySubscriber.get(socket) ?? new Set()
    if (own.has(topic)) return
    this.#topics.set(name, topic)
    this.#bySubscriber.set(socket, own.add(topic))
    if (socket.isPressed) topic.pressed.add(socket)
    else this.#flows(socket, topic)
  }

  /** Ends a subscription, where there is one. */
  unsubscribe(socket: Subscriber, name: string): void {
    const topic = this.#topics.get(name)
    const own = this.#bySubscriber.get(socket)
    if (topic === undefined || own?.delete(topic) !== true) return
    if (own.size === 0) this.#bySubscriber.delete(socket)
    this.#remove(socket, topic)
  }

  /** Ends every subscription of a socket that closed. */
  forget(socket: Subscriber): void {
    for (const topic of this.#bySubscriber.get(socket) ?? []) this.#remove(socket, topic)
    this.#bySubscriber.delete(socket)
  }

  /** Something waits in the socket now. */
  pressed(socket: Subscriber): void {
    for (const topic of this.#bySubscriber.get(socket) ?? []) {
      if (!topic.flowing.delete(socket)) continue
      socket.leave(topic.name)
      topic.pressed.add(socket)
    }
  }

  /** Sends `message` to every subscriber. One that is full is closed. */
  publish(name: string, message: Uint8Array): void {
    const topic = this.#topics.get(name)
    if (topic === undefined) return
    const oneByOne = [...topic.pressed]
    if (this.#publishedBytes + message.length - topic.lookedAtBytes > UNLOOKED_BYTES_MAX) {
      topic.lookedAtBytes = this.#publishedBytes
      for (const socket of topic.flowing) if (socket.looksPressed()) oneByOne.push(socket)
    }
    this.#publishedBytes += message.length
    for (const socket of oneByOne) this.pressed(socket)
    if (topic.flowing.size > 0) this.#publish(name, message)
    for (const socket of oneByOne) {
      if (socket.send(message) === 'sent' && !socket.isPressed) this.#flowsAgain(socket)
    }
  }

  #flowsAgain(socket: Subscriber): void {
    for (const topic of this.#bySubscriber.get(socket) ?? []) if (topic.pressed.delete(socket)) this.#flows(socket, topic)
  }

  #flows(socket: Subscriber, topic: Topic<Subscriber>): void {
    topic.flowing.add(socket)
    socket.join(topic.name)
  }

  #remove(socket: Subscriber, topic: Topic<Subscriber>): void {
    topic.pressed.delete(socket)
    if (topic.flowing.delete(socket)) socket.leave(topic.name)
    if (topic.flowing.size === 0 && topic.pressed.size === 0) this.#topics.delete(topic.name)
  }
}
