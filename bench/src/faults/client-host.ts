import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { DeviceReport, DeviceSettings, FromHost, HostSettings, ToHost } from './client-protocol.js'

const HOST_MAIN = fileURLToPath(new URL('client-host-process.js', import.meta.url))
const OPEN_TIMEOUT_MS = 120_000
const REPORT_TIMEOUT_MS = 120_000
const STOP_TIMEOUT_MS = 10_000

/** A process that runs some of the devices. */
export class ClientHost {
  readonly #child: ChildProcess
  readonly #opened = new Map<string, (address: string) => void>()
  #report: ((devices: readonly DeviceReport[]) => void) | undefined
  #stopping = false
  /** Messages of its devices that were acknowledged. */
  acked = 0
  /** Whether all its devices are under way. */
  settled = false
  #slowestMs = 0
  /** Whether all its devices have sent and got the acknowledgement of everything. */
  finished = false
  /** Told once when something is wrong that the run cannot go on with. */
  onFailure: (message: string) => void = () => undefined

  constructor(settings: HostSettings) {
    this.#child = fork(HOST_MAIN, [JSON.stringify(settings)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child.on('exit', (code, signal) => { if (!this.#stopping) this.onFailure(`a client process ended with ${signal ?? `code ${String(code)}`}`) })
    this.#child.on('message', (message: FromHost) => { this.#hear(message) })
  }

  /** Signs a device in. Resolves with the address of its account. */
  open(device: DeviceSettings): Promise<string> {
    return this.#within(OPEN_TIMEOUT_MS, `${device.name} was not signed in`, (resolve) => {
      this.#opened.set(device.name, resolve)
      this.tell({ kind: 'open', device })
    })
  }

  /** What its devices did and saw up to now. */
  report(): Promise<readonly DeviceReport[]> {
    return this.#within(REPORT_TIMEOUT_MS, 'a client process did not report', (resolve) => {
      this.#report = resolve
      this.tell({ kind: 'report' })
    })
  }

  /** Longest time to an ack or to being shown since this was asked last, of what was sent at this pace, what still waits included, in ms. */
  takeSlowestMs(): number {
    const slowestMs = this.#slowestMs
    this.#slowestMs = 0
    return slowestMs
  }

  tell(message: ToHost): void {
    this.#child.send(message)
  }

  async stop(): Promise<void> {
    this.#stopping = true
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    await new Promise<void>((resolve) => {
      const force = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS)
      this.#child.once('exit', () => {
        clearTimeout(force)
        resolve()
      })
      if (this.#child.connected) this.tell({ kind: 'stop' })
    })
  }

  #hear(message: FromHost): void {
    switch (message.kind) {
      case 'opened':
        this.#opened.get(message.name)?.(message.address)
        return
      case 'progress':
        this.acked = message.acked
        this.settled = message.settled
        this.#slowestMs = Math.max(this.#slowestMs, message.slowestMs)
        this.finished = message.finished
        return
      case 'report':
        this.#report?.(message.devices)
        return
      case 'failed':
        this.onFailure(message.message)
        return
      default:
        message satisfies never
    }
  }

  #within<Result>(timeoutMs: number, what: string, start: (resolve: (result: Result) => void) => void): Promise<Result> {
    return new Promise((resolve, reject) => {
      const timeout = setTimeout(() => reject(new Error(`${what} within ${String(timeoutMs / 1_000)} s`)), timeoutMs)
      start((result) => {
        clearTimeout(timeout)
        resolve(result)
      })
    })
  }
}
