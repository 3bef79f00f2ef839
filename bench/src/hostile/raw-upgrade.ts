import { connect, type Socket } from 'node:net'

const CHUNK = Buffer.alloc(1_048_576)
/** What a flood sends at most: far beyond every limit of the server, far below the memory of the machine. */
const FLOOD_BYTES_MAX = 256 * 1_048_576

/** A TCP connection that was upgraded to a WebSocket, on which any bytes can be sent. */
export class RawUpgrade {
  readonly socket: Socket
  #ended = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#ended = true
    })
    socket.resume()
  }

  /** Sends `start`, then zeros until the server ends the connection. */
  flood(start: Uint8Array, forMs: number): void {
    this.socket.write(start)
    void this.#keepSending(() => CHUNK, forMs)
  }

  /** Sends fragments of one message that never ends. */
  floodFragments(bytes: number, forMs: number): void {
    let first = true
    void this.#keepSending(() => {
      const frame = Buffer.alloc(14 + bytes)
      frame[0] = first ? 0x02 : 0x00
      frame[1] = 0xff
      frame.writeUInt32BE(bytes, 6)
      first = false
      return frame
    }, forMs)
  }

  async #keepSending(next: () => Buffer, forMs: number): Promise<void> {
    const deadline = performance.now() + forMs
    for (let sent = 0; !this.#ended && sent < FLOOD_BYTES_MAX && performance.now() < deadline;) {
      const chunk = next()
      sent += chunk.length
      if (!this.socket.write(chunk)) {
        await new Promise<void>((resolve) => {
          this.socket.once('drain', resolve)
          this.socket.once('close', () => resolve())
        })
      }
    }
  }

  /** `cut off`, or `still open` after `timeoutMs`. */
  async endedWithin(timeoutMs: number): Promise<string> {
    if (!this.#ended) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs)
        this.socket.once('close', () => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
    const answer = this.#ended ? 'cut off' : 'still open'
    this.socket.destroy()
    return answer
  }
}

/** Connects to the socket tier and upgrades by hand. Rejects when the answer is another. */
export async function rawUpgrade(port: number, host: string): Promise<RawUpgrade> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(
    `GET /v1/socket HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  )
  const answer = await new Promise<string>((resolve) => {
    socket.once('data', (chunk) => resolve(chunk.toString('latin1')))
    socket.once('close', () => resolve('closed'))
  })
  if (!answer.startsWith('HTTP/1.1 101')) throw new Error(`answered ${answer.slice(0, 40)}`)
  return new RawUpgrade(socket)
}
