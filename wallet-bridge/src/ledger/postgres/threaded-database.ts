import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { lockFolder, type FolderLock } from '@evegram/platform'
import { EvegramError } from '@evegram/protocol'
import type { PGlite } from '@electric-sql/pglite'
import { Kysely } from 'kysely'
import { PGliteDialect } from 'kysely-pglite-dialect'
import type { EmbeddedDatabase } from './database.js'
import type { ThreadAnswer, ThreadRequest, ThreadSettings, ToldFailure } from './pglite-thread-messages.js'

/** Tests run on sources, which a thread of Node cannot: theirs is the program as it was built last. */
const PROGRAM = new URL(import.meta.url.endsWith('.ts') ? '../../../dist/ledger/postgres/pglite-thread.js' : './pglite-thread.js', import.meta.url)

/** An embedded ledger on a thread of its own. */
export interface ThreadedDatabase extends EmbeddedDatabase {
  /**
   * Opens it; whatever is asked for before that rejects `unavailable.store`. Rejects `conflict.data_in_use`, `unavailable.store` when it cannot be opened or is closed
   * meanwhile. Once.
   */
  open(): Promise<void>
  /** Ends it, also while it is opened: at the next start it is as after a crash, with all that it acknowledged. */
  close(): Promise<void>
}

/**
 * What `embeddedDatabase` opens, on a thread: nothing that PostgreSQL does, a new database least of all, holds the thread of the caller up. Nothing is there, and no
 * lock is taken, before {@link ThreadedDatabase.open}.
 */
export function threadedDatabase(folder: string): ThreadedDatabase {
  const thread = new PgliteThread(folder)
  // The dialect calls `query` and `close` of its client and nothing else, which the contract suite of the ledger shows on a thread.
  const queries = new Kysely<unknown>({ dialect: new PGliteDialect(thread as unknown as PGlite) })
  return {
    queries,
    open: () => thread.open(),
    snapshot: () => thread.snapshot(),
    close: async () => {
      // A dialect that was never used closes nothing.
      if (thread.isOpen) await queries.destroy()
      await thread.close()
    },
  }
}

interface Asked {
  readonly resolve: (answer: ThreadAnswer) => void
  readonly reject: (failure: Error) => void
}

class PgliteThread {
  readonly #folder: string
  readonly #asked = new Map<number, Asked>()
  #lock: FolderLock | undefined
  #worker: Worker | undefined
  #opening: Asked | undefined
  #nextId = 1
  isOpen = false

  constructor(folder: string) {
    this.#folder = folder
  }

  async open(): Promise<void> {
    this.#lock = lockFolder(this.#folder)
    const settings: ThreadSettings = { folder: this.#folder }
    const worker = new Worker(fileURLToPath(PROGRAM), { workerData: settings })
    this.#worker = worker
    try {
      await new Promise<ThreadAnswer>((resolve, reject) => {
        this.#opening = { resolve, reject }
        worker.on('message', (answer: ThreadAnswer) => { this.#hear(answer) })
        worker.on('error', (cause) => { this.#gone(cause) })
        worker.on('exit', () => { this.#gone(new Error('the thread of the ledger ended')) })
      })
      this.isOpen = true
      // From here on it keeps the process alive only while somebody waits for an answer.
      worker.unref()
    } catch (cause) {
      await this.close()
      throw new EvegramError('unavailable.store', { operation: 'open embedded ledger', cause })
    }
  }

  /** Named and shaped as PGlite has it. */
  async query(text: string, parameters: readonly unknown[] = []): Promise<{ readonly rows: readonly unknown[]; readonly affectedRows: number | undefined }> {
    const answer = await this.#ask((id) => ({ kind: 'query', id, text, parameters }))
    if (answer.kind !== 'rows') throw new Error(`rows were expected, ${answer.kind} came`)
    return { rows: answer.rows, affectedRows: answer.affectedRows }
  }

  async snapshot(): Promise<Uint8Array> {
    const answer = await this.#ask((id) => ({ kind: 'snapshot', id }))
    if (answer.kind !== 'snapshot') throw new Error(`a snapshot was expected, ${answer.kind} came`)
    return answer.bytes
  }

  /** Safe to call twice: the dialect does it first. */
  async close(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    if (worker === undefined) return
    if (this.isOpen) await this.#askOf(worker, (id) => ({ kind: 'close', id }))
    this.isOpen = false
    await worker.terminate()
    this.#lock?.release()
  }

  #ask(request: (id: number) => ThreadRequest): Promise<ThreadAnswer> {
    const worker = this.#worker
    if (worker === undefined || !this.isOpen) return Promise.reject(new EvegramError('unavailable.store', { operation: 'ask embedded ledger' }))
    return this.#askOf(worker, request)
  }

  /** What waits is bounded by the dialect: one statement at a time, and snapshots by who asks for them. */
  #askOf(worker: Worker, request: (id: number) => ThreadRequest): Promise<ThreadAnswer> {
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject })
      worker.ref()
      worker.postMessage(request(id))
    })
  }

  #hear(answer: ThreadAnswer): void {
    if (answer.kind === 'opened') this.#opening?.resolve(answer)
    else if (answer.kind === 'unopened') this.#opening?.reject(errorOf(answer.failure))
    else {
      const asked = this.#asked.get(answer.id)
      this.#asked.delete(answer.id)
      if (this.#asked.size === 0) this.#worker?.unref()
      if (answer.kind === 'failed') asked?.reject(errorOf(answer.failure))
      else asked?.resolve(answer)
    }
  }

  /** Nobody answers any more: neither those who wait nor those who will ask. */
  #gone(cause: Error): void {
    this.isOpen = false
    this.#opening?.reject(cause)
    for (const { reject } of this.#asked.values()) reject(cause)
    this.#asked.clear()
  }
}

function errorOf({ message, code }: ToldFailure): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code })
}
