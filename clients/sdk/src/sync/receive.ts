import {
  BODY_TYPE, checkPayload, decodePayload, directConversationIdOf, ENVELOPE_KIND, equalBytes, EvegramError, isEvegramError,
  type AccountId, type ConversationId, type Delivery, type DeviceId, type ErrorCode, type MessageId, type Payload,
} from '@evegram/protocol'
import type { AttestedDevice } from '../account/account-verifier.js'
import type { Core } from '../core/context.js'
import { membershipHashOf, newConversation, readConversation, type ConversationRow } from '../core/conversation-row.js'
import type { GroupLogs } from '../core/group-logs.js'
import { membershipHashAt, readGroup, type GroupRow } from '../core/group-row.js'
import { isTaken, readHandled, writeHandled, type Handled } from '../core/handled.js'
import type { Transaction } from '../core/transaction.js'
import type { DecryptOutcome } from '../crypto/session-cipher.js'
import type { ChangeSet } from '../crypto/stores.js'
import { Acceptance, type ControlHandler, type Origin } from './accept.js'
import { GroupGate, statusOfSession } from './group-gate.js'
import { parseDelivery, type Incoming } from './incoming.js'
import { takeNotice } from './take-notice.js'
import { readUnread, writeUnread } from './unread-row.js'

/** Time in which a log that could not be had is not asked for again because of another message. */
const DOUBT_MS = 5_000
/** Accounts that are remembered so; past it all are asked for again. */
const DOUBTED_MAX = 1_024
/** An unknown device is not looked up more often than this: a log that was asked for before the message came decides nothing, and is waited for. */
const LOOKUP_MAX_AGE_MS = 1_000

/** What could not be decided about a batch. */
interface Doubts {
  readonly senders: ReadonlySet<DeviceId>
  /** Groups whose log could not be had. */
  readonly groups: ReadonlySet<ConversationId>
  /** Groups that the server does not show to this account: it is no member, or none any more. */
  readonly denied: ReadonlySet<ConversationId>
  /** Messages that wait because of them. */
  readonly kept: Set<MessageId>
}

/** Takes delivered envelopes to what is shown: identity.md sections 5 and 6, one transaction per batch. */
export class Receiver {
  readonly #core: Core
  readonly #control: ControlHandler
  readonly #acceptance: Acceptance
  readonly #gate: GroupGate
  /** Accounts whose named logs could not be had, and until when they are not asked for again (monotonic ms). */
  readonly #doubted = new Map<AccountId, number>()

  constructor(core: Core, groups: GroupLogs, control: ControlHandler) {
    this.#core = core
    this.#gate = new GroupGate(core, groups)
    this.#control = control
    this.#acceptance = new Acceptance(core, control)
  }

  /**
   * Handles deliveries in the order given. Resolved means committed: shown, refused and counted, or kept for later. Rejects only
   * when the local store fails; then none of them counts. `arrivedAtMs` (monotonic) is when they came first, now unless they were kept.
   * Resolves with those that are kept until the log of their sender decides.
   */
  async receive(deliveries: readonly Delivery[], arrivedAtMs: number = this.#core.clock.monotonicMs()): Promise<ReadonlySet<MessageId>> {
    const incoming: Incoming[] = []
    for (const delivery of deliveries) {
      try {
        incoming.push(parseDelivery(delivery, this.#core.device))
      } catch (error) {
        if (!isEvegramError(error)) throw error
        this.#core.events.refuse({ code: error.code })
      }
    }
    // No device wrote a notice of the server: its key is known, and no log is asked for.
    const messages = incoming.filter(({ header }) => header.kind !== ENVELOPE_KIND.notice)
    const { undecided, denied } = await this.#gate.lookUp(messages)
    const doubts = { senders: await this.#lookUp(messages, arrivedAtMs), groups: undecided, denied, kept: new Set<MessageId>() }
    try {
      await this.#commit(incoming, doubts)
    } catch (error) {
      if (isStoreFailure(error)) throw error
      // One of them hit a fault of this program: the others must not suffer from it.
      for (const item of incoming) await this.#commitAlone(item, doubts)
    }
    return doubts.kept
  }

  async #commitAlone(item: Incoming, doubts: Doubts): Promise<void> {
    try {
      await this.#commit([item], doubts)
    } catch (error) {
      if (isStoreFailure(error)) throw error
      this.#refuse('internal', item, isEvegramError(error) ? error.operation : undefined)
      this.#core.events.emit('fault', { operation: 'receive', error: new EvegramError('internal', { operation: 'receive', cause: error }) })
    }
  }

  #commit(incoming: readonly Incoming[], doubts: Doubts): Promise<void> {
    return this.#core.local.write(async (tx) => {
      for (const item of incoming) await this.#take(tx, item, doubts)
    })
  }

  /**
   * Loads the logs of the senders, and asks the server for those that lack a sending device. Returns the devices whose logs could not be
   * asked for, or not again so soon: one may have been added between the last answer and its message.
   */
  async #lookUp(incoming: readonly Incoming[], arrivedAtMs: number): Promise<ReadonlySet<DeviceId>> {
    const { roster, store, device: self } = this.#core
    const undecided = new Set<DeviceId>()
    const seen = new Set<string>()
    for (const conversation of new Set(incoming.map(({ header }) => header.conversation))) {
      for (const member of (await readConversation(store, conversation))?.members ?? []) {
        // One that is known costs no request; one that is not is not needed for what is taken here.
        await roster.loadAccount(member).catch((error: unknown) => { if (!isEvegramError(error) || error.code === 'client.store') throw error })
      }
    }
    for (const { header, body } of incoming) {
      const claim = `${header.account} ${header.device}`
      if (header.device === self || body === undefined || seen.has(claim)) continue
      seen.add(claim)
      try {
        await roster.loadAccount(header.account)
        if (roster.device(header.device) === undefined) {
          const { state, askedMonotonicMs = -Infinity } = await roster.refresh(header.account, { maxAgeMs: LOOKUP_MAX_AGE_MS })
          // One that the log holds is decided: what was revoked never returns.
          if (askedMonotonicMs < arrivedAtMs && !state.devices.has(header.device)) undecided.add(header.device)
        }
      } catch (error) {
        if (!isEvegramError(error) || error.code === 'client.store') throw error
        if (error.retry === 'after_backoff' && !error.code.startsWith('account.')) undecided.add(header.device)
      }
    }
    return undecided
  }

  async #take(tx: Transaction, item: Incoming, doubts: Doubts): Promise<void> {
    const { header, body, messageId } = item
    const { roster, account: me, device: self } = this.#core
    if (header.kind === ENVELOPE_KIND.notice) return takeNotice(this.#core, tx, item)
    if (header.device === self || body === undefined) return
    const before = await readHandled(tx, messageId)
    if (before !== undefined && (before.status === 'own' || equalBytes(before.ciphertextHash, body.hash))) return
    const isDirect = header.account !== me && directConversationIdOf(me, header.account) === header.conversation
    const group = isDirect ? undefined : await readGroup(tx, header.conversation)
    if (group === undefined && doubts.denied.has(header.conversation)) {
      this.#refuse('denied.not_member', item, 'the server does not show the group')
      return
    }
    const verdict = isDirect ? 'welcome' : this.#gate.judge(group, item, doubts.groups.has(header.conversation))
    if (verdict === 'unwanted') return
    if (verdict === 'undecided') {
      doubts.kept.add(messageId)
      await this.#keep(tx, item, 'undecided', false)
      return
    }
    if (verdict !== 'welcome') {
      this.#refuse(group === undefined ? 'e2ee.envelope_mismatch' : 'denied.not_member', item, verdict.refused)
      return
    }
    const from = roster.device(header.device)
    if (from === undefined && doubts.senders.has(header.device)) {
      doubts.kept.add(messageId)
      await this.#keep(tx, item, 'undecided', false)
      return
    }
    if (from?.account !== header.account) {
      this.#refuse('e2ee.untrusted_identity', item, 'the device is not attested')
      // What it said while it was attested may be had from another device of its account.
      const isSaid = body.type !== BODY_TYPE.skip && body.type !== BODY_TYPE.opaque
      if (isSaid && roster.formerDevice(header.account, header.device) !== undefined) await this.#keep(tx, item, 'revoked', false)
      return
    }
    if (body.type === BODY_TYPE.skip) {
      this.#refuse('account.attestation_expired', item, 'the sender left this device out')
      return
    }
    if (body.type === BODY_TYPE.senderKey) {
      await this.#takeFromGroup(tx, item, from, group, before)
      return
    }
    // Opaque bytes are load.
    if (body.type !== BODY_TYPE.prekey && body.type !== BODY_TYPE.message) return
    const outcome = await this.#core.ciphers.decrypt(from.device, body.type === BODY_TYPE.prekey ? 1 : 2, body.bytes, tx.signal)
    if (outcome.status === 'decrypted') await this.#open(tx, item, from, { ...outcome, session: 'pairwise' }, before, group)
    else await this.#undecryptable(tx, item, outcome.status)
  }

  async #takeFromGroup(tx: Transaction, item: Incoming, from: AttestedDevice, group: GroupRow | undefined, before: Handled | undefined): Promise<void> {
    const { header, body } = item
    if (group === undefined || body === undefined) {
      this.#refuse('e2ee.envelope_mismatch', item, 'sender key outside of a group')
      return
    }
    const outcome = await this.#core.groupCiphers.decrypt(header.conversation, from.device, body.bytes, tx.signal)
    if (outcome.status !== 'decrypted') {
      // The log holds one body for all, so a new device is shown what lies shortly before it joined: it was not meant for it.
      if (outcome.status === 'no_sender_key' && this.#gate.isBeforeThisDevice(item)) return
      await this.#undecryptable(tx, item, statusOfSession(outcome.status))
      return
    }
    if (outcome.membershipVersion !== header.membershipVersion) {
      this.#refuse('e2ee.envelope_mismatch', item, 'membershipVersion')
      return
    }
    await this.#open(tx, item, from, { ...outcome, session: 'sender_key' }, before, group)
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
  async #keep(tx: Transaction, item: Incoming, reason: 'undecided' | 'unreadable' | 'revoked', sessionLost: boolean): Promise<void> {
    const { header, body, messageId } = item
    if (reason !== 'undecided' && (header.kind === ENVELOPE_KIND.control || isTaken(await readHandled(tx, messageId)))) return
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
      positionMs: item.positionMs, firstAtMs: kept?.firstAtMs ?? nowMs,
      nextAtMs: reason === 'undecided' ? nowMs + LOOKUP_MAX_AGE_MS : nowMs,
      // Of what a revoked device said others are asked, from the beginning.
      requests: reason === 'revoked' ? 0 : kept?.requests ?? 0,
    })
    tx.afterCommit(() => { this.#control.wake() })
  }

  async #open(
    tx: Transaction, item: Incoming, from: AttestedDevice, outcome: Opened, before: Handled | undefined, group: GroupRow | undefined,
  ): Promise<void> {
    const { header, messageId } = item
    const origin: Origin = { from, messageId, ciphertextHash: item.body?.hash ?? new Uint8Array(0), positionMs: item.positionMs, membershipVersion: header.membershipVersion }
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
    const hash = group === undefined ? membershipHashOf(conversation) : membershipHashAt(group, header.membershipVersion)
    const check = checkPayload(payload, header, from, {
      account: this.#core.account, device: this.#core.device, session: outcome.session, membershipHash: hash ?? new Uint8Array(0),
    })
    if (check.status === 'mismatch') {
      // The ratchet does not move: the true copy of this ciphertext can still be read.
      this.#refuse('e2ee.envelope_mismatch', item, check.mismatch)
      return
    }
    tx.apply(outcome.changes)
    await this.#acceptance.accept(tx, payload, conversation, origin, before)
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

  /** Account logs that the sender knows further than we do, or otherwise: the server has to show them. */
  #checkHeads(tx: Transaction, payload: Payload, conversation: ConversationRow): void {
    const { roster, accounts, background, clock } = this.#core
    const news = payload.accountHeads.filter(({ account, seq, head }) => {
      if (!conversation.members.includes(account) || clock.monotonicMs() < (this.#doubted.get(account) ?? 0)) return false
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
          else {
            this.#doubt(account)
            roster.alarm(account, check.error)
          }
        }
      })
    })
  }

  /** A peer that goes on naming a log that nobody shows must not cost a request for each of its messages. */
  #doubt(account: AccountId): void {
    if (this.#doubted.size >= DOUBTED_MAX) this.#doubted.clear()
    this.#doubted.set(account, this.#core.clock.monotonicMs() + DOUBT_MS)
  }

  #refuse(code: ErrorCode, item: Incoming, detail?: string): void {
    const { header, messageId } = item
    this.#core.events.refuse({
      code, conversation: header.conversation, account: header.account, device: header.device, messageId, ...(detail === undefined ? {} : { detail }),
    })
  }
}

/** What decryption gave, and whom it was for. */
interface Opened {
  readonly plaintext: Uint8Array
  readonly changes: ChangeSet
  readonly session: 'pairwise' | 'sender_key'
}

function isStoreFailure(error: unknown): boolean {
  return isEvegramError(error, 'client.store') || isEvegramError(error, 'client.closed')
}
