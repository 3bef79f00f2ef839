import { fork, type ChildProcess } from 'node:child_process'
import type { RunOptions } from '../run-options.js'
import type { SeedAnswer, SeedOutcome, SeedRequest } from './worker-messages.js'

/** What a {@link SeedPool} needs. */
export interface SeedPoolOptions {
  /** The program that is forked; it answers every {@link SeedRequest}. */
  readonly workerFile: string
  /** Processes at most. */
  readonly workers: number
  /** Real time for one seed, in ms; a worker that takes longer hangs and is ended. */
  readonly seedMsMax: number
}

interface Job {
  readonly id: number
  readonly options: RunOptions
  readonly settle: (outcome: SeedOutcome) => void
}

/** Characters of what a worker wrote on standard error that are kept for the report of its death. */
const STDERR_KEPT = 2_000

/**
 * Runs seeds in child processes, one at a time in each. A process that dies takes its seed with it: that is reported as an outcome, never
 * lost, and the next seed gets a new process.
 */
export class SeedPool {
  readonly #options: SeedPoolOptions
  readonly #idle: Worker[] = []
  readonly #all = new Set<Worker>()
  readonly #waiting: Job[] = []
  #nextId = 1
  #closed = false

  constructor(options: SeedPoolOptions) {
    this.#options = options
  }

  /** Runs one seed; waits for a free process. Resolves with `died` for seeds that {@link close} overtakes. Never rejects. */
  run(options: RunOptions): Promise<SeedOutcome> {
    return new Promise((settle) => {
      this.#waiting.push({ id: this.#nextId++, options, settle })
      this.#next()
    })
  }

  /** Ends all processes. */
  close(): void {
    this.#closed = true
    this.#next()
    for (const worker of this.#all) worker.end('the run was ended')
  }

  #next(): void {
    if (this.#closed) {
      for (const { options, settle } of this.#waiting.splice(0)) settle({ status: 'died', options, reason: 'the run was ended' })
      return
    }
    while (this.#waiting.length > 0) {
      const worker = this.#idle.pop() ?? (this.#all.size < this.#options.workers ? this.#start() : undefined)
      const job = worker === undefined ? undefined : this.#waiting.shift()
      if (worker === undefined || job === undefined) return
      worker.take(job)
    }
  }

  #start(): Worker {
    const worker = new Worker(this.#options, {
      free: () => {
        this.#idle.push(worker)
        this.#next()
      },
      gone: () => {
        this.#all.delete(worker)
        const index = this.#idle.indexOf(worker)
        if (index >= 0) this.#idle.splice(index, 1)
        this.#next()
      },
    })
    this.#all.add(worker)
    return worker
  }
}

/** One child process and the seed it has. */
class Worker {
  readonly #child: ChildProcess
  readonly #seedMsMax: number
  readonly #free: () => void
  #job: Job | undefined
  #deadline: NodeJS.Timeout | undefined
  #reason: string | undefined
  #stderr = ''

  constructor(options: SeedPoolOptions, events: { readonly free: () => void; readonly gone: () => void }) {
    this.#seedMsMax = options.seedMsMax
    this.#free = events.free
    // Its standard output must not mix with ours, which may be JSON.
    this.#child = fork(options.workerFile, [], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    this.#child.stderr?.on('data', (chunk) => { this.#stderr = (this.#stderr + String(chunk)).slice(-STDERR_KEPT) })
    this.#child.on('message', (answer: SeedAnswer) => { this.#answered(answer) })
    this.#child.on('error', (error) => { this.#reason ??= error.message })
    let isGone = false
    this.#child.on('close', (code, signal) => {
      if (isGone) return
      isGone = true
      this.#died(this.#reason ?? `its process ended with ${signal ?? `code ${String(code)}`}`)
      events.gone()
    })
  }

  take(job: Job): void {
    this.#job = job
    this.#deadline = setTimeout(() => { this.end(`no result after ${String(this.#seedMsMax / 1_000)} s`) }, this.#seedMsMax)
    this.#child.send({ id: job.id, options: job.options } satisfies SeedRequest, (error) => {
      if (error !== null) this.end(error.message)
    })
  }

  end(reason: string): void {
    this.#reason ??= reason
    this.#child.kill('SIGKILL')
  }

  #answered(answer: SeedAnswer): void {
    const job = this.#job
    if (job?.id !== answer.id) return
    this.#clear()
    const { options } = job
    if ('failure' in answer) job.settle({ status: 'died', options, reason: answer.failure })
    else if (answer.result.violation === undefined) job.settle({ status: 'green', options, result: answer.result })
    else job.settle({ status: 'broken', options, result: answer.result, violation: answer.result.violation })
    this.#free()
  }

  #died(reason: string): void {
    const job = this.#job
    this.#clear()
    const said = this.#stderr.trim()
    job?.settle({ status: 'died', options: job.options, reason: said === '' ? reason : `${reason}\n${said}` })
  }

  #clear(): void {
    clearTimeout(this.#deadline)
    this.#job = undefined
  }
}
