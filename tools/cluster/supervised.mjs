// One of our own processes: forked, known to be ready, started again when it ends without being asked to.
import { fork } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { lastLines } from '../services/run-tool.mjs'

const RESTART_MS = 1_000
/** Services drain within 10 s of SIGTERM. */
const STOP_MS = 12_000
/** The exit code of a process that cannot run like this: starting it again would not help. */
const EXIT_CANNOT_RUN = 2
const LOG_CHARS_READ = 20_000

/** A process of the cluster. `onEnd(how, willRestart)` is told of every end that nobody asked for. */
export class Supervised {
  /** `{name, kind, main, args?, env, cwd, log, ports, onEnd}`; `ports` is kept for whoever asks. */
  constructor(recipe) {
    this.recipe = recipe
    this.child = undefined
    this.isReady = false
    this.isStopping = false
    this.failure = undefined
    this.waiting = new Set()
    this.restartTimer = undefined
  }

  get name() {
    return this.recipe.name
  }

  get kind() {
    return this.recipe.kind
  }

  /** Process id while it runs. */
  get pid() {
    return this.child?.pid
  }

  /** Starts it; `ready()` says when it answers. */
  start() {
    const { main, args = [], env, cwd, log, onEnd } = this.recipe
    mkdirSync(dirname(log), { recursive: true })
    const output = openSync(log, 'a', 0o600)
    const child = fork(main, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', output, output, 'ipc'] })
    closeSync(output)
    this.child = child
    child.on('message', (message) => {
      if (message?.kind !== 'listening') return
      this.isReady = true
      this.tell()
    })
    // The end of a process that could not be started at all.
    child.on('error', (error) => { this.failure = error.message })
    child.on('exit', (code, signal) => {
      this.child = undefined
      this.isReady = false
      if (this.isStopping) {
        this.tell()
        return
      }
      const willRestart = code !== EXIT_CANNOT_RUN
      if (!willRestart) this.failure = `${this.name} cannot run: ${lastLines(this.readLog(), 5)}`
      onEnd(signal ?? `code ${String(code)}`, willRestart)
      this.tell()
      if (willRestart) {
        this.restartTimer = setTimeout(() => {
          if (!this.isStopping) this.start()
        }, RESTART_MS)
      }
    })
  }

  /** Resolves when it is ready; rejects when it cannot run, was stopped, or is not ready after `timeoutMs`, with the end of its log. */
  async ready(timeoutMs) {
    const isSettled = await this.becomes(() => this.isReady || this.failure !== undefined || this.isStopping, timeoutMs)
    if (this.isReady) return
    if (this.failure !== undefined) throw new Error(this.failure)
    if (isSettled) throw new Error(`${this.name} was stopped while it started`)
    throw new Error(`${this.name} is not ready after ${timeoutMs / 1000} s; its log ends with\n${lastLines(this.readLog())}\n(all of it: ${this.recipe.log})`)
  }

  /** Sends a signal; rejects nothing, returns whether there was a process. */
  signal(name) {
    return this.child?.kill(name) ?? false
  }

  /** Drains and ends it for good: SIGTERM, SIGKILL after 12 s. Resolves when it is gone. */
  async stop() {
    this.isStopping = true
    clearTimeout(this.restartTimer)
    if (this.child === undefined) {
      this.tell()
      return
    }
    this.signal('SIGTERM')
    // One that is paused could not hear it.
    this.signal('SIGCONT')
    if (await this.becomes(() => this.child === undefined, STOP_MS)) return
    this.signal('SIGKILL')
    await this.becomes(() => this.child === undefined, STOP_MS)
  }

  /** Resolves with true when `isTrue()` holds, asked after every change; with false after `timeoutMs`. */
  becomes(isTrue, timeoutMs) {
    if (isTrue()) return Promise.resolve(true)
    return new Promise((resolve) => {
      const settle = (value) => {
        clearTimeout(timer)
        this.waiting.delete(look)
        resolve(value)
      }
      const look = () => { if (isTrue()) settle(true) }
      const timer = setTimeout(() => settle(false), timeoutMs)
      this.waiting.add(look)
    })
  }

  tell() {
    for (const look of [...this.waiting]) look()
  }

  readLog() {
    try {
      return readFileSync(this.recipe.log, 'utf8').slice(-LOG_CHARS_READ)
    } catch {
      return ''
    }
  }
}
