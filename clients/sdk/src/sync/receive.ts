import {
  BODY_TYPE, chainHash, checkPayload, decodePayload, decodePayloadBody, directConversationIdOf, ENVELOPE_KIND, equalBytes, EvegramError,
  isEvegramError, membershipHash, messageIdOf,
  type AccountId, type ConversationId, type Delivery, type ErrorCode, type MessageId, type Payload, type PayloadBodies,
} from '@evegram/protocol'
import type { AttestedDevice } from '../account/account-verifier.js'
import type { Core } from '../core/context.js'
import { newConversation, readConversation, writeConversation, type ConversationRow } from '../core/conversation-row.js'
import { readHandled, writeHandled, type Handled } from '../core/handled.js'
import { addMessage, messageRowKey, type Message } from '../core/message.js'
import type { Transaction } from '../core/transaction.js'
import type { DecryptOutcome } from '../crypto/session-cipher.js'
import type { GapEvent } from '../events.js'
import { chainKey, encodeChain, readChain, type ChainRow } from './chain-row.js'
import { acceptLink, CHAIN_AHEAD_MAX, missingRanges, nameMissing } from './chain-state.js'
import { gapKey, writeGap } from './gap-row.js'
import { parseDelivery, type Incoming } from './incoming.js'
import { raiseFloor } from './order-clock.js'
import { readUnread, unreadKey, writeUnread } from './unread-row.js'

/** Time in which a missing number may still arrive on its own: appends have no leader, so neighbours overtake each other. */
export const GAP_GRACE_MS = 2_000
/** An unknown device is not looked up more often than this: what the log said a moment ago is believed. */
const LOOKUP_MAX_AGE_MS = 1_000

/** What arrived end to end and is not a message: for the parts that act on it. */
export interface ControlHandler {
  /** Inside the transaction that marks the request as handled. */
  resendRequest(tx: Transaction, request: PayloadBodies['resend_request'], conversation: ConversationRow, from: AttestedDevice): Promise<void>
  /** After the commit. */
  revocation(notice: PayloadBodies['revocation'], from: AttestedDevice): void
  /** After the commit: something is missing or unreadable. */
  wake(): void
  /** Room for one more message that waits to be read; false when there is none. */
  takeRoom(): boolean
}

/** Where an accepted payload came from. */
interface Origin {
  readonly from: AttestedDevice
  readonly messageId: MessageId
  /** Empty for a copy inside a resend. */
  readonly ciphertextHash: Uint8Array
  readonly positionMs: number
}

/** Takes delivered envelopes to what is shown: identity.md sections 5 and 6, one transaction per batch. */
export class Receiver {
  readonly #core: Core
  readonly #control: ControlHandler

  constructor(core: Core, control: ControlHandler) {
    this.#core = core
    this.#control = control
  }

  /**
   * Handles deliveries in the order given. Resolved means committed: shown, refused and counted, or kept for later. Rejects only
   * when the local store fails; then none of them counts.
   */
  async receive(deliveries: readonly Delivery[]): Promise<void> {
    const incoming: Incoming[] = []
    for (const delivery of deliveries) {
      try {
        incoming.push(parseDelivery(delivery, this.#core.device))
      } catch (error) {
        if (!isEvegramError(error)) throw error
        this.#core.events.refuse({ code: error.code })
      }
    }
    const undecided = await this.#lookUp(incoming)
    try {
      await this.#commit(incoming, undecided)
    } catch (error) {
      if (isStoreFailure(error)) throw error
      // One of them hit a fault of this program: the others must not suffer from it.
      for (const item of incoming) await this.#commitAlone(item, undecided)
    }
  }

  async #commitAlone(item: Incoming, undecided: ReadonlySet<AccountId>): Promise<void> {
    try {
      await this.#commit([item], undecided)
    } catch (error) {
      if (isStoreFailure(error)) throw error
      this.#refuse('internal', item, isEvegramError(error) ? error.operation : undefined)
      this.#core.events.emit('fault', { operation: 'receive', error: new EvegramError('internal', { operation: 'receive', cause: error }) })
    }
  }

  #commit(incoming: readonly Incoming[], undecided: ReadonlySet<AccountId>): Promise<void> {
    return this.#core.local.write(async (tx) => {
      for (const item of incoming) await this.#take(tx, item, undecided)
    })
  }

  /** Loads the logs of the senders, and asks the server for those that lack a sending device. Returns the accounts that could not be asked for. */
  async #lookUp(incoming: readonly Incoming[]): Promise<ReadonlySet<AccountId>> {
    const { roster, store, device: self } = this.#core
    const undecided = new Set<AccountId>()
    const seen = new Set<string>()
    for (const { header, body } of incoming) {
      const claim = `${header.account} ${header.device}`
      if (header.device === self || body === undefined || seen.has(claim)) continue
      seen.add(claim)
      try {
        await roster.loadAccount(header.account)
        if (roster.device(header.device) === undefined) await roster.refresh(header.account, { maxAgeMs: LOOKUP_MAX_AGE_MS })
        const conversation = await readConversation(store, header.conversation)
        for (const member of conversation?.members ?? []) await roster.loadAccount(member)
      } catch (error) {
        if (!isEvegramError(error) || error.code === 'client.store') throw error
        if (error.retry === 'after_backoff' && !error.code.startsWith('account.')) undecided.add(header.account)
      }
    }
    return undecided
  }

  async #take(tx: Transaction, item: Incoming, undecided: ReadonlySet<AccountId>): Promise<void> {
    const { header, body, messageId } = item
    const { roster, account: me, device: self } = this.#core
    if (header.device === self || body === undefined) return
    const before = await readHandled(tx, messageId)
    if (before !== undefined && (before.status === 'own' || equalBytes(before.ciphertextHash, body.hash))) return
    if (header.account !== me && directConversationIdOf(me, header.account) !== header.conversation) {
      this.#refuse('e2ee.envelope_mismatch', item, 'conversation')
      return
    }
    const from = roster.device(header.device)
    if (from === undefined && undecided.has(header.account)) {
      await this.#keep(tx, item, 'undecided', false)
      return
    }
    if (from?.account !== header.account) {
      this.#refuse('e2ee.untrusted_identity', item, 'the device is not attested')
      return
    }
    if (body.type === BODY_TYPE.skip) {
      this.#refuse('account.attestation_expired', item, 'the sender left this device out')
      return
    }
    // Sender keys are for groups, which this version does not know; opaque bytes are load.
    if (body.type !== BODY_TYPE.prekey && body.type !== BODY_TYPE.message) return
    const outcome = await this.#core.ciphers.decrypt(from.device, body.type === BODY_TYPE.prekey ? 1 : 2, body.bytes, tx.signal)
    if (outcome.status === 'decrypted') await this.#open(tx, item, from, outcome, before)
    else await this.#undecryptable(tx, item, outcome.status)
  }

  async #undecryptable(tx: Transaction, item: Incoming, status: Exclude<DecryptOutcome['status'], 'decrypted'>): Promise<void> {
    switch (status) {
      case 'replayed':
        // Never a reason to reset or to ask: what is really missing shows as a gap of its chain.
        this.#refuse('e2ee.replayed', item)
        return
      case 'untrusted_identity':
        this.#refuse('e2ee.untrusted_identity', item, 'the message names another identity key')
        return
      case 'low_order_key':
        this.#refuse('e2ee.low_order_key', item)
        return
      case 'malformed':
        this.#refuse('invalid.envelope', item, 'ciphertext')
        return
      case 'bad_mac':
        this.#refuse('e2ee.bad_mac', item)
        await this.#keep(tx, item, 'unreadable', false)
        return
      case 'no_session':
      case 'missing_prekey':
      case 'too_far_ahead':
      case 'undecryptable':
        this.#refuse(status === 'no_session' ? 'e2ee.session_missing' : 'e2ee.undecryptable', item, status)
        await this.#keep(tx, item, 'unreadable', status !== 'undecryptable')
        return
      default:
        status satisfies never
    }
  }

  /** Notes a message that healing has to get. Control traffic is not healed: whoever sent it asks again. */
  async #keep(tx: Transaction, item: Incoming, reason: 'undecided' | 'unreadable', sessionLost: boolean): Promise<void> {
    const { header, body, messageId } = item
    if (reason === 'unreadable' && header.kind === ENVELOPE_KIND.control) return
    const nowMs = this.#core.time.now()
    const kept = await readUnread(tx, messageId)
    // Asking again and again is up to the limits of healing, not to how often the server repeats itself.
    if (kept?.reason === reason) return
    if (kept === undefined && !this.#control.takeRoom()) {
      this.#refuse('limited.queue', item, 'too many messages wait to be read')
      return
    }
    writeUnread(tx, {
      messageId, conversation: header.conversation, account: header.account, device: header.device, epoch: header.epoch, number: header.number,
      reason, sessionLost, ciphertextHash: body?.hash ?? new Uint8Array(32), envelope: reason === 'undecided' ? item.envelope : new Uint8Array(0),
      positionMs: item.positionMs, firstAtMs: kept?.firstAtMs ?? nowMs, nextAtMs: nowMs, requests: kept?.requests ?? 0,
    })
    tx.afterCommit(() => { this.#control.wake() })
  }

  async #open(
    tx: Transaction, item: Incoming, from: AttestedDevice, outcome: DecryptOutcome & { status: 'decrypted' }, before: Handled | undefined,
  ): Promise<void> {
    const { header, messageId } = item
    const origin: Origin = { from, messageId, ciphertextHash: item.body?.hash ?? new Uint8Array(0), positionMs: item.positionMs }
    let payload: Payload
    try {
      payload = decodePayload(outcome.plaintext)
    } catch (error) {
      if (!isEvegramError(error)) throw error
      // The sender wrote it so: the ratchet step is real, the message is not.
      tx.apply(outcome.changes)
      this.#refuse('invalid.payload', item)
      writeHandled(tx, messageId, { status: 'refused', ciphertextHash: origin.ciphertextHash, chainHash: new Uint8Array(0) })
      return
    }
    const conversation = await this.#conversationOf(tx, payload, from)
    if (conversation === undefined) {
      this.#refuse('e2ee.envelope_mismatch', item, 'accountHeads')
      return
    }
    const check = checkPayload(payload, header, from, {
      account: this.#core.account, device: this.#core.device, session: 'pairwise', membershipHash: membershipHash(conversation.members),
    })
    if (check.status === 'mismatch') {
      // The ratchet does not move: the true copy of this ciphertext can still be read.
      this.#refuse('e2ee.envelope_mismatch', item, check.mismatch)
      return
    }
    tx.apply(outcome.changes)
    if (payload.epoch === 0) await this.#acceptControl(tx, payload, conversation, origin)
    else await this.#acceptNumbered(tx, payload, conversation, origin, before)
    this.#checkHeads(tx, payload, conversation)
  }

  /** The conversation of a payload; new ones are made from what the payload says and its id proves. Undefined when it proves nothing. */
  async #conversationOf(tx: Transaction, payload: Payload, from: AttestedDevice): Promise<ConversationRow | undefined> {
    const known = await readConversation(tx, payload.conversation)
    if (known !== undefined) return known
    const { account: me } = this.#core
    const candidates = from.account === me ? payload.accountHeads.map(({ account }) => account) : [from.account]
    const peer = candidates.find((account) => directConversationIdOf(me, account) === payload.conversation)
    return peer === undefined ? undefined : newConversation(me, peer, this.#core.time.now())
  }

  async #acceptNumbered(
    tx: Transaction, payload: Payload, conversation: ConversationRow, origin: Origin, before: Handled | undefined,
  ): Promise<void> {
    const { from, messageId } = origin
    const hash = chainHash({ ...payload, device: from.device })
    const event = { conversation: payload.conversation, account: from.account, device: from.device, messageId }
    if (before !== undefined && before.status !== 'refused') {
      // Two ciphertexts of one number: the same message again, or the sender says two things.
      if (!equalBytes(before.chainHash, hash)) this.#core.events.refuse({ code: 'e2ee.chain_broken', ...event, detail: 'another message has this number' })
      return
    }
    const chain = await readChain(tx, payload.conversation, from, payload.epoch)
    const result = acceptLink(chain, { number: payload.number, hash, prev: payload.prev }, payload.start)
    switch (result.status) {
      case 'known':
        return
      case 'stale':
      case 'broken':
        this.#core.events.refuse({ code: result.status === 'stale' ? 'e2ee.replayed' : 'e2ee.chain_broken', ...event, detail: 'chain' })
        writeHandled(tx, messageId, { status: 'refused', ciphertextHash: origin.ciphertextHash, chainHash: hash })
        tx.remove('healing', unreadKey(messageId))
        return
      case 'linked':
      case 'pending':
      case 'filled':
        this.#writeChain(tx, payload.conversation, chain, { ...chain, ...result.state }, origin.positionMs)
        await this.#show(tx, payload, conversation, origin, hash, result.status === 'pending')
        return
      default:
        result satisfies never
    }
  }

  #writeChain(tx: Transaction, conversation: ConversationId, before: ChainRow, after: ChainRow, positionMs: number): void {
    const { account, device, epoch } = after
    let next = after
    if (next.ahead.length > CHAIN_AHEAD_MAX) {
      const { state, named } = nameMissing(next, 'withheld')
      next = { ...next, ...state }
      for (const { from, to, reason } of named) this.#tellGap(tx, { conversation, account, device, epoch, from, to, reason })
    }
    const told = new Set(before.gaps.filter(({ reason }) => reason === 'before_you_joined').map(({ from }) => from))
    for (const { from, to, reason } of next.gaps) {
      if (reason === 'before_you_joined' && !told.has(from)) this.#tellGap(tx, { conversation, account, device, epoch, from, to, reason })
    }
    const isSound = next.ahead.length === 0
    tx.put('chains', chainKey(conversation, device, epoch), encodeChain(isSound ? { ...next, soundAtMs: Math.max(before.soundAtMs, positionMs) } : next))
    const missing = missingRanges(next).length > 0
    if (missing && missingRanges(before).length === 0) {
      writeGap(tx, { conversation, account, device, epoch, nextAtMs: this.#core.time.now() + GAP_GRACE_MS })
      tx.afterCommit(() => { this.#control.wake() })
    } else if (!missing && before.ahead.length > 0) tx.remove('healing', gapKey(conversation, device, epoch))
  }

  #tellGap(tx: Transaction, gap: GapEvent): void {
    tx.afterCommit(() => { this.#core.events.emit('gap', gap) })
  }

  async #show(
    tx: Transaction, payload: Payload, conversation: ConversationRow, origin: Origin, hash: Uint8Array, isPending: boolean,
  ): Promise<void> {
    const { from, messageId } = origin
    const nowMs = this.#core.time.now()
    const shown = textOfPayload(payload)
    let rowKey: string | undefined
    if (shown !== undefined) {
      const mine = from.account === this.#core.account
      const message = await addMessage(tx, {
        messageId, conversation: payload.conversation, from: this.#core.roster.addressOf(from.account), fromAccount: from.account, fromDevice: from.device,
        direction: mine ? 'out' : 'in', kind: shown.kind, text: shown.text, order: payload.order, epoch: payload.epoch, number: payload.number,
        sentAtMs: payload.sentAtMs, receivedAtMs: nowMs, state: mine ? 'sent' : 'received', ...(isPending ? { gap: true } : {}),
      })
      rowKey = messageRowKey(message)
      tx.afterCommit(() => { this.#core.events.emit('message', message) })
    }
    writeHandled(tx, messageId, {
      status: payload.kind === 'void' ? 'void' : 'shown', ciphertextHash: origin.ciphertextHash, chainHash: hash, ...(rowKey === undefined ? {} : { rowKey }),
    })
    writeConversation(tx, { ...conversation, floor: raiseFloor(conversation.floor, payload.order, nowMs), activeAtMs: Math.max(conversation.activeAtMs, nowMs) })
    const unread = await readUnread(tx, messageId)
    if (unread === undefined) return
    tx.remove('healing', unreadKey(messageId))
    if (unread.reason === 'undecided') return
    tx.afterCommit(() => {
      this.#core.events.emit('session-healed', { account: from.account, device: from.device, conversation: payload.conversation, messageId })
    })
  }

  async #acceptControl(tx: Transaction, payload: Payload, conversation: ConversationRow, origin: Origin): Promise<void> {
    const { from, messageId } = origin
    writeHandled(tx, messageId, { status: 'control', ciphertextHash: origin.ciphertextHash, chainHash: new Uint8Array(0) })
    if (payload.kind !== 'resend_request' && payload.kind !== 'resend' && payload.kind !== 'revocation') return
    const refuse = (code: ErrorCode, detail: string): void => {
      this.#core.events.refuse({ code, conversation: payload.conversation, account: from.account, device: from.device, messageId, detail })
    }
    try {
      const content = decodePayloadBody(payload.kind, payload.body)
      if (content.kind === 'resend_request') await this.#control.resendRequest(tx, content.body, conversation, from)
      else if (content.kind === 'resend') await this.#acceptResend(tx, decodePayload(content.body.payload), conversation, origin, refuse)
      else if (content.kind === 'revocation') {
        if (content.body.account === from.account) tx.afterCommit(() => { this.#control.revocation(content.body, from) })
        else refuse('e2ee.envelope_mismatch', 'revocation of another account')
      }
    } catch (error) {
      if (!isEvegramError(error) || !(error.code.startsWith('invalid.') || error.code === 'too_large.payload')) throw error
      refuse('invalid.payload', payload.kind)
    }
  }

  /** A message that came again inside control traffic: its sender, recipient and conversation are those of the envelope around it. */
  async #acceptResend(
    tx: Transaction, inner: Payload, conversation: ConversationRow, outer: Origin, refuse: (code: ErrorCode, detail: string) => void,
  ): Promise<void> {
    const { from } = outer
    const header = {
      kind: ENVELOPE_KIND.message, conversation: conversation.conversation, device: from.device, account: from.account,
      epoch: inner.epoch, number: inner.number, order: inner.order, membershipVersion: conversation.membershipVersion,
    }
    const me = { account: this.#core.account, device: this.#core.device, session: 'pairwise' as const, membershipHash: membershipHash(conversation.members) }
    const check = checkPayload(inner, header, from, me)
    if (check.status === 'mismatch' || inner.epoch === 0) {
      refuse('e2ee.envelope_mismatch', check.status === 'mismatch' ? check.mismatch : 'epoch')
      return
    }
    const messageId = messageIdOf(header)
    const unread = await readUnread(tx, messageId)
    const origin: Origin = {
      from, messageId, ciphertextHash: unread?.ciphertextHash ?? new Uint8Array(0), positionMs: unread?.positionMs ?? 0,
    }
    await this.#acceptNumbered(tx, inner, conversation, origin, await readHandled(tx, messageId))
  }

  /** Account logs that the sender knows further than we do, or otherwise: the server has to show them. */
  #checkHeads(tx: Transaction, payload: Payload, conversation: ConversationRow): void {
    const { roster, accounts, background } = this.#core
    const news = payload.accountHeads.filter(({ account, seq, head }) => {
      if (!conversation.members.includes(account)) return false
      if (!roster.isLoaded(account)) return true
      const known = roster.headOf(account)
      return seq > known.seq || (seq === known.seq && !equalBytes(head, known.head))
    })
    if (news.length === 0) return
    tx.afterCommit(() => {
      background.run('check account logs', async () => {
        for (const { account, seq, head } of news) {
          const check = await accounts.expectHead(account, seq, head)
          if (check.status === 'known') await roster.take(check.verified)
          else roster.alarm(account, check.error)
        }
      })
    })
  }

  #refuse(code: ErrorCode, item: Incoming, detail?: string): void {
    const { header, messageId } = item
    this.#core.events.refuse({
      code, conversation: header.conversation, account: header.account, device: header.device, messageId, ...(detail === undefined ? {} : { detail }),
    })
  }
}

function isStoreFailure(error: unknown): boolean {
  return isEvegramError(error, 'client.store') || isEvegramError(error, 'client.closed')
}

/** What a numbered payload shows: nothing for a void. A text whose body does not parse is shown as of an unknown kind. */
function textOfPayload(payload: Payload): Pick<Message, 'kind' | 'text'> | undefined {
  if (payload.kind === 'void') return undefined
  if (payload.kind !== 'text') return { kind: payload.kind.startsWith('unknown:') ? `unknown:${Number(payload.kind.slice(8))}` : 'unknown:0', text: '' }
  try {
    const content = decodePayloadBody('text', payload.body)
    return content.kind === 'text' ? { kind: 'text', text: content.body.text } : undefined
  } catch (error) {
    if (!isEvegramError(error)) throw error
    return { kind: 'unknown:1', text: '' }
  }
}
