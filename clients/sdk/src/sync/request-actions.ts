import { EvegramError, type AccountId, type ConversationId } from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { isGroup, readConversation, removeConversation, type ConversationRow } from '../core/conversation-row.js'
import { decodeMessage, MESSAGE_PREFIX } from '../core/message-row.js'
import { sortable } from '../core/sortable.js'
import { REQUEST_MESSAGES_MAX } from '../core/message-requests.js'
import type { RequestStatus } from '../core/request-status.js'
import { readRequest, type RequestRow } from '../core/request-row.js'
import type { Transaction } from '../core/transaction.js'
import { removeMessage } from './remove-message.js'

const ROWS_PER_STEP = 200

/** Families of registers that say what became of requests. */
const DECISIONS = ['contact.relation/', 'conversation.relation/', 'request.declined/'] as const

/** What the user decides about strangers, here and on other own devices. */
export class RequestActions {
  readonly #core: Core
  readonly #ends: readonly (() => void)[]

  constructor(core: Core) {
    this.#core = core
    const follow = (): void => { core.background.run('follow decisions', () => this.follow()) }
    this.#ends = [
      core.events.on('state-changed', ({ keys }) => { if (keys.some((key) => DECISIONS.some((family) => key.startsWith(family)))) follow() }),
      // An archive names requests before the messages that wait in them.
      core.events.on('history-imported', follow),
    ]
  }

  /** Nothing is followed any more. */
  close(): void {
    for (const end of this.#ends) end()
  }

  /** Ends a request. Rejects `not_found.conversation` where none waits. */
  async end(conversation: ConversationId, status: RequestStatus): Promise<void> {
    if (!this.#core.requests.isWaiting(conversation)) throw new EvegramError('not_found.conversation', { operation: 'end request', advice: 'No request of this conversation waits.' })
    let highest = 0n
    for (let more = true; more;) {
      more = await this.#core.local.write(async (tx) => {
        if (status !== 'accepted') {
          const removed = await this.#removeMessages(tx, conversation)
          highest = removed.highest > highest ? removed.highest : highest
          if (removed.more) return true
        }
        const row = await readConversation(tx, conversation)
        if (row !== undefined) await this.#settle(tx, row, status, highest)
        return false
      })
    }
  }

  /** Blocks an account, whether or not a request of theirs waits: nothing that they write is shown from now on. */
  async block(account: AccountId): Promise<void> {
    const waiting = this.#core.requests.list().filter((request) => request.account === account && !request.group)
    for (const { conversation } of waiting) await this.end(conversation, 'blocked')
    await this.#core.local.write((tx) => this.#core.state.set(tx, 'contact.relation', account, 'blocked'))
  }

  /** Takes that back: what they write next is that of a stranger, or of somebody whom the user wrote to. */
  async unblock(account: AccountId): Promise<void> {
    await this.#core.local.write(async (tx) => {
      if (await this.#core.requests.isBlocked(account, tx)) await this.#core.state.set(tx, 'contact.relation', account, undefined)
    })
  }

  /** Ends requests that were decided on another own device, as far as it knew what waits here. */
  async follow(): Promise<void> {
    const { requests, state } = this.#core
    for (const { conversation, account, group } of requests.list()) {
      const relation = group ? await state.get('conversation.relation', conversation) : await state.get('contact.relation', account)
      if (!requests.isWaiting(conversation)) continue
      if (relation !== undefined) await this.end(conversation, relation)
      else if (!group) await this.#followDeclined(conversation)
    }
  }

  async #followDeclined(conversation: ConversationId): Promise<void> {
    const { local, requests } = this.#core
    const upTo = await requests.declinedUpTo(conversation)
    if (upTo === undefined) return
    for (let more = true; more;) {
      more = await local.write(async (tx) => {
        const removed = await this.#removeMessages(tx, conversation, upTo)
        if (removed.more) return true
        const [request, row] = [await readRequest(tx, conversation), await readConversation(tx, conversation)]
        if (request !== undefined && row !== undefined) await this.#leave(tx, request, row, upTo)
        return false
      })
    }
  }

  /** What is left of a request once it was declined up to `upTo`: nothing, or what the other device did not know of. */
  async #leave(tx: Transaction, request: RequestRow, row: ConversationRow, upTo: bigint): Promise<void> {
    const left = await this.#core.store.list('messages', { ...rangeBehind(request.conversation, upTo), limit: REQUEST_MESSAGES_MAX })
    // Those that were not kept came behind those that were.
    const isOver = left.length === 0 && (request.dropped === 0 || row.floor <= upTo)
    if (isOver) await this.#settle(tx, row, 'declined', upTo)
    else if (left.length !== request.messages) this.#core.requests.keep(tx, { ...request, messages: left.length })
  }

  async #settle(tx: Transaction, row: ConversationRow, status: RequestStatus, highest: bigint): Promise<void> {
    await this.#core.requests.settle(tx, row, status, highest)
    // A group stays what it is until it is left; of a person nothing is left but what proves that nothing is shown twice.
    if (status !== 'accepted' && !isGroup(row)) removeConversation(tx, row.conversation)
  }

  /** Stages that messages up to an order key (all when absent) are gone, some at a time. Call it first in a transaction. */
  async #removeMessages(tx: Transaction, conversation: ConversationId, upTo?: bigint): Promise<{ readonly more: boolean; readonly highest: bigint }> {
    const prefix = `${MESSAGE_PREFIX}${conversation}/`
    const to = upTo === undefined ? `${prefix}~` : rangeBehind(conversation, upTo).from
    const rows = await this.#core.store.list('messages', { from: prefix, to, limit: ROWS_PER_STEP })
    let highest = 0n
    for (const { value } of rows) {
      const { messageId, order } = decodeMessage(value)
      await removeMessage(this.#core, tx, messageId)
      highest = order > highest ? order : highest
    }
    return { more: rows.length === ROWS_PER_STEP, highest }
  }
}

/** Keys in table `messages` of what stands behind an order key. */
function rangeBehind(conversation: ConversationId, order: bigint): { readonly from: string; readonly to: string } {
  const prefix = `${MESSAGE_PREFIX}${conversation}/`
  // Keys go on with a slash, which stands before the tilde.
  return { from: `${prefix}${sortable(order, 16)}~`, to: `${prefix}~` }
}
