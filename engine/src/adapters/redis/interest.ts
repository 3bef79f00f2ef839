import { EvegramError, type ConversationId } from '@evegram/protocol'
import type { RedisConnection } from '@evegram/platform/redis'
import type { Interest, InterestEntry } from '../../ports/interest.js'
import { LOOKUP_INTEREST_SCRIPT } from './lookup-interest-script.js'
import type { RedisPresenceOptions } from './presence.js'
import { REFRESH_INTEREST_SCRIPT } from './refresh-interest-script.js'
import { REGISTER_INTEREST_SCRIPT } from './register-interest-script.js'
import { listOf, numberOf } from './replies.js'

/**
 * Interest in Redis: one hash for each wide conversation, incarnation -> registration, so that a send reads one key. The conversation is the hash tag of
 * its key, so it works in a Redis Cluster. Entries end by the clock of the server. Commands of one turn of the event loop go out together.
 */
export class RedisInterest implements Interest {
  readonly #redis: RedisConnection
  readonly #prefix: string

  constructor(options: RedisPresenceOptions) {
    this.#redis = options.redis
    this.#prefix = options.prefix ?? 'evegram'
  }

  async register(entries: readonly InterestEntry[], ttlMs: number): Promise<void> {
    await this.#answered('register', () => Promise.all([...byConversation(entries)].map(([conversation, indexes]) =>
      this.#redis.run(REGISTER_INTEREST_SCRIPT, [this.#key(conversation)], [ttlMs, ...namesOf(entries, indexes)]))))
  }

  async refresh(entries: readonly InterestEntry[], ttlMs: number): Promise<readonly ('found' | 'absent')[]> {
    const answers = entries.map((): 'found' | 'absent' => 'absent')
    await this.#answered('refresh', () => Promise.all([...byConversation(entries)].map(async ([conversation, indexes]) => {
      const found = listOf(await this.#redis.run(REFRESH_INTEREST_SCRIPT, [this.#key(conversation)], [ttlMs, ...namesOf(entries, indexes)]))
      indexes.forEach((index, at) => { if (found[at] === 1) answers[index] = 'found' })
    })))
    return answers
  }

  lookup(conversations: readonly ConversationId[]): Promise<readonly (readonly number[])[]> {
    return this.#answered('look up', () => Promise.all(conversations.map(async (conversation) =>
      listOf(await this.#redis.run(LOOKUP_INTEREST_SCRIPT, [this.#key(conversation)], [])).map(numberOf))))
  }

  #key(conversation: ConversationId): string {
    return `${this.#prefix}:interest:{${conversation}}`
  }

  async #answered<Answer>(operation: string, ask: () => Promise<Answer>): Promise<Answer> {
    try {
      return await ask()
    } catch (cause) {
      throw new EvegramError('unavailable.presence', { operation: `${operation} interest`, cause })
    }
  }
}

/** Indexes of the entries of each conversation. */
function byConversation(entries: readonly InterestEntry[]): Map<ConversationId, number[]> {
  const groups = new Map<ConversationId, number[]>()
  entries.forEach(({ conversation }, index) => {
    const group = groups.get(conversation)
    if (group === undefined) groups.set(conversation, [index])
    else group.push(index)
  })
  return groups
}

function namesOf(entries: readonly InterestEntry[], indexes: readonly number[]): readonly number[] {
  return indexes.flatMap((index) => {
    const entry = entries[index]
    return entry === undefined ? [] : [entry.incarnation, entry.registration]
  })
}
