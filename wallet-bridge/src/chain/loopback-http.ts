import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Where local chains listen: play money is for this machine alone. */
export const LOOPBACK = '127.0.0.1'
/** Longer than clients keep an idle connection: with Node's 5 s a request now and then meets one that is just being closed. */
const KEEP_ALIVE_MS = 120_000

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
