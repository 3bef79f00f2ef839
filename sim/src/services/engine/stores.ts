import {
  MemoryChannelLog, MemoryInterest, MemoryMembership, MemoryPresence, type ChannelAppendResult, type ChannelLog, type EngineOptions, type GroupChangeResult, type GroupMembership, type Interest, type Membership, type Presence, type PresenceEntry,
  type StoredEnvelope,
} from '@evegram/engine'
import type { ChannelState, Clock } from '@evegram/protocol'
import type { SimProcess } from '../../kernel/process.js'
import type { Run } from '../../kernel/run.js'
import { SimBroker } from './broker.js'
import { LogStore } from './log-store.js'
import { NodeTable } from './node-table.js'
import { ServiceCaller, type EngineStoreOptions } from './service-caller.js'
import { SimBus } from './sim-bus.js'

/** The ports of one program of a node onto the shared stores and the broker. */
export type EnginePorts = Pick<EngineOptions, 'log' | 'marks' | 'membership' | 'channelLog' | 'presence' | 'interest' | 'registry'> & { readonly bus: SimBus }

/**
 * The stores and the broker that the nodes of one world share. They survive every crash of a node; what a call did to them took effect at one
 * moment, or never did.
 */
export class SimEngineStores {
  readonly #log: LogStore
  readonly #nodes: NodeTable
  readonly #broker: SimBroker
  readonly #membership: ServiceCaller
  readonly #posts: ServiceCaller
  readonly #presence: ServiceCaller
  // The real classes: each of their methods does all its work before it returns, so that it is one effect; its promise is resolved already.
  readonly #members = new MemoryMembership()
  readonly #channels = new MemoryChannelLog()
  readonly #present: MemoryPresence
  readonly #interested: MemoryInterest
  readonly #observer: EngineStoreOptions['observer']

  constructor(run: Run, options: EngineStoreOptions) {
    this.#log = new LogStore(run, options)
    this.#nodes = new NodeTable(run, options, () => this.#log.table.floorMs)
    this.#broker = new SimBroker(run, options)
    this.#membership = new ServiceCaller(run, 'membership', options)
    this.#posts = new ServiceCaller(run, 'posts', options)
    this.#presence = new ServiceCaller(run, 'presence', options)
    this.#present = new MemoryPresence(clockOf(run))
    this.#interested = new MemoryInterest(clockOf(run))
    this.#observer = options.observer
  }

  /** The ports of a program that starts on a node. Call once for each: the connection to the broker is its own. */
  portsFor(node: SimProcess): EnginePorts {
    return {
      log: this.#log.logOf(node), marks: this.#log.marksOf(node), membership: this.#membershipOf(node), channelLog: this.#channelLogOf(node), presence: this.#presenceOf(node),
      interest: this.#interestOf(node), registry: this.#nodes.registryOf(node), bus: new SimBus(node, this.#broker),
    }
  }

  /** Every copy of a message in the log, in the order in which they were stored, those included that no read sees yet. `key`: see `messageKeyOf`. */
  copies(key: string): readonly StoredEnvelope[] {
    return this.#log.table.copies(key)
  }

  /** Copies at positions before this, in ms since 1970, may have been deleted by retention. */
  get trimmedBeforeMs(): number {
    return this.#log.table.trimmedBeforeMs
  }

  /** Presence loses everything, as when it is restarted. */
  forgetPresence(): void {
    this.#present.forget()
    this.#interested.forget()
  }

  #membershipOf(node: SimProcess): Membership {
    return {
      get: async (conversation) => this.#membership.call(node, 'get', () => this.#members.get(conversation)),
      openDirect: async (one, other) => this.#membership.call(node, 'openDirect', () => this.#members.openDirect(one, other)),
      changeGroup: async (next, entry) => this.#membership.call(node, 'changeGroup', () => this.#changeGroup(next, entry)),
      groupEntries: async (conversation, after, limit) =>
        this.#membership.call(node, 'groupEntries', () => this.#members.groupEntries(conversation, after, limit)),
    }
  }

  #channelLogOf(node: SimProcess): ChannelLog {
    return {
      head: async (channel) => this.#posts.call(node, 'head', () => this.#channels.head(channel)),
      append: async (after, posts) => this.#posts.call(node, 'append', () => this.#appendPosts(after, posts)),
      read: async (channel, after, limit) => this.#posts.call(node, 'read', () => this.#channels.read(channel, after, limit)),
      trim: async (beforeMs) => this.#posts.call(node, 'trim', () => this.#channels.trim(beforeMs)),
    }
  }

  /** Appends posts and says so: the store answers at once, so that both are one moment. */
  #appendPosts(after: ChannelState, posts: readonly Uint8Array[]): Promise<ChannelAppendResult> {
    return this.#channels.append(after, posts).then((result) => {
      for (const post of result.status === 'appended' ? posts : posts.slice(0, result.appended)) this.#observer.postStored(post)
      return result
    })
  }

  /** Changes a group and says so: the store answers at once, so that both are one moment. */
  #changeGroup(next: GroupMembership, entry: Uint8Array): Promise<GroupChangeResult> {
    return this.#members.changeGroup(next, entry).then((result) => {
      if (result.status === 'stored') this.#observer.groupStored(next, entry)
      return result
    })
  }

  #presenceOf(node: SimProcess): Presence {
    return {
      register: async (entry, ttlMs) => this.#presence.call(node, 'register', () => this.#present.register(entry, ttlMs)),
      refresh: async (entries, ttlMs) => this.#presence.call(node, 'refresh', () => this.#present.refresh(entries, ttlMs)),
      remove: async (entry) => this.#presence.call(node, 'remove', () => this.#unregister(entry)),
      lookup: async (accounts) => this.#presence.call(node, 'lookup', () => this.#present.lookup(accounts)),
    }
  }

  /** In the same service as presence: both are lost together. */
  #interestOf(node: SimProcess): Interest {
    return {
      register: async (entries, ttlMs) => this.#presence.call(node, 'register interest', () => this.#interested.register(entries, ttlMs)),
      refresh: async (entries, ttlMs) => this.#presence.call(node, 'refresh interest', () => this.#interested.refresh(entries, ttlMs)),
      lookup: async (conversations) => this.#presence.call(node, 'lookup interest', () => this.#interested.lookup(conversations)),
    }
  }

  /** Removes an entry and says what it changed: the store answers at once, so that the three see one moment. */
  #unregister(entry: PresenceEntry): Promise<void> {
    const before = this.#present.lookup([entry.account])
    const removed = this.#present.remove(entry)
    const left = this.#present.lookup([entry.account])
    return Promise.all([before, left, removed]).then(([stood, stands]) => { this.#observer.unregistered(entry, stood, stands) })
  }
}

/** True time, as the clock of a service. */
function clockOf(run: Run): Clock {
  const { scheduler } = run
  return {
    now: () => Math.floor(run.trueTimeMs),
    monotonicMs: () => run.nowMs,
    after: (delayMs, task) => scheduler.after(delayMs, task),
    every: (intervalMs, task) => {
      const again = (): void => {
        timer = scheduler.after(intervalMs, again)
        task()
      }
      let timer = scheduler.after(intervalMs, again)
      return { cancel: () => { timer.cancel() } }
    },
  }
}
