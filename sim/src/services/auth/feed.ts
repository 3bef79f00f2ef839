import type { AccountChange } from '@evegram/engine'
import type { AccountId } from '@evegram/protocol'
import type { SimProcess } from '../../kernel/process.js'
import type { SimRandom } from '../../kernel/random.js'
import type { Run } from '../../kernel/run.js'

/** How long an answer waits for nodes that were not told yet: after it every lease of theirs has run out. */
const HOLD_MS = 1_000
/** Most changes arrive at once, some as late as the port allows. */
const SOON_MS = [1, 100] as const
const LATE_MS = [100, 2_000] as const
const LATE_SHARE = 0.05
/** How much later a change comes to a node that is cut off. */
const PARTITIONED_MS = [100, 2_000] as const

interface Subscription {
  readonly node: SimProcess
  readonly listener: (change: AccountChange) => void
  /** Ends of the deliveries that are under way. */
  readonly pending: Set<() => void>
}

/** Tells nodes what happened to accounts: each change to every node that listens, in any order, late but never not at all. */
export class ChangeFeed {
  readonly #run: Run
  readonly #random: SimRandom
  readonly #isCutOff: (node: SimProcess) => boolean
  readonly #subscriptions = new Set<Subscription>()
  /** Log changes that some node was not told yet: how many nodes, and who waits for them. */
  readonly #untold = new Map<string, { left: number; readonly waiting: (() => void)[] }>()

  /** `isCutOff`: whether a node reaches no instance now. */
  constructor(run: Run, isCutOff: (node: SimProcess) => boolean) {
    this.#run = run
    this.#random = run.random('auth-changes')
    this.#isCutOff = isCutOff
  }

  /** Calls `listener` with every change until the node is killed or the returned function is called. */
  subscribe(node: SimProcess, listener: (change: AccountChange) => void): () => void {
    if (!node.alive) return () => undefined
    const subscription: Subscription = { node, listener, pending: new Set() }
    this.#subscriptions.add(subscription)
    const end = (): void => {
      this.#subscriptions.delete(subscription)
      for (const finish of [...subscription.pending]) finish()
    }
    const forget = node.onKilled(end)
    return () => {
      forget()
      end()
    }
  }

  /** Something happened, now. */
  emit(change: AccountChange): void {
    const key = change.kind === 'log' ? keyOf(change.account, change.seq) : undefined
    const entry = { left: this.#subscriptions.size, waiting: [] }
    if (key !== undefined && entry.left > 0) this.#untold.set(key, entry)
    for (const subscription of [...this.#subscriptions]) {
      const finish = (): void => {
        if (!subscription.pending.delete(finish) || key === undefined) return
        this.#oneTold(key)
      }
      subscription.pending.add(finish)
      const delayMs = this.#between(this.#random.chance(LATE_SHARE) ? LATE_MS : SOON_MS)
      this.#run.scheduler.after(delayMs, () => { this.#deliver(subscription, change, finish, true) })
    }
  }

  /** Resolves once every node that listened when the log reached `seq` was told so or is gone, 1 s from now at the latest. */
  whenTold(asker: SimProcess, account: AccountId, seq: number): Promise<void> {
    const entry = this.#untold.get(keyOf(account, seq))
    if (entry === undefined) return Promise.resolve()
    return asker.hold<undefined>((resolve) => {
      const timer = asker.clock.after(HOLD_MS, () => {
        this.#run.coverage.count('branch/auth answer held for 1 s')
        resolve(undefined)
      })
      entry.waiting.push(() => {
        timer.cancel()
        resolve(undefined)
      })
    })
  }

  #deliver(subscription: Subscription, change: AccountChange, finish: () => void, mayWait: boolean): void {
    const { node, pending, listener } = subscription
    if (!pending.has(finish)) return
    if (mayWait && this.#isCutOff(node)) {
      this.#run.coverage.count('fault/auth-changes.delayed')
      this.#run.scheduler.after(this.#between(PARTITIONED_MS), () => { this.#deliver(subscription, change, finish, false) })
      return
    }
    node.run(() => {
      if (!pending.has(finish)) return
      listener(change)
      finish()
    })
  }

  #oneTold(key: string): void {
    const entry = this.#untold.get(key)
    if (entry === undefined || --entry.left > 0) return
    this.#untold.delete(key)
    for (const resume of entry.waiting) resume()
  }

  #between([from, to]: readonly [number, number]): number {
    return this.#random.skewed(from, to)
  }
}

function keyOf(account: AccountId, seq: number): string {
  return `${account}.${String(seq)}`
}
