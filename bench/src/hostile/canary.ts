import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ServerAddresses } from '../server-process.js'
import type { CanaryWindow } from './judge.js'

// The ending of this very file: the run may be compiled, or run from its sources.
const MAIN = fileURLToPath(new URL(`canary-process${import.meta.url.slice(-3)}`, import.meta.url))
const ANSWER_TIMEOUT_MS = 30_000

/** An honest pair of devices in a process of its own, so that the attacker's own load does not show in its figures. */
export class CanaryPair {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /** Signs both devices in and lets them talk. Rejects when they cannot. */
  static async start({ url, ws }: ServerAddresses): Promise<CanaryPair> {
    const child = fork(MAIN, [JSON.stringify({ url, ws })], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const pair = new CanaryPair(child)
    await pair.#answer()
    return pair
  }

  /** Process id of the pair. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** What the pair saw since it was asked last. */
  async take(): Promise<CanaryWindow> {
    const answer = this.#answer()
    this.#child.send('take')
    // The other side of this channel is canary-process.ts, which answers `take` with nothing else.
    return await answer as CanaryWindow
  }

  /** Ends the process. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await gone
  }

  #answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const over = (error: Error): void => {
        clearTimeout(timer)
        reject(error)
      }
      const ended = (): void => over(new Error('the honest devices ended'))
      const timer = setTimeout(() => over(new Error('the honest devices do not answer')), ANSWER_TIMEOUT_MS)
      this.#child.once('exit', ended)
      this.#child.once('message', (message) => {
        clearTimeout(timer)
        this.#child.off('exit', ended)
        resolve(message)
      })
    })
  }
}
