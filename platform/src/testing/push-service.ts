import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the push service of a test answers: a status with headers, an answer that never comes, or a broken connection. */
export type PushAnswer = { readonly status: number; readonly headers?: Readonly<Record<string, string>> } | 'silence' | 'hang up'

/** One push that the push service of a test got. */
export interface GotPush {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** A push service on this machine, which does what it is told. */
export interface TestPushService {
  readonly origin: string
  readonly pushes: GotPush[]
  /** What it answers from now on; 201 at first. */
  answer: PushAnswer
  close(): Promise<void>
}

/** Starts a push service on a free port of loopback. */
export async function startPushService(): Promise<TestPushService> {
  const held: ServerResponse[] = []
  const pushes: GotPush[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => { chunks.push(chunk) })
    request.on('end', () => {
      pushes.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) })
      const { answer } = service
      if (answer === 'silence') held.push(response)
      else if (answer === 'hang up') request.socket.destroy()
      else response.writeHead(answer.status, { ...answer.headers }).end('{"said": "in words"}')
    })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  // It listens on a port, so its address is not the name of a pipe.
  const { port } = server.address() as AddressInfo
  const service: TestPushService = {
    origin: `http://127.0.0.1:${String(port)}`, pushes, answer: { status: 201 },
    close: () => new Promise((resolve) => {
      server.close(() => { resolve() })
      server.closeAllConnections()
      held.length = 0
    }),
  }
  return service
}
