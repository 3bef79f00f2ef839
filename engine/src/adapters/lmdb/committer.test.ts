import type { Clock, Timer } from '@evegram/protocol'
import { isEvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { Committer, type CommitTarget, type PendingWrite } from './committer.js'

/** A store whose commits end when the test says so. */
class ManualTarget implements CommitTarget {
  readonly commits: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = []
  isDead = false

  async batch(action: () => void): Promise<unknown> {
    action()
    return new Promise<void>((resolve, reject) => { this.commits.push({ resolve, reject }) })
  }

  get(): unknown {
    if (this.isDead) throw new Error('MDB_PANIC')
    return undefined
  }
}

class ManualClock implements Clock {
  nowMs = 0
  readonly #tasks: (() => void)[] = []
  now(): number { return this.nowMs }
  monotonicMs(): number { return this.nowMs }
  after(): Timer { throw new Error('not used') }
  every(_intervalMs: number, task: () => void): Timer {
    this.#tasks.push(task)
    return { cancel: () => { this.#tasks.length = 0 } }
  }
  advance(ms: number): void {
    this.nowMs += ms
    for (const task of this.#tasks) task()
  }
}

class Write implements PendingWrite {
  state = 'waiting'
  cause: unknown
  commit = 0
  readonly bytes: number
  readonly #fault: Error | undefined
  constructor(bytes = 100, fault?: Error) {
    this.bytes = bytes
    this.#fault = fault
  }
  apply(commit: number): void {
    this.commit = commit
    if (this.#fault !== undefined) throw this.#fault
  }
  settle(): void { this.#end('settled') }
  fail(cause: unknown): void {
    this.#end('failed')
    this.cause = cause
  }
  #end(state: string): void {
    if (this.state !== 'waiting') throw new Error(`told twice: ${this.state}, then ${state}`)
    this.state = state
  }
}

function setup(): { target: ManualTarget; clock: ManualClock; failures: number[]; committer: Committer; add: (...writes: Write[]) => Write[] } {
  const target = new ManualTarget()
  const clock = new ManualClock()
  const failures: number[] = []
  const committer = new Committer(target, clock, () => { failures.push(target.commits.length) })
  return {
    target, clock, failures, committer,
    add: (...writes) => {
      for (const write of writes) committer.add(write)
      return writes
    },
  }
}

const turn = async (): Promise<void> => {
  for (let round = 0; round < 4; round++) await new Promise((resolve) => { setImmediate(resolve) })
}
const states = (writes: readonly Write[]): string[] => writes.map((write) => write.state)

describe('Committer', () => {
  it('puts the writes of one tick into one commit and settles none before it is durable', async () => {
    const { target, add } = setup()
    const writes = add(new Write(), new Write(), new Write())
    expect(target.commits).toHaveLength(0)
    await turn()
    expect([target.commits.length, ...states(writes)]).toEqual([1, 'waiting', 'waiting', 'waiting'])
    target.commits[0]?.resolve()
    await turn()
    expect(states(writes)).toEqual(['settled', 'settled', 'settled'])
  })

  it('makes one commit at a time: what comes meanwhile goes together into the next', async () => {
    const { target, add } = setup()
    add(new Write())
    await turn()
    const later = [...add(new Write())]
    await turn()
    later.push(...add(new Write()))
    await turn()
    expect(target.commits).toHaveLength(1)
    target.commits[0]?.resolve()
    await turn()
    expect(target.commits).toHaveLength(2)
    expect(later.map((write) => write.commit)).toEqual([2, 2])
  })

  it('splits what waits by bytes, in order', async () => {
    const { target, add } = setup()
    const writes = add(...Array.from({ length: 5 }, () => new Write(3 * 1_048_576)))
    for (let commit = 0; commit < 3; commit++) {
      await turn()
      target.commits[commit]?.resolve()
    }
    await turn()
    expect(writes.map((write) => write.commit)).toEqual([1, 1, 2, 2, 3])
  })

  it('fails the writes of a failed commit with its cause, forgets assumptions before the next, and goes on', async () => {
    const { target, failures, add } = setup()
    const lost = add(new Write(), new Write())
    await turn()
    const next = add(new Write())
    const error = Object.assign(new Error('Commit failed'), { commitError: Promise.reject(new Error('no space left')) })
    error.commitError.catch(() => undefined)
    target.commits[0]?.reject(error)
    await turn()
    expect(states(lost)).toEqual(['failed', 'failed'])
    expect(String(lost[0]?.cause)).toMatch(/no space left/)
    expect(failures).toEqual([1])
    target.commits[1]?.resolve()
    await turn()
    expect(states(next)).toEqual(['settled'])
  })

  it('fails only the write that cannot be applied', async () => {
    const { target, add } = setup()
    const writes = add(new Write(), new Write(1, new Error('bad bytes')), new Write())
    await turn()
    target.commits[0]?.resolve()
    await turn()
    expect(states(writes)).toEqual(['settled', 'failed', 'settled'])
  })

  it('refuses everything once LMDB is dead', async () => {
    const { target, add } = setup()
    const first = add(new Write())
    await turn()
    const waiting = add(new Write())
    target.isDead = true
    target.commits[0]?.reject(new Error('meta page'))
    await turn()
    expect(states([...first, ...waiting, ...add(new Write())])).toEqual(['failed', 'failed', 'waiting'])
    expect(target.commits).toHaveLength(1)
  })

  it('gives up a commit that never ends, refuses others at once, and works again when it ended after all', async () => {
    const { target, clock, add } = setup()
    const given = add(new Write())
    await turn()
    given.push(...add(new Write()))
    clock.advance(9_000)
    expect(states(given)).toEqual(['waiting', 'waiting'])
    clock.advance(2_000)
    expect(states(given)).toEqual(['failed', 'failed'])
    expect(isEvegramError(given[0]?.cause, 'timeout')).toBe(true)
    const refused = add(new Write())
    await turn()
    expect(states(refused)).toEqual(['failed'])
    target.commits[0]?.resolve()
    await turn()
    const after = add(new Write())
    await turn()
    target.commits[1]?.resolve()
    await turn()
    expect(states(after)).toEqual(['settled'])
  })

  it('refuses what exceeds its bounds and takes more when there is room', async () => {
    const { target, add } = setup()
    add(new Write())
    await turn()
    const writes = add(new Write(64 * 1_048_576), new Write())
    await turn()
    expect(states(writes)).toEqual(['waiting', 'failed'])
    expect(isEvegramError(writes[1]?.cause, 'limited.queue')).toBe(true)
    target.commits[0]?.resolve()
    await turn()
    expect(add(new Write())[0]?.state).toBe('waiting')
  })

  it('commits what waits before it is closed, and does not wait for a stalled commit', async () => {
    const { target, committer, add } = setup()
    const writes = add(new Write())
    let atRest: boolean | undefined
    const closing = committer.close().then((result) => { atRest = result })
    await turn()
    expect(atRest).toBeUndefined()
    target.commits[0]?.resolve()
    await closing
    expect(atRest).toBe(true)
    expect(states(writes)).toEqual(['settled'])

    const stuck = setup()
    stuck.add(new Write())
    await turn()
    const stuckClosing = stuck.committer.close()
    stuck.clock.advance(20_000)
    expect(await stuckClosing).toBe(false)
  })
})
