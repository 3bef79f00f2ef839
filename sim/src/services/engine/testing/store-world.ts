import { setImmediate as turn } from 'node:timers/promises'
import { parseAccountId, type AccountId, type ConversationId, type Position } from '@evegram/protocol'
import { SimProcess } from '../../../kernel/process.js'
import { Run } from '../../../kernel/run.js'
import { NO_ENGINE_FAULTS, type EngineFaults, type StorePersonality } from '../engine-faults.js'
import type { EngineStoreOptions } from '../service-caller.js'
import { SimEngineStores } from '../stores.js'

/** An account of tests. */
export const ALICE: AccountId = parseAccountId('a'.repeat(32))

/** Stores of one run for tests, with what they told the observer. Virtual time passes by itself between {@link StoreWorld.drive} and {@link StoreWorld.stop}. */
export class StoreWorld {
  readonly run: Run
  readonly stores: SimEngineStores
  readonly stored: { readonly conversation: ConversationId; readonly envelope: Uint8Array; readonly position: Position; readonly atMs: number }[] = []
  readonly marked: string[] = []
  readonly published: number[] = []
  readonly flushed: number[] = []
  faults: EngineFaults = NO_ENGINE_FAULTS
  #starts = 0
  #driving = false

  constructor(personality: StorePersonality, seed = 'stores', options: Partial<EngineStoreOptions> = {}) {
    this.run = new Run({ seed, keepTrace: true })
    this.stores = new SimEngineStores(this.run, {
      personality, faults: () => this.faults, crashPoint: () => undefined, reaches: () => true,
      observer: {
        copyStored: (conversation, envelope, position) => { this.stored.push({ conversation, envelope, position, atMs: this.run.nowMs }) },
        marked: (inbox, conversation, hour) => { this.marked.push(`${inbox}/${conversation}/${hour}`) },
        joined: () => undefined, left: () => undefined,
        published: (_node, _subject, _bytes, id) => { this.published.push(id) },
        flushed: (_node, id) => { this.flushed.push(id) },
        listens: () => undefined,
        unregistered: () => undefined,
        groupStored: () => undefined, postStored: () => undefined,
      },
      ...options,
    })
  }

  /** A program on a machine of its own. */
  start(): SimProcess {
    const start = ++this.#starts
    return new SimProcess({
      machine: `n${start}`, start: 1, scheduler: this.run.scheduler, random: this.run.random(`n${start}`), startEpochMs: this.run.startEpochMs,
      faults: { wallAheadMs: 0, rate: 1 },
    })
  }

  /** Everything that is planned within `ms` happens. */
  async pass(ms: number): Promise<void> {
    await this.run.scheduler.run(this.run.nowMs + ms, () => undefined)
  }

  /** Lets virtual time pass as fast as it can until {@link stop}, for tests that only await. */
  drive(): void {
    this.#driving = true
    const loop = async (): Promise<void> => {
      while (this.#driving) {
        await this.run.scheduler.run(Number.POSITIVE_INFINITY, () => undefined)
        await turn()
      }
    }
    void loop()
  }

  /** Ends {@link drive}. */
  stop(): void {
    this.#driving = false
  }

  /** Virtual time passes while {@link drive} is on. */
  advance(ms: number): Promise<void> {
    return new Promise((resolve) => { this.run.scheduler.after(ms, resolve) })
  }
}
