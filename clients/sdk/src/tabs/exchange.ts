import { EvegramError, hexOf, type Clock, type Random, type Timer } from '@evegram/protocol'
import { Deferred } from '../core/deferred.js'
import { newOnceName } from '../core/once.js'
import { TABS_LIMITS, type Call, type Frame, type Target } from './frames.js'
import { pack, unpack, type PackedHandle, type Packing, type Unpacking } from './pack.js'
import type { TabBus } from './ports.js'

/** What an {@link Exchange} is made of. */
export interface ExchangePorts {
  readonly bus: TabBus
  readonly clock: Pick<Clock, 'now' | 'after'>
  readonly random: Random
  /** See `Packing.handleOf`. */
  handleOf(value: object): PackedHandle | undefined
  /** What stands for a handle in this tab. */
  openHandle(handle: PackedHandle): unknown
  /** The object that a call of another tab is for, or undefined where this tab does not lead. */
  resolve(call: Call): Promise<object> | undefined
}

/** A call that was made and is not over: it has no answer, or promises of its answer are open. */
interface Open {
  readonly call: Call
  /** The same call may be made again at another leader. */
  readonly retried: boolean
  /** Undefined: of a leader that is not known yet. */
  to: string | undefined
  readonly answer: Deferred<unknown>
  readonly timer: Timer
  answered: boolean
  /** Promises inside the answer, in its order. */
  promises: readonly string[]
}

/** What this tab keeps for another one. */
interface KeptValue {
  readonly value: object
  iterator?: AsyncIterator<unknown>
}

const ID_BYTES = 16

/** Looks at values and opens nothing. */
const INERT: Unpacking = {
  handle: () => undefined, called: () => () => Promise.resolve(undefined), iterated: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }) }),
  promised: () => Promise.resolve(undefined), signalled: () => new AbortController().signal,
}

/**
 * Calls between this tab and others, both ways. A call to the leader outlives it: when another tab leads, it is made again there if it may be (what it
 * says is said once), and rejects with `client.leader_lost` if nobody can know what became of it.
 */
export class Exchange {
  readonly #ports: ExchangePorts
  readonly #open = new Map<string, Open>()
  readonly #promises = new Map<string, { readonly deferred: Deferred<unknown>; readonly call: string }>()
  /** What other tabs reach here; the oldest go. */
  readonly #kept = new Map<string, KeptValue>()
  readonly #signals = new Map<string, AbortController>()
  #leader: string | undefined
  #term = ''
  #closed = false

  constructor(ports: ExchangePorts) {
    this.#ports = ports
  }

  /** Calls `method` of `target` at the leader, now or when there is one. */
  call(target: Target, method: string, args: readonly unknown[], retried: boolean): Promise<unknown> {
    return this.#start(target, method, args, retried, target.on === 'kept' ? undefined : this.#leader)
  }

  /** The tab `leader` leads for the time `term`: what was asked of another one is asked again, or given up. */
  follow(leader: string, term: string): void {
    if (this.#term === term) return
    this.#leader = leader
    this.#term = term
    for (const open of [...this.#open.values()]) {
      if (open.call.target.on === 'kept') {
        if (open.to !== leader) this.#giveUp(open)
      } else if (open.to === undefined || open.retried) this.#send(open, leader)
      else this.#giveUp(open)
    }
  }

  /** Takes a frame that is for calls; false for others. */
  take(frame: Frame): boolean {
    switch (frame.kind) {
      case 'call':
        void this.#serve(frame.call, frame.from)
        return true
      case 'answer':
        this.#answered(frame)
        return true
      case 'settled':
        this.#settled(frame)
        return true
      case 'abort':
        this.#signals.get(frame.id)?.abort()
        this.#signals.delete(frame.id)
        return true
      default:
        return false
    }
  }

  /** The tab `tab` is gone: what was asked of it is given up, unless a next leader does it. */
  gone(tab: string): void {
    for (const open of [...this.#open.values()]) if (open.to === tab && open.call.target.on === 'kept') this.#giveUp(open)
  }

  /** No more calls: those that are open reject with `client.closed`. */
  close(): void {
    this.#closed = true
    for (const open of [...this.#open.values()]) this.#end(open, new EvegramError('client.closed', { operation: open.call.method }))
    this.#kept.clear()
  }

  /** A value for the other tabs, in its packed form. */
  packFor(to: string | undefined, value: unknown): unknown {
    return pack(value, this.#packing(to, []))
  }

  /** A value of another tab. */
  unpackOf(value: unknown): unknown {
    return unpack(value, this.#unpacking())
  }

  #start(target: Target, method: string, args: readonly unknown[], retried: boolean, to: string | undefined): Promise<unknown> {
    const { clock, random } = this.#ports
    if (this.#closed) return Promise.reject(new EvegramError('client.closed', { operation: method }))
    if (this.#open.size >= TABS_LIMITS.callsInFlightMax) return Promise.reject(new EvegramError('limited.queue', { operation: method, details: { callsInFlightMax: TABS_LIMITS.callsInFlightMax } }))
    const id = hexOf(random.bytes(ID_BYTES))
    const answer = new Deferred<unknown>()
    try {
      const call: Call = { id, target, method, args: args.map((arg) => pack(arg, this.#packing(to, []))), once: newOnceName(clock, random) }
      const timer = clock.after(TABS_LIMITS.callMsMax, () => {
        const open = this.#open.get(id)
        if (open?.answered === false) this.#end(open, new EvegramError('timeout', { operation: method }))
      })
      const open: Open = { call, retried, to: undefined, answer, timer, answered: false, promises: [] }
      this.#open.set(id, open)
      if (target.on === 'kept') this.#send(open, target.id.split(' ')[0] ?? '')
      else if (to !== undefined) this.#send(open, to)
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new EvegramError('internal', { operation: method, cause: error }))
    }
    return answer.promise
  }

  #send(open: Open, to: string): void {
    open.to = to
    try {
      this.#ports.bus.post({ kind: 'call', call: open.call }, to)
    } catch (cause) {
      this.#end(open, cause instanceof EvegramError ? cause : new EvegramError('invalid.argument', { operation: open.call.method, cause, advice: 'An argument cannot be sent to another tab.' }))
    }
  }

  #giveUp(open: Open): void {
    this.#end(open, new EvegramError('client.leader_lost', { operation: open.call.method }))
  }

  /** Ends a call for good, with everything that was open of it. */
  #end(open: Open, error: EvegramError): void {
    open.timer.cancel()
    this.#open.delete(open.call.id)
    open.answer.reject(error)
    for (const id of open.promises) {
      this.#promises.get(id)?.deferred.reject(error)
      this.#promises.delete(id)
    }
  }

  #answered({ id, value, promises = [], error, lost, from }: Extract<Frame, { kind: 'answer' }>): void {
    const open = this.#open.get(id)
    // Of a leader that was given up meanwhile, or of a second one.
    if (open === undefined || open.to !== from) return
    // That tab leads no more: the next leader says so, and is asked then.
    if (lost === true) {
      if (open.call.target.on === 'kept' || !open.retried) this.#giveUp(open)
      else if (this.#leader === from) this.#leader = undefined
      return
    }
    if (error !== undefined) {
      const cause = this.unpackOf(error)
      this.#end(open, cause instanceof EvegramError ? cause : new EvegramError('internal', { operation: open.call.method, cause }))
      return
    }
    if (open.answered) {
      // Made again: the promises are those of before, in the same order.
      promises.forEach((promise, index) => {
        const known = open.promises[index]
        const waiting = known === undefined ? undefined : this.#promises.get(known)
        if (known === undefined || waiting === undefined) return
        this.#promises.delete(known)
        this.#promises.set(promise, waiting)
      })
      open.promises = promises
      return
    }
    open.answered = true
    open.promises = promises
    for (const promise of promises) this.#promises.set(promise, { deferred: new Deferred(), call: id })
    open.answer.resolve(unpack(value, this.#unpacking()))
    this.#endWhenSettled(open)
  }

  #settled({ id, value, error }: Extract<Frame, { kind: 'settled' }>): void {
    const waiting = this.#promises.get(id)
    if (waiting === undefined) return
    const open = this.#open.get(waiting.call)
    this.#promises.delete(id)
    if (error === undefined) waiting.deferred.resolve(this.unpackOf(value))
    else {
      const cause = this.unpackOf(error)
      waiting.deferred.reject(cause instanceof Error ? cause : new EvegramError('internal', { operation: 'wait for another tab', cause }))
    }
    if (open !== undefined) this.#endWhenSettled(open)
  }

  #endWhenSettled(open: Open): void {
    if (open.promises.some((promise) => this.#promises.has(promise))) return
    open.timer.cancel()
    this.#open.delete(open.call.id)
  }

  /** Does what another tab asked for and says what became of it. */
  async #serve(call: Call, from: string): Promise<void> {
    const { bus } = this.#ports
    const promises: string[] = []
    try {
      const serving = call.target.on === 'kept' ? Promise.resolve(this.#callKept(call)) : this.#callLeader(call)
      if (serving === undefined) {
        bus.post({ kind: 'answer', id: call.id, lost: true }, from)
        return
      }
      const result = await serving
      const value = pack(result, this.#packing(from, promises))
      bus.post({ kind: 'answer', id: call.id, value, promises }, from)
    } catch (error) {
      bus.post({ kind: 'answer', id: call.id, error: this.packFor(from, error instanceof Error ? error : new EvegramError('internal', { operation: call.method, cause: error })) }, from)
    }
  }

  #callLeader(call: Call): Promise<unknown> | undefined {
    const resolving = this.#ports.resolve(call)
    return resolving?.then(async (object) => {
      const method: unknown = Reflect.get(object, call.method)
      if (typeof method !== 'function') throw new EvegramError('client.tab_version', { operation: call.method })
      const args = await this.#argumentsOf(call)
      const result: unknown = await Reflect.apply(method, object, args)
      return result
    })
  }

  async #argumentsOf(call: Call): Promise<unknown[]> {
    // What stands for a part of the client in the other tab is that part here.
    const handles: PackedHandle[] = []
    for (const arg of call.args) unpack(arg, { ...INERT, handle: (handle) => handles.push(handle) })
    const found = await Promise.all(handles.map(async (handle): Promise<unknown> => this.#ports.resolve({ ...call, target: handle.target })))
    let next = 0
    const unpacking: Unpacking = { ...this.#unpacking(), handle: () => found[next++] }
    return call.args.map((arg) => unpack(arg, unpacking))
  }

  #callKept({ target, method, args }: Call): unknown {
    const kept = target.on === 'kept' ? this.#kept.get(target.id) : undefined
    if (kept === undefined) throw new EvegramError('client.leader_lost', { operation: method })
    const values = args.map((arg) => this.unpackOf(arg))
    if (typeof kept.value === 'function') return Reflect.apply(kept.value, undefined, values) as unknown
    // Kept as an iterable alone.
    kept.iterator ??= (kept.value as AsyncIterable<unknown>)[Symbol.asyncIterator]()
    if (method === 'next') return kept.iterator.next()
    this.#kept.delete(target.on === 'kept' ? target.id : '')
    return kept.iterator.return?.() ?? { done: true, value: undefined }
  }

  #packing(to: string | undefined, promises: string[]): Packing {
    const { bus } = this.#ports
    return {
      handleOf: (value) => this.#ports.handleOf(value),
      keep: (value) => this.#keep({ value }),
      follow: (promise) => {
        const id = this.#newId()
        promises.push(id)
        promise.then(
          (value) => { bus.post({ kind: 'settled', id, value: this.packFor(to, value) }, to) },
          (error: unknown) => { bus.post({ kind: 'settled', id, error: this.packFor(to, error instanceof Error ? error : new EvegramError('internal', { operation: 'wait', cause: error })) }, to) },
        )
        return id
      },
      watch: (signal) => {
        const id = this.#newId()
        signal.addEventListener('abort', () => { bus.post({ kind: 'abort', id }) }, { once: true })
        return id
      },
    }
  }

  #unpacking(): Unpacking {
    return {
      handle: (handle) => this.#ports.openHandle(handle),
      called: (id) => (...args) => this.call({ on: 'kept', id }, 'call', args, false),
      iterated: (id) => ({
        [Symbol.asyncIterator]: () => ({
          // What an iterator gives has this shape on the other side too.
          next: () => this.call({ on: 'kept', id }, 'next', [], false) as Promise<IteratorResult<unknown>>,
          return: () => this.call({ on: 'kept', id }, 'return', [], false) as Promise<IteratorResult<unknown>>,
        }),
      }),
      promised: (id) => this.#promises.get(id)?.deferred.promise ?? new Deferred<unknown>().promise,
      signalled: (id, aborted) => {
        const controller = new AbortController()
        if (aborted) controller.abort()
        else this.#signals.set(id, controller)
        if (this.#signals.size > TABS_LIMITS.keptValuesMax) this.#signals.delete([...this.#signals.keys()][0] ?? '')
        return controller.signal
      },
    }
  }

  #keep(kept: KeptValue): string {
    const id = this.#newId()
    this.#kept.set(id, kept)
    const [oldest] = this.#kept.keys()
    if (oldest !== undefined && this.#kept.size > TABS_LIMITS.keptValuesMax) this.#kept.delete(oldest)
    return id
  }

  /** Ids name the tab that they lead to. */
  #newId(): string {
    return `${this.#ports.bus.tab} ${hexOf(this.#ports.random.bytes(ID_BYTES))}`
  }
}
