// `npm run smoke:node24`: shows on the built code that a Node without a uWebSockets.js binary serves WebSockets, and says which tier does.
// Prints one line (with --json one JSON object) and ends with 0, or names what failed and ends with 1.
import { CLOSE_CODES, equalBytes } from '@evegram/protocol'
import { WebSocket } from 'ws'
import type { SocketHandlers, SocketServer } from '../../ports/socket-server.js'
import { selectSocketServer } from '../select-socket-server.js'

const HOST = 'smoke.test'
const STEP_TIMEOUT_MS = 5_000
const ECHO_BYTES = 100_000

function within<Value>(step: string, promise: Promise<Value>): Promise<Value> {
  const deadline = AbortSignal.timeout(STEP_TIMEOUT_MS)
  return Promise.race([
    promise,
    new Promise<never>((_resolve, reject) => {
      deadline.addEventListener('abort', () => { reject(new Error(`no answer in ${STEP_TIMEOUT_MS} ms: ${step}`)) })
    }),
  ])
}

function must(claim: string, holds: boolean): void {
  if (!holds) throw new Error(`does not hold: ${claim}`)
}

function dial(port: number, host: string): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${port}/v1/socket`, { headers: { host } })
}

async function echoes(client: WebSocket): Promise<void> {
  const message = Uint8Array.from({ length: ECHO_BYTES }, (_, index) => index % 251)
  const echoed = new Promise<Uint8Array>((resolve) => { client.once('message', (data: Buffer) => { resolve(data) }) })
  client.send(message)
  must('a binary message comes back unchanged', equalBytes(await within('echo', echoed), message))
}

async function closesWithReason(client: WebSocket): Promise<void> {
  const closed = new Promise<string>((resolve) => { client.once('close', (code, reason) => { resolve(`${code} ${reason.toString()}`) }) })
  client.send('text')
  const { code, text } = CLOSE_CODES.protocolError
  must('the close code and its text arrive', await within('close', closed) === `${code} ${text}`)
}

async function refusesHost(port: number): Promise<void> {
  const status = new Promise<number | undefined>((resolve) => {
    const stranger = dial(port, 'evil.test')
    stranger.on('error', () => { resolve(undefined) })
    stranger.on('unexpected-response', (request, response) => {
      resolve(response.statusCode)
      request.destroy()
    })
  })
  must('a wrong Host is answered 421', await within('refusal', status) === 421)
}

const handlers: SocketHandlers = {
  opened: () => undefined,
  message: (socket, bytes) => { socket.send(bytes) },
  text: (socket) => { socket.close('protocolError') },
  drained: () => undefined,
  closed: () => undefined,
}

async function smoke(): Promise<SocketServer> {
  const server = await selectSocketServer({
    host: '127.0.0.1', port: 0, messageBytesMax: 262_144, outboundBytesMax: 1_048_576, idleTimeoutMs: 60_000, connectionsMax: 10,
    allowedHosts: [HOST], allowedOrigins: [],
  })
  must(`the ws tier is chosen here (it is: ${server.description}); run this on a Node without a uWebSockets.js binary`, server.description.startsWith('ws because '))
  const port = await server.listen(handlers)
  try {
    const client = dial(port, HOST)
    await within('upgrade', new Promise((resolve, reject) => {
      client.once('open', resolve)
      client.once('error', reject)
    }))
    await echoes(client)
    await closesWithReason(client)
    await refusesHost(port)
  } finally {
    await server.close()
  }
  return server
}

const json = process.argv.includes('--json')
try {
  const { description } = await smoke()
  console.log(json
    ? JSON.stringify({ ok: true, node: process.versions.node, sockets: description })
    : `ok: Node ${process.versions.node} serves WebSockets by ${description}: upgrade, binary echo, close code, wrong Host refused`)
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error)
  console.log(json ? JSON.stringify({ ok: false, node: process.versions.node, reason }) : `failed: Node ${process.versions.node}: ${reason}`)
  process.exitCode = 1
}
