import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A process of a run, which is ended by its id and no other way. */
export class Child<Message> {
  readonly #process: ChildProcess
  readonly #name: string
  #expectedEnd = false
  #failure: Error | undefined

  /** Starts a program that lies beside this one. What it prints goes to standard error. */
  constructor(name: string, program: string, args: readonly string[] = []) {
    this.#name = name
    this.#process = fork(fileURLToPath(new URL(program, import.meta.url)), [...args], { stdio: ['ignore', 2, 2, 'ipc'] })
    this.#process.once('exit', (code, signal) => {
      if (!this.#expectedEnd && signal !== 'SIGKILL') this.#failure = new Error(`${this.#name} ended by itself: ${signal ?? `code ${String(code)}`}`)
    })
  }

  /** Whether it runs no more. Throws when it ended otherwise than by SIGKILL. */
  get isOver(): boolean {
    if (this.#failure !== undefined) throw this.#failure
    return this.#process.exitCode !== null || this.#process.signalCode !== null
  }

  /** Says something to it. */
  send(message: object): void {
    this.#process.send(message)
  }

  /** The next thing that it says. Rejects when it ends before that. */
  async next(): Promise<Message> {
    const abort = new AbortController()
    const ended = once(this.#process, 'exit', { signal: abort.signal }).then(() => { throw new Error(`${this.#name} ended before it said anything`) })
    try {
      const [message] = await Promise.race([once(this.#process, 'message', { signal: abort.signal }), ended]) as [Message]
      return message
    } finally {
      abort.abort()
      await ended.catch(() => undefined)
    }
  }

  /** Halts it. */
  halt(): void {
    this.#process.kill('SIGSTOP')
  }

  /** Lets it go on. */
  goOn(): void {
    this.#process.kill('SIGCONT')
  }

  /** kill -9. Resolved = it is gone. */
  async kill(): Promise<void> {
    this.#expectedEnd = true
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.kill('SIGKILL')
    await once(this.#process, 'exit')
  }
}
