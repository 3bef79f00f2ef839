import { noticesConversationIdOf, type ConversationId } from '@evegram/protocol'
import type { Core } from './core/context.js'
import { listNotices, listNoticesAfter, readNoticeCounts, writeNoticeCounts, type NoticePlace, type ServerNotice } from './core/notice-row.js'

const LIST_DEFAULT = 100
/** Notices of one call. */
const LIST_MAX = 10_000

/**
 * What the server tells the own account: a conversation in which it alone writes and nobody else reads. Each notice is verified (whose it is, its place, the
 * signature), durable here, and told once as the event `server-notice`.
 */
export interface Notices {
  readonly id: ConversationId
  /** The newest `limit` (default 100, at most 10,000) in their order, the oldest first. */
  list(limit?: number): Promise<readonly ServerNotice[]>
  /** The next `limit` (as of `list`) behind `after`, or the oldest ones, in their order; none where none is behind it. All of them: ask until there are none. */
  listAfter(after: NoticePlace | undefined, limit?: number): Promise<readonly ServerNotice[]>
  /** How many were not read. */
  unread(): Promise<number>
  /** Everything up to `notice`, as this profile committed it, is read. Durable when resolved; an older one changes nothing. */
  markRead(notice: Pick<ServerNotice, 'arrival'>): Promise<void>
}

/** {@link Notices} on the core of a client. */
export class AccountNotices implements Notices {
  readonly id: ConversationId
  readonly #core: Core

  constructor(core: Core) {
    this.#core = core
    this.id = noticesConversationIdOf(core.account)
  }

  list(limit: number = LIST_DEFAULT): Promise<readonly ServerNotice[]> {
    return listNotices(this.#core.store, Math.min(limit, LIST_MAX))
  }

  listAfter(after: NoticePlace | undefined, limit: number = LIST_DEFAULT): Promise<readonly ServerNotice[]> {
    return listNoticesAfter(this.#core.store, after, Math.max(1, Math.min(limit, LIST_MAX)))
  }

  async unread(): Promise<number> {
    const { last, read } = await readNoticeCounts(this.#core.store)
    return last - read
  }

  markRead({ arrival }: Pick<ServerNotice, 'arrival'>): Promise<void> {
    return this.#core.local.write(async (tx) => {
      const { last, read } = await readNoticeCounts(tx)
      if (arrival > read && arrival <= last) writeNoticeCounts(tx, { last, read: arrival })
    })
  }
}
