import { execFile, fork, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
/** The committed launcher, as `npx evegram` starts it. */
export const LAUNCHER = join(root, 'clients/cli/bin/evegram.js')
const SERVER = join(root, 'standalone/dist/main.js')
// Bounds for what hangs: a machine that is busy with other tests is several times slower than one that is not.
const START_MS = 90_000
const COMMAND_MS = 90_000

/** Compiles the server and the terminal client, as `npm start` does. */
export async function buildPrograms(): Promise<void> {
  await promisify(execFile)(process.execPath, [join(root, 'tools/build.mjs'), 'standalone', 'clients/cli'], { timeout: 200_000 })
}

/** A folder of its own for one test file, and the way to remove it. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'evegram-cli-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** A server in a process of its own on free ports, which stay the same when it is started again. */
export class TestServer {
  readonly dataDir: string
  readonly #settings: Readonly<Record<string, string>>
  #child: ChildProcess | undefined
  #ports: Readonly<Record<'http' | 'ws' | 'admin', number>> = { http: 0, ws: 0, admin: 0 }

  /** `settings`: environment variables beside those that it needs. */
  constructor(dataDir: string, settings: Readonly<Record<string, string>> = {}) {
    this.dataDir = dataDir
    this.#settings = settings
  }

  get url(): string {
    return `http://localhost:${String(this.#ports.http)}`
  }

  async start(): Promise<void> {
    const { http, ws, admin } = this.#ports
    const child = fork(SERVER, [], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: {
        ...process.env, EVEGRAM_DATA_DIR: this.dataDir, EVEGRAM_QUIET: 'true', EVEGRAM_LOG_LEVEL: 'debug',
        EVEGRAM_HTTP_PORT: String(http), EVEGRAM_WS_PORT: String(ws), EVEGRAM_ADMIN_PORT: String(admin), ...this.#settings,
      },
    })
    this.#child = child
    this.#ports = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the server did not start in time')), START_MS)
      child.once('exit', (code) => reject(new Error(`the server ended with ${String(code)}`)))
      child.once('message', (message: { readonly ports: Readonly<Record<'http' | 'ws' | 'admin', number>> }) => {
        clearTimeout(timer)
        resolve(message.ports)
      })
    })
  }

  /** Kills it as a power cut would. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await gone
  }
}

/** A local chain in a process of its own on a free port, whose blocks are final soon. */
export class TestChain {
  readonly #child: ChildProcess
  /** Where SDKs find it. */
  readonly url: Promise<string>
  /** What it says of itself when it runs: its address among it. */
  readonly facts: Promise<Readonly<Record<string, string>>>

  /** `args`: how fast it is. `program`: that of this repository which imitates the chain, or the one that runs a real node. */
  constructor(chain: 'solana' | 'ton' | 'terra', args: readonly string[], program: 'devnet' | 'node' = 'devnet') {
    const child = spawn(process.execPath, [join(root, 'wallet-bridge/dist/chain', chain, program, 'main.js'), '--port', '0', '--json', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#child = child
    this.facts = new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${chain} did not start in time`)), START_MS)
      child.once('exit', (code) => reject(new Error(`${chain} ended with ${String(code)}`)))
      child.stdout.setEncoding('utf8').once('data', (text: string) => {
        clearTimeout(timer)
        resolve(JSON.parse(text) as Readonly<Record<string, string>>)
      })
    })
    this.url = this.facts.then(({ url = '' }) => url)
    // Who waits for neither is told by what it does without them.
    this.url.catch(() => undefined)
  }

  /** Ends it, in order or as a power cut would. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill(signal)
    await gone
  }
}

/** What a command left behind. */
export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** Lines of stdout as JSON objects; throws when one is none. */
  readonly objects: readonly Readonly<Record<string, unknown>>[]
  /** The code of the error on stderr, of `--json` commands. */
  readonly error: { readonly code: string; readonly message: string; readonly details?: Readonly<Record<string, unknown>> } | undefined
}

/** Options of {@link evegram}. */
export interface CommandOptions {
  readonly input?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** Starts a command and leaves it running; the caller ends it. */
export function startEvegram(args: readonly string[], options: CommandOptions = {}): ChildProcess {
  const { EVEGRAM_PROFILE: _profile, EVEGRAM_SERVER: _server, ...environment } = process.env
  const child = spawn(process.execPath, [LAUNCHER, ...args], { env: { ...environment, ...options.environment }, ...(options.cwd === undefined ? {} : { cwd: options.cwd }) })
  // A command that does not read its input closes the pipe: that is its right.
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input ?? '')
  return child
}

/** Runs a command to its end. */
export async function evegram(args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  const child = startEvegram(args, options)
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => { stdout += text })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => { stderr += text })
  const timer = setTimeout(() => child.kill('SIGKILL'), COMMAND_MS)
  const code = await new Promise<number | null>((resolve) => child.once('close', (status) => resolve(status)))
  clearTimeout(timer)
  return {
    code, stdout, stderr,
    get objects() {
      return objectsOf(stdout)
    },
    get error() {
      const found = objectsOf(stderr).find((object) => 'error' in object)
      return found?.['error'] as Outcome['error']
    },
  }
}

function objectsOf(text: string): Readonly<Record<string, unknown>>[] {
  return text.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
}
