import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { FromWorker, Tick, WorkerCall, WorkerCalls } from './worker-calls.js'

/** A process runs the build, also when a test runs the source. */
const MODULE = fileURLToPath(new URL('../../../dist/load/worker/load-worker-process.js', import.meta.url))

/** What a worker tells by itself. */
export interface WorkerEvents {
  readonly onReady: (done: number) => void
  readonly onTick: (tick: Tick) => void
}

/** A worker process, as the coordinator sees it. */
export class WorkerHandle {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, { readonly resolve: (answer: unknown) => void; readonly reject: (error: Error) => void }>()
  #ids = 0
  #isEnded = false

  constructor(name: string, events: WorkerEvents) {
    this.#child = fork(MODULE, [], { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child.on('message', (message) => { this.#onMessage(message as FromWorker, events) }) // sent by load-worker-process.ts of the same build
    this.#child.on('exit', (code, signal) => {
      this.#isEnded = true
      for (const { reject } of this.#waiting.values()) reject(new Error(`${name} ended with ${signal ?? `code ${String(code)}`}`))
      this.#waiting.clear()
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Asks for something. Rejects when the worker could not do it, or ended. */
  ask<Call extends WorkerCall>(call: Call, order: WorkerCalls[Call]['order']): Promise<WorkerCalls[Call]['answer']> {
    const id = ++this.#ids
    return new Promise((resolve, reject) => {
      if (this.#isEnded) {
        reject(new Error('the worker has ended'))
        return
      }
      // The worker answers each call with the type that the table names for it.
      this.#waiting.set(id, { resolve: (answer) => { resolve(answer as WorkerCalls[Call]['answer']) }, reject })
      this.#child.send({ id, call, order })
    })
  }

  /** Ends the process. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #onMessage(message: FromWorker, events: WorkerEvents): void {
    switch (message.kind) {
      case 'answer':
        this.#waiting.get(message.id)?.resolve(message.answer)
        this.#waiting.delete(message.id)
        return
      case 'error':
        this.#waiting.get(message.id)?.reject(new Error(message.message))
        this.#waiting.delete(message.id)
        return
      case 'ready': return events.onReady(message.done)
      case 'tick': return events.onTick(message.tick)
      default: return message satisfies never
    }
  }
}
