import { createConnection, createServer, type Server, type Socket } from 'node:net'

/** A TCP server between a client and a real service, which fails as networks and machines do. */
export class TcpProxy {
  readonly #server: Server
  readonly #target: { readonly host: string; readonly port: number }
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #frozen = false
  #refusing = false
  #accepted = 0

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target
    this.#server = createServer({ noDelay: true }, (client) => { this.#accept(client) })
  }

  /** Listens on a free port of this machine and passes everything on to `host:port`. */
  static async to(target: string): Promise<TcpProxy> {
    const { hostname, port } = new URL(target.includes('://') ? target : `tcp://${target}`)
    const proxy = new TcpProxy({ host: hostname, port: Number(port) })
    await new Promise<void>((resolve) => { proxy.#server.listen(0, '127.0.0.1', resolve) })
    return proxy
  }

  /** `host:port` for the client. */
  get place(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('The proxy does not listen.')
    return `127.0.0.1:${String(address.port)}`
  }

  /** Connections taken since the start. */
  get accepted(): number {
    return this.#accepted
  }

  /** Breaks every connection. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
    this.#pairs.clear()
  }

  /** Breaks every connection and every new one: the service is gone. */
  refuse(): void {
    this.#refusing = true
    this.cut()
  }

  /** Takes connections and bytes and answers nothing: the service stands still, as after SIGSTOP. */
  freeze(): void {
    this.#frozen = true
    for (const pair of this.#pairs) for (const socket of pair) socket.pause()
  }

  /** Ends what {@link refuse} and {@link freeze} began. */
  heal(): void {
    this.#refusing = false
    this.#frozen = false
    for (const pair of this.#pairs) for (const socket of pair) socket.resume()
  }

  /** Resolved = nothing listens any more. */
  async close(): Promise<void> {
    this.cut()
    await new Promise<void>((resolve) => { this.#server.close(() => { resolve() }) })
  }

  #accept(client: Socket): void {
    this.#accepted++
    if (this.#refusing) {
      client.destroy()
      return
    }
    const service = createConnection({ ...this.#target, noDelay: true })
    const pair = [client, service] as const
    this.#pairs.add(pair)
    for (const [from, to] of [[client, service], [service, client]] as const) {
      from.on('data', (bytes: Buffer) => { to.write(bytes) })
      if (this.#frozen) from.pause()
      from.on('close', () => {
        this.#pairs.delete(pair)
        to.destroy()
      })
      // The other side learns of it by the close that follows.
      from.on('error', () => undefined)
    }
  }
}
