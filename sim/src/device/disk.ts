import { EvegramError } from '@evegram/protocol'
import { MemoryStore, type LocalStore, type StoreChange } from '@evegram/sdk'
import type { SimProcess } from '../kernel/process.js'
import type { SimRandom } from '../kernel/random.js'
import type { Run } from '../kernel/run.js'
import type { CrashPoint } from '../kernel/service.js'

/** How often a disk misbehaves; each a probability of one commit. */
export interface DiskFaults {
  /** It takes long to sync. */
  readonly slow: number
  /** It is full for a moment: the commit is refused, nothing changed. */
  readonly full: number
}

/** What a {@link SimDisk} works with. */
export interface DiskOptions {
  /** Name of the device. */
  readonly name: string
  readonly faults: () => DiskFaults
  readonly crashPoint: CrashPoint
  /** Called with everything that becomes durable, at that moment. */
  readonly onCommitted: (changes: readonly StoreChange[]) => void
}

interface Waiting {
  readonly changes: readonly StoreChange[]
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** The disk of one device: what was synced outlives every crash of its programs, what was not is gone. */
export class SimDisk {
  readonly #run: Run
  readonly #options: DiskOptions
  readonly #random: SimRandom
  #rows = new MemoryStore()

  constructor(run: Run, options: DiskOptions) {
    this.#run = run
    this.#options = options
    this.#random = run.random(`disk/${options.name}`)
  }

  /** Opens the profile for one program, until that is gone. */
  open(process: SimProcess): LocalStore {
    const rows = this.#rows
    const queue: Waiting[] = []
    let closed = false
    let busy = false
    const next = (): void => {
      const [first] = queue
      if (busy || first === undefined) return
      busy = true
      this.#run.scheduler.after(this.#syncMs(), () => {
        if (!process.alive) return
        busy = false
        queue.shift()
        this.#sync(process, rows, first)
        next()
      })
    }
    return {
      get: (table, key) => rows.get(table, key),
      list: (table, range) => rows.list(table, range),
      commit: (changes) => process.hold<void>((resolve, reject) => {
        if (closed) {
          reject(new EvegramError('client.store', { operation: 'commit', advice: 'The store was closed.' }))
          return
        }
        queue.push({ changes, resolve: () => { resolve() }, reject })
        next()
      }),
      close: () => {
        closed = true
        return Promise.resolve()
      },
    }
  }

  /** Everything on it is gone: a lost phone, a formatted machine. */
  lose(): void {
    this.#rows = new MemoryStore()
  }

  #syncMs(): number {
    if (!this.#random.chance(this.#options.faults().slow)) return this.#random.skewed(0.2, 4)
    this.#run.coverage.count('fault/disk.slow')
    return this.#random.skewed(50, 2_000)
  }

  #sync(process: SimProcess, rows: MemoryStore, { changes, resolve, reject }: Waiting): void {
    const { name, faults, crashPoint, onCommitted } = this.#options
    const crash = crashPoint(process, 'disk', 'commit')
    if (crash === 'before') {
      this.#crash(process, 'before')
      return
    }
    if (this.#random.chance(faults().full)) {
      this.#run.coverage.count('fault/disk.full')
      this.#run.note(name, 'disk full')
      reject(new EvegramError('client.store', { operation: 'commit' }))
      return
    }
    // Runs whole before it returns its promise: the store in memory waits for nothing.
    rows.commit(changes).then(resolve, reject)
    onCommitted(changes)
    if (crash === 'after') this.#crash(process, 'after')
  }

  #crash(process: SimProcess, when: string): void {
    this.#run.coverage.count('fault/crash at a commit')
    this.#run.note(process.name, `crash ${when} a commit`)
    process.kill()
  }
}
