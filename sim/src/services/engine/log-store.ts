import { appendEach, EXISTS_WITHIN_MS, MARK_HOUR_MS, MarkingLog, MemoryMarks, type AppendRequest, type AppendResult, type EnvelopeLog, type Marks } from '@evegram/engine'
import type { AccountId, ConversationId, Position } from '@evegram/protocol'
import type { SimProcess } from '../../kernel/process.js'
import type { SimRandom } from '../../kernel/random.js'
import type { Run } from '../../kernel/run.js'
import { ENGINE_TIMES } from './engine-faults.js'
import { EnvelopeTable, messageKeyOf, type StoredCopy } from './envelope-table.js'
import { ServiceCaller, type EngineStoreOptions } from './service-caller.js'

/**
 * The envelope log with its marks: what is on its disks, and the ports of each node onto it. Reads see every append that resolved; a copy whose
 * append did not may be seen. A copy that comes late lies at the position that was asked.
 */
export class LogStore {
  readonly table = new EnvelopeTable()
  readonly #marks = new MemoryMarks()
  readonly #run: Run
  readonly #options: EngineStoreOptions
  readonly #random: SimRandom
  readonly #log: ServiceCaller
  readonly #marking: ServiceCaller
  /** Until when the one writer of an atomic log is stalled, in virtual ms. */
  #stalledUntilMs = 0

  constructor(run: Run, options: EngineStoreOptions) {
    this.#run = run
    this.#options = options
    this.#random = run.random('stores/log')
    this.#log = new ServiceCaller(run, 'log', options)
    this.#marking = new ServiceCaller(run, 'marks', options)
  }

  /** The log as one program of a node sees it. What a quorum log remembers of its marks ends with the program. */
  logOf(node: SimProcess): EnvelopeLog {
    return this.#options.personality === 'atomic' ? this.#atomicLog(node) : this.#quorumLog(node)
  }

  /** The marks as one program of a node sees them. */
  marksOf(node: SimProcess): Marks {
    return {
      since: async (account, sinceMs, limit, afterConversation) =>
        this.#marking.call(node, 'since', () => this.#marks.since(account, sinceMs, limit, afterConversation)),
      join: async (conversation, accounts, version) => this.#marking.call(node, 'join', () => this.#join(conversation, accounts, version)),
      leave: async (conversation, accounts, version, untilMs) =>
        this.#marking.call(node, 'leave', () => this.#leave(conversation, accounts, version, untilMs)),
      wideOf: async (account) => this.#marking.call(node, 'wideOf', () => this.#marks.wideOf(account)),
    }
  }

  #atomicLog(node: SimProcess): EnvelopeLog {
    const append: EnvelopeLog['append'] = async (request, inboxes) => {
      const askedAtMs = this.#run.trueTimeMs
      return this.#log.call(node, 'append', () => this.#commit(node, request, inboxes, askedAtMs), this.#stallMs())
    }
    return {
      append,
      appendAll: (appends, ended) => { appendEach(append, appends, ended) },
      read: (conversation, after, limit) => this.#read(node, conversation, after, limit),
      trim: (beforeMs) => this.#trim(node, beforeMs),
    }
  }

  #quorumLog(node: SimProcess): EnvelopeLog {
    return new MarkingLog({
      rows: {
        append: async (request) => {
          let copy: StoredCopy | undefined
          const askedAtMs = this.#run.trueTimeMs
          await this.#log.call(node, 'append', () => { copy = this.#put(node, request, this.#hiddenUntilMs(), askedAtMs) })
          // Its caller hears of it now: enough replicas have it.
          if (copy !== undefined) copy.hiddenUntilMs = 0
        },
        read: (conversation, after, limit) => this.#read(node, conversation, after, limit),
        trim: (beforeMs) => this.#trim(node, beforeMs),
      },
      marks: {
        mark: (inbox, conversation, hour) => this.#marking.call(node, 'mark', () => { this.#mark([inbox], conversation, hour) }),
      },
    })
  }

  /** Row and marks, or what is found instead, at one moment. */
  #commit(node: SimProcess, request: AppendRequest, inboxes: readonly string[], askedAtMs: number): AppendResult {
    const { conversation } = request
    const standing = this.#standing(request)
    const position = standing?.position ?? request.position
    if (standing === undefined) this.#put(node, request, 0, askedAtMs)
    else {
      this.#run.coverage.count('branch/log.append exists')
      this.#run.note(node.name, `log.append ${shortKeyOf(request.envelope)} exists`)
    }
    this.#mark(inboxes, conversation, Math.floor(position.timeMs / MARK_HOUR_MS))
    return { status: standing === undefined ? 'stored' : 'exists', position }
  }

  #standing({ envelope, position }: AppendRequest): StoredCopy | undefined {
    const standing = this.table.find(envelope)
    if (standing === undefined || position.timeMs - standing.position.timeMs > EXISTS_WITHIN_MS) return undefined
    if (!this.#random.chance(this.#options.faults().unfound)) return standing
    this.#run.coverage.count('fault/log.unfound')
    return undefined
  }

  #put(node: SimProcess, request: AppendRequest, hiddenUntilMs: number, askedAtMs: number): StoredCopy {
    const { conversation, position } = request
    const copy = this.table.put(request, hiddenUntilMs)
    this.#run.note(node.name, `log.append ${shortKeyOf(request.envelope)} stored at ${position.timeMs}/${position.incarnation}/${position.counter}`)
    this.#options.observer.copyStored(conversation, copy.envelope, position, askedAtMs)
    return copy
  }

  #mark(inboxes: readonly string[], conversation: ConversationId, hour: number): void {
    this.#marks.mark(inboxes, conversation, hour * MARK_HOUR_MS)
    for (const inbox of inboxes) this.#options.observer.marked(inbox, conversation, hour)
  }

  /** Writes who is in a wide conversation and says so: the marks answer at once, so that both are one moment. */
  #join(conversation: ConversationId, accounts: readonly AccountId[], version: number): Promise<void> {
    return this.#marks.join(conversation, accounts, version).then(() => { this.#options.observer.joined(conversation, accounts, version) })
  }

  #leave(conversation: ConversationId, accounts: readonly AccountId[], version: number, untilMs: number): Promise<void> {
    return this.#marks.leave(conversation, accounts, version, untilMs).then(() => { this.#options.observer.left(conversation, accounts, version) })
  }

  #read(node: SimProcess, conversation: ConversationId, after: Position, limit: number): ReturnType<EnvelopeLog['read']> {
    return this.#log.call(node, 'read', () => {
      const { copies, unseen } = this.table.read(conversation, after, limit, this.#run.nowMs)
      if (unseen > 0) this.#run.coverage.count('fault/log.read misses a hidden copy', unseen)
      return copies
    })
  }

  #trim(node: SimProcess, beforeMs: number): Promise<number> {
    return this.#log.call(node, 'trim', () => this.table.trim(beforeMs))
  }

  #hiddenUntilMs(): number {
    if (!this.#random.chance(this.#options.faults().hidden)) return 0
    this.#run.coverage.count('fault/log.hidden')
    const [from, to] = this.#times().hiddenMs
    return this.#run.nowMs + this.#random.skewed(from, to)
  }

  /** How long an append waits for the one writer. */
  #stallMs(): number {
    const { nowMs } = this.#run
    if (this.#random.chance(this.#options.faults().services.log.slow) && nowMs >= this.#stalledUntilMs) {
      const [from, to] = this.#times().services.log.slowMs
      this.#stalledUntilMs = nowMs + this.#random.skewed(from, to)
      this.#run.coverage.count('fault/log.stall')
      this.#run.note('world', `the writer of the log stalls for ${(this.#stalledUntilMs - nowMs).toFixed(0)} ms`)
    }
    return Math.max(0, this.#stalledUntilMs - nowMs)
  }

  #times(): (typeof ENGINE_TIMES)['atomic'] {
    return this.#options.times?.() ?? ENGINE_TIMES[this.#options.personality]
  }
}

/** Device and number of a message, short enough for a trace. */
function shortKeyOf(envelope: Uint8Array): string {
  const key = messageKeyOf(envelope)
  return `${key.slice(32, 40)}#${Number.parseInt(key.slice(72), 16)}`
}
