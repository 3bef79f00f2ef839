import { EvegramError, type AccountId, type ConversationId } from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { isGroup, readConversation, removeConversation, type ConversationRow } from '../core/conversation-row.js'
import { decodeMessage, MESSAGE_PREFIX } from '../core/message.js'
import type { RequestStatus } from '../core/message-requests.js'
import type { Transaction } from '../core/transaction.js'
import { removeMessage } from './remove-message.js'

const ROWS_PER_STEP = 200

/** What the user decides about strangers, here and on other own devices. */
export class RequestActions {
  readonly #core: Core
  readonly #end: () => void

  constructor(core: Core) {
    this.#core = core
    this.#end = core.events.on('state-changed', ({ keys }) => {
      if (keys.some((key) => key.startsWith('contact.relation/') || key.startsWith('conversation.relation/'))) core.background.run('follow decisions', () => this.follow())
    })
  }

  /** Nothing is followed any more. */
  close(): void {
    this.#end()
  }

  /** Ends a request. Rejects `not_found.conversation` where none waits. */
  async end(conversation: ConversationId, status: RequestStatus): Promise<void> {
    if (!this.#core.requests.isWaiting(conversation)) throw new EvegramError('not_found.conversation', { operation: 'end request', advice: 'No request of this conversation waits.' })
    if (status !== 'accepted') await this.#removeMessages(conversation)
    await this.#core.local.write(async (tx) => {
      const row = await readConversation(tx, conversation)
      if (row !== undefined) await this.#settle(tx, row, status)
    })
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

  /** Ends requests that were decided on another own device. */
  async follow(): Promise<void> {
    const { requests, state } = this.#core
    for (const { conversation, account, group } of requests.list()) {
      const relation = group ? await state.get('conversation.relation', conversation) : await state.get('contact.relation', account)
      if (relation !== undefined && requests.isWaiting(conversation)) await this.end(conversation, relation)
    }
  }

  async #settle(tx: Transaction, row: ConversationRow, status: RequestStatus): Promise<void> {
    await this.#core.requests.settle(tx, row, status)
    // A group stays what it is until it is left; of a person nothing is left but what proves that nothing is shown twice.
    if (status !== 'accepted' && !isGroup(row)) removeConversation(tx, row.conversation)
  }

  async #removeMessages(conversation: ConversationId): Promise<void> {
    const prefix = `${MESSAGE_PREFIX}${conversation}/`
    for (let more = true; more;) {
      more = await this.#core.local.write(async (tx) => {
        const rows = await this.#core.store.list('messages', { from: prefix, to: `${prefix}~`, limit: ROWS_PER_STEP })
        for (const { value } of rows) await removeMessage(this.#core, tx, decodeMessage(value).messageId)
        return rows.length === ROWS_PER_STEP
      })
    }
  }
}
