import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** How long a server may take to say that it listens. */
const START_TIMEOUT_MS = 120_000
const STOP_TIMEOUT_MS = 12_000
const MAIN = fileURLToPath(new URL('../../standalone/dist/main.js', import.meta.url))

/** Where a server listens. */
export interface ServerAddresses {
  /** `http://localhost:<port>`: pages, sign-in and API. */
  readonly url: string
  readonly ws: string
  readonly admin: string
}

/** A server of its own for one run: on free ports, with a fresh data folder, started as a person would start it. */
export class ServerProcess {
  readonly dataDir: string
  readonly #settings: Readonly<Record<string, string>>
  #child: ChildProcess | undefined
  #addresses: ServerAddresses | undefined

  constructor(settings: Readonly<Record<string, string>> = {}) {
    this.dataDir = mkdtempSync(join(tmpdir(), 'evegram-run-'))
    this.#settings = settings
  }

  /** Where it listens; the same ports after every restart. */
  get addresses(): ServerAddresses {
    if (this.#addresses === undefined) throw new Error('the server was not started')
    return this.#addresses
  }

  /** Process id of the running server. */
  get pid(): number {
    const pid = this.#child?.pid
    if (pid === undefined) throw new Error('the server is not running')
    return pid
  }

  /** Starts it, or starts it again on the same ports and data. Resolves when it accepts connections, with the time that took. */
  async start(nodeOptions: readonly string[] = []): Promise<number> {
    const startedAt = performance.now()
    const known = this.#addresses
    const port = (address: string | undefined): string => (address === undefined ? '0' : new URL(address).port)
    const child = fork(MAIN, [], {
      execArgv: [...nodeOptions],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: {
        ...process.env,
        EVEGRAM_DATA_DIR: this.dataDir,
        EVEGRAM_HTTP_PORT: port(known?.url),
        EVEGRAM_WS_PORT: port(known?.ws),
        EVEGRAM_ADMIN_PORT: port(known?.admin),
        EVEGRAM_QUIET: '1',
        // These runs are about messages: what it costs to keep books is not in their figures.
        EVEGRAM_WALLY: 'false',
        ...this.#settings,
      },
    })
    this.#child = child
    this.#addresses = await new Promise<ServerAddresses>((resolve, reject) => {
      const timeout = setTimeout(() => reject(new Error('the server did not start in time')), START_TIMEOUT_MS)
      child.once('exit', (code, signal) => reject(new Error(`the server ended with ${signal ?? `code ${String(code)}`} while starting`)))
      child.on('message', (message: unknown) => {
        if (!isListening(message)) return
        clearTimeout(timeout)
        resolve({ url: message.url, ws: message.ws, admin: message.admin })
      })
    })
    return performance.now() - startedAt
  }

  /** Kills it as a power cut would end the process. Resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Ends it as an operator would. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  /** Ends it and removes its data. Safe to call at any time. */
  async dispose(): Promise<void> {
    await this.#end('SIGTERM')
    rmSync(this.dataDir, { recursive: true, force: true })
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    await new Promise<void>((resolve) => {
      const force = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
      child.once('exit', () => {
        clearTimeout(force)
        resolve()
      })
      child.kill(signal)
    })
  }
}

function isListening(value: unknown): value is ServerAddresses & { readonly kind: 'listening' } {
  if (typeof value !== 'object' || value === null) return false
  const { kind, url, ws, admin } = value as Readonly<Record<string, unknown>>
  return kind === 'listening' && [url, ws, admin].every((address) => typeof address === 'string')
}
