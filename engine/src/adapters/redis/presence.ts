import { EvegramError, parseDeviceId, type AccountId } from '@evegram/protocol'
import type { RedisConnection, RedisReply } from '@evegram/platform/redis'
import type { Presence, PresenceEntry } from '../../ports/presence.js'
import { LOOKUP_SCRIPT } from './lookup-script.js'
import { REFRESH_SCRIPT } from './refresh-script.js'
import { REGISTER_SCRIPT } from './register-script.js'
import { REMOVE_SCRIPT } from './remove-script.js'
import { listOf, malformed, numberOf } from './replies.js'

/** What {@link RedisPresence} needs. */
export interface RedisPresenceOptions {
  readonly redis: RedisConnection
  /** First part of every key. Clusters that share a Redis need different ones. Default: `evegram`. */
  readonly prefix?: string
}

/**
 * Presence in Redis: one hash per account, so that a look-up reads one key and all that is decided about a device is decided in one script. The account
 * is the hash tag of its key, so it works in a Redis Cluster. Entries end by the clock of the server. Commands of one turn of the event
 * loop go out together.
 */
export class RedisPresence implements Presence {
  readonly #redis: RedisConnection
  readonly #prefix: string

  constructor(options: RedisPresenceOptions) {
    this.#redis = options.redis
    this.#prefix = options.prefix ?? 'evegram'
  }

  async register(entry: PresenceEntry, ttlMs: number): ReturnType<Presence['register']> {
    const { device, incarnation, connectionEpoch } = entry
    const reply = await this.#answered('register', () => this.#redis.run(REGISTER_SCRIPT, [this.#key(entry.account)], [device, incarnation, connectionEpoch, ttlMs]))
    const [registered, ...numbers] = listOf(reply)
    const standing = numbers.length === 0 ? undefined : { ...entry, incarnation: numberOf(numbers[0]), connectionEpoch: numberOf(numbers[1]) }
    if (registered !== 1) {
      if (standing === undefined) throw malformed()
      return { status: 'refused', newer: standing }
    }
    const same = standing?.incarnation === incarnation && standing.connectionEpoch === connectionEpoch
    return standing === undefined || same ? { status: 'registered' } : { status: 'registered', replaced: standing }
  }

  async refresh(entries: readonly PresenceEntry[], ttlMs: number): Promise<readonly ('found' | 'absent')[]> {
    const groups = new Map<AccountId, number[]>()
    entries.forEach(({ account }, index) => {
      const group = groups.get(account)
      if (group === undefined) groups.set(account, [index])
      else group.push(index)
    })
    const answers = entries.map((): 'found' | 'absent' => 'absent')
    await this.#answered('refresh', () => Promise.all([...groups].map(async ([account, indexes]) => {
      const named = indexes.flatMap((index) => namesOf(entries[index]))
      const found = listOf(await this.#redis.run(REFRESH_SCRIPT, [this.#key(account)], [ttlMs, ...named]))
      indexes.forEach((index, at) => { if (found[at] === 1) answers[index] = 'found' })
    })))
    return answers
  }

  async remove(entry: PresenceEntry): Promise<void> {
    await this.#answered('remove', () => this.#redis.run(REMOVE_SCRIPT, [this.#key(entry.account)], namesOf(entry)))
  }

  async lookup(accounts: readonly AccountId[]): Promise<readonly PresenceEntry[]> {
    return this.#answered('lookup', async () => {
      // Who asks about nobody wants to know whether Redis answers.
      if (accounts.length === 0) await this.#redis.ping()
      const found = await Promise.all(accounts.map(async (account) =>
        entriesOf(account, listOf(await this.#redis.run(LOOKUP_SCRIPT, [this.#key(account)], [])))))
      return found.flat()
    })
  }

  #key(account: AccountId): string {
    return `${this.#prefix}:presence:{${account}}`
  }

  async #answered<Answer>(operation: string, ask: () => Promise<Answer>): Promise<Answer> {
    try {
      return await ask()
    } catch (cause) {
      throw new EvegramError('unavailable.presence', { operation: `${operation} presence`, cause })
    }
  }
}

function namesOf(entry: PresenceEntry | undefined): readonly (string | number)[] {
  return entry === undefined ? [] : [entry.device, entry.incarnation, entry.connectionEpoch]
}

function entriesOf(account: AccountId, fields: readonly RedisReply[]): readonly PresenceEntry[] {
  const entries: PresenceEntry[] = []
  for (let at = 0; at < fields.length; at += 3) {
    const device = fields[at]
    if (typeof device !== 'string') throw malformed()
    entries.push({ account, device: parseDeviceId(device), incarnation: numberOf(fields[at + 1]), connectionEpoch: numberOf(fields[at + 2]) })
  }
  return entries
}
