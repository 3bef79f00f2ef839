import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readStandaloneConfig } from '../config.js'
import { startStandalone, type Standalone } from '../standalone.js'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const START_MS = 30_000
export const VERSION = '9.8.7'

/** A folder of its own, and the way to remove it. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'evegram-standalone-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Settings of a server on free ports with its data in `dataDir`. */
export function settings(dataDir: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { EVEGRAM_DATA_DIR: dataDir, EVEGRAM_HTTP_PORT: '0', EVEGRAM_WS_PORT: '0', EVEGRAM_ADMIN_PORT: '0', ...more }
}

/** Starts a server in this process and waits for its wallet bridge too. */
export async function startServer(dataDir: string, more: Readonly<Record<string, string>> = {}): Promise<Standalone> {
  const server = await startStandalone(readStandaloneConfig(settings(dataDir, more)), VERSION)
  await server.walletBridge
  return server
}

/** An HTTP answer. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** A request with exactly these headers, `Host` included; `fetch` would set its own. An accepted upgrade is status 101. */
export function ask(port: number, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return send({ port, path, headers, method: 'GET' })
}

/** The same with a body: text as it is, everything else as JSON. */
export function post(port: number, path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return send({ port, path, headers: { 'content-type': 'application/json', ...headers }, method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })
}

function send({ port, path, headers, method, body: sent }: {
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly method: string
  readonly body?: string
}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, method, headers: { host: `localhost:${String(port)}`, ...headers }, timeout: 10_000 })
    call.on('response', (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (part: string) => { body += part }).on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body })
      })
    })
    call.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: '' })
    })
    call.on('timeout', () => call.destroy(new Error('no answer in time')))
    call.on('error', reject)
    call.end(sent)
  })
}

/** Headers of a WebSocket upgrade. */
export const UPGRADE = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' } as const

/** An open WebSocket that sends nothing. `closeCode` is the code with which the server closed it, 1006 when it was cut (RFC 6455 section 7.1.5). */
export function openSocket(port: number): Promise<{ readonly closeCode: Promise<number> }> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path: '/v1/socket', headers: { host: `localhost:${String(port)}`, ...UPGRADE } })
    call.on('error', reject)
    call.on('upgrade', (_response, socket, head) => {
      const received: Buffer[] = [head]
      socket.on('error', () => undefined).on('data', (bytes: Buffer) => received.push(bytes))
      resolve({ closeCode: new Promise((done) => socket.once('close', () => done(closeCodeIn(Buffer.concat(received))))) })
    })
    call.end()
  })
}

/** The close code in the frames of a server, which are whole and unmasked (RFC 6455 section 5.2). */
function closeCodeIn(frames: Buffer): number {
  for (let at = 0; at + 4 <= frames.length;) {
    const isClose = (frames.readUInt8(at) & 0x0f) === 8
    const short = frames.readUInt8(at + 1)
    const [header, length] = short === 126 ? [4, frames.readUInt16BE(at + 2)] : [2, short]
    if (isClose) return frames.readUInt16BE(at + header)
    at += header + length
  }
  return 1006
}

/** A server as a process of its own, as `node standalone/dist/main.js` starts it. */
export interface ServerProcess {
  readonly child: ChildProcess
  /** What it printed, both streams. */
  output(): string
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
  /** Resolves when it listens. */
  listening(): Promise<{ readonly ports: { readonly http: number; readonly ws: number; readonly admin: number } }>
}

/** Starts the program. The caller ends it. */
export function startProgram(args: readonly string[], environment: Readonly<Record<string, string>>): ServerProcess {
  const child = fork(MAIN, [...args], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: { ...process.env, ...environment } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => { output += text })
  // Not `close`: it never comes once the channel was disconnected from this side.
  const exited = new Promise<number | string>((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal ?? 'gone')))
  const silent = [child.stdout, child.stderr].map((stream) => new Promise<void>((resolve) => (stream === null ? resolve() : stream.once('close', resolve))))
  const ended = Promise.all(silent).then(() => exited)
  const listening = new Promise<{ ports: { http: number; ws: number; admin: number } }>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the server did not start in time: ${output}`)), START_MS)
    child.once('message', (message: { ports: { http: number; ws: number; admin: number } }) => resolve(message))
    void ended.then((how) => {
      clearTimeout(timer)
      reject(new Error(`the server ended with ${String(how)}: ${output}`))
    })
    child.once('message', () => clearTimeout(timer))
  })
  listening.catch(() => undefined)
  return { child, ended, output: () => output, listening: () => listening }
}
