/**
 * What the server must be told of a client that acknowledges deliveries which the liar made up or left out: a client counts what it got, the
 * server what it sent. For one connection at a time.
 */
export class DeliveryCount {
  #fromServer = 0
  /** Deliveries up to which both counts are the same. */
  #same = 0
  /** For each delivery that the client got after that: how many the server had sent by then. */
  #marks: number[] | undefined

  /** Whether client and server count differently on this connection. */
  get differs(): boolean {
    return this.#marks !== undefined
  }

  /** A new connection. */
  reset(): void {
    this.#fromServer = 0
    this.#same = 0
    this.#marks = undefined
  }

  /** The server sent `fromServer` deliveries, and the client gets `toClient` in their place. */
  add(fromServer: number, toClient: number): void {
    const before = this.#fromServer
    this.#fromServer += fromServer
    if (this.#marks === undefined && fromServer === toClient) return
    if (this.#marks === undefined) {
      this.#same = before
      this.#marks = []
    }
    for (let left = toClient; left > 0; left--) this.#marks.push(this.#fromServer)
  }

  /** How many of the server's deliveries are done with once the client committed `committed` of what it got. */
  trueCount(committed: number): number {
    if (this.#marks === undefined || committed <= this.#same) return Math.min(committed, this.#fromServer)
    const beyond = committed - this.#same
    return beyond >= this.#marks.length ? this.#fromServer : (this.#marks[beyond - 1] ?? this.#fromServer)
  }
}
