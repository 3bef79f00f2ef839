import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostAllowed } from '@evegram/platform'

/** Where local chains listen: play money is for this machine alone. */
export const LOOPBACK = '127.0.0.1'
/** Longer than clients keep an idle connection: with Node's 5 s a request now and then meets one that is just being closed. */
const KEEP_ALIVE_MS = 120_000

/**
 * A server of a local chain, which whatever page is open in a browser of this machine can reach. A Host that is not loopback with our port is answered 421, since a
 * name of somebody else's may lead here; a POST that is not JSON by its content type 415, since pages may send others anywhere without asking. All else goes to `answer`.
 */
export function createLoopbackServer(answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>): Server {
  return createServer((request, response) => {
    const status = isForLoopback(request) ? isJsonWherePosted(request) ? undefined : 415 : 421
    if (status === undefined) void answer(request, response)
    else response.writeHead(status, { connection: 'close' }).end()
  })
}

/** Whether a request, or an upgrade to a websocket, names loopback and the port that it came to. */
export function isForLoopback({ headers, socket }: IncomingMessage): boolean {
  return hostAllowed(headers.host, { port: socket.localPort ?? 0 })
}

function isJsonWherePosted({ method, headers }: IncomingMessage): boolean {
  return method !== 'POST' || /^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '')
}

/** Listens on loopback and resolves with the port; 0: one that is free. Rejects when it is taken. */
export async function listenOnLoopback(server: Server, port: number): Promise<number> {
  server.keepAliveTimeout = KEEP_ALIVE_MS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, LOOPBACK, resolve)
  })
  // A server that listens on TCP has an address of this kind.
  return (server.address() as AddressInfo).port
}

/** The whole body of a request, or undefined when it has more than `bytesMax` bytes or was cut off. */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of request) {
      // Without an encoding a request gives buffers.
      const part = chunk as Buffer
      bytes += part.length
      if (bytes > bytesMax) return undefined
      chunks.push(part)
    }
  } catch {
    return undefined
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Ends a server with all its connections. */
export async function closeServer(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => { resolve() })
    server.closeAllConnections()
  })
}
