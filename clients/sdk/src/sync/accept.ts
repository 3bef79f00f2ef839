import {
  chainHash, checkPayload, decodePayload, decodePayloadBody, ENVELOPE_KIND, equalBytes, isEvegramError, messageIdOf, PAYLOAD_KIND,
  type ConversationId, type ErrorCode, type MessageId, type Payload, type PayloadBodies, type PayloadContent,
} from '@evegram/protocol'
import type { AttestedDevice } from '../account/account-verifier.js'
import type { Core } from '../core/context.js'
import { isGroup, membershipHashOf, readConversation, writeConversation, type ConversationRow } from '../core/conversation-row.js'
import { mayDeleteAny, readGroup, spanAt, versionOfHash, writeGroup } from '../core/group-row.js'
import { noteExpiry } from '../core/expiry-row.js'
import { isTaken, readHandled, writeHandled, type Handled } from '../core/handled.js'
import { shownContent, type Message, type MessageContent, type ShownContent } from '../core/message.js'
import { messageRowKey } from '../core/message-row.js'
import { placeMessage } from '../archive/place-message.js'
import type { Transaction } from '../core/transaction.js'
import type { GapEvent } from '../events.js'
import { CHAIN_EPOCH, chainKey, encodeChain, readChain, type ChainRow } from './chain-row.js'
import { acceptLink, CHAIN_AHEAD_MAX, isIncomplete, joinChain, nameMissing } from './chain-state.js'
import { gapKey, writeGap } from './gap-row.js'
import { keepHeard } from './heard-record.js'
import { raiseFloor } from './order-clock.js'
import { templateIn } from './seal.js'
import { isChange, takeChange, withEarlierChanges, type ChangeContent } from './take-change.js'
import { takeReceipt } from './take-receipt.js'
import { readUnread, unreadKey } from './unread-row.js'

/** Time in which a missing number may still arrive on its own: appends have no leader, so neighbours overtake each other. */
const GAP_GRACE_MS = 2_000
/** What arrived end to end and is not a message: for the parts that act on it. */
export interface ControlHandler {
  /** Inside the transaction that marks the request as handled; it was stored at `atMs` by the clock of the server. */
  resendRequest(tx: Transaction, request: PayloadBodies['resend_request'], conversation: ConversationRow, from: AttestedDevice, atMs: number): Promise<void>
  /** After the commit. */
  revocation(notice: PayloadBodies['revocation'], from: AttestedDevice): void
  /** Inside the transaction that marks the message as handled: what an own device tells of the state. */
  state(tx: Transaction, body: PayloadBodies['state'], conversation: ConversationId, from: AttestedDevice): Promise<void>
  /** Inside the transaction that marks it as handled: what an own device says about history, at `atMs` by the clock of the server. */
  history(tx: Transaction, content: PayloadContent<'history_request' | 'history_offer'>, conversation: ConversationId, from: AttestedDevice, atMs: number): Promise<void>
  /** After the commit: something is missing or unreadable. */
  wake(): void
  /** Room for one more message that waits to be read; false when there is none. */
  takeRoom(): boolean
}

/** Where an accepted payload came from. */
export interface Origin {
  readonly from: AttestedDevice
  readonly messageId: MessageId
  /** Empty for a copy inside a resend. */
  readonly ciphertextHash: Uint8Array
  readonly positionMs: number
  /** That the envelope names. */
  readonly membershipVersion: number
}

/** Takes decrypted and checked payloads to their place: in the chain of their sender, among the shown messages, or to whoever acts on them. */
export class Acceptance {
  readonly #core: Core
  readonly #control: ControlHandler

  constructor(core: Core, control: ControlHandler) {
    this.#core = core
    this.#control = control
  }

  /** Stages what `payload` means. `before` is what became of its message id earlier. */
  async accept(tx: Transaction, payload: Payload, conversation: ConversationRow, origin: Origin, before: Handled | undefined): Promise<void> {
    if (payload.epoch === 0) await this.#acceptControl(tx, payload, conversation, origin)
    else await this.#acceptNumbered(tx, payload, conversation, origin, before)
  }

  async #acceptNumbered(
    tx: Transaction, payload: Payload, conversation: ConversationRow, origin: Origin, before: Handled | undefined,
  ): Promise<void> {
    const { from, messageId } = origin
    const hash = chainHash({ ...payload, device: from.device })
    const event = { conversation: payload.conversation, account: from.account, device: from.device, messageId }
    if (before !== undefined && before.status !== 'refused' && before.status !== 'archived') {
      // Two ciphertexts of one number: the same message again, or the sender says two things.
      if (!equalBytes(before.chainHash, hash)) this.#core.events.refuse({ code: 'e2ee.chain_broken', ...event, detail: 'another message has this number' })
      else tx.remove('healing', unreadKey(messageId))
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
        await this.#show(tx, payload, conversation, origin, hash, result.status === 'pending', before)
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
    // Only a name that changed is news: what lies before the place where this device joined was never missing.
    for (const { from, to, reason } of next.gaps) {
      const earlier = before.gaps.find((gap) => gap.from <= from && from <= gap.to)
      if (earlier !== undefined && earlier.reason !== reason) this.#tellGap(tx, { conversation, account, device, epoch, from, to, reason })
    }
    const missing = isIncomplete(next)
    tx.put('chains', chainKey(conversation, device, epoch), encodeChain(missing ? next : { ...next, soundAtMs: Math.max(before.soundAtMs, positionMs) }))
    if (missing && !isIncomplete(before)) {
      writeGap(tx, { conversation, account, device, epoch, nextAtMs: this.#core.time.now() + GAP_GRACE_MS })
      tx.afterCommit(() => { this.#control.wake() })
    } else if (!missing && isIncomplete(before)) tx.remove('healing', gapKey(conversation, device, epoch))
  }

  #tellGap(tx: Transaction, gap: GapEvent): void {
    tx.afterCommit(() => { this.#core.events.emit('gap', gap) })
  }

  async #show(
    tx: Transaction, payload: Payload, conversation: ConversationRow, origin: Origin, hash: Uint8Array, isPending: boolean, before: Handled | undefined,
  ): Promise<void> {
    const { from, messageId } = origin
    const nowMs = this.#core.time.now()
    const meant = meaningOf(payload)
    let rowKey: string | undefined
    let isDeleted = false
    const mine = from.account === this.#core.account
    if (mine) await this.#core.requests.wrote(tx, conversation, 'another device')
    // What shows nothing is no reason to ask: a stranger begins with a message.
    const admission = mine || (meant.means !== 'message' && meant.means !== 'change') ? 'shown' : await this.#core.requests.admit(tx, conversation, from.account, payload.order, meant.means)
    if (admission === 'hidden') this.#core.events.refuse({ code: 'denied.blocked', conversation: payload.conversation, account: from.account, device: from.device, messageId, detail: 'not shown' })
    else if (meant.means === 'message') {
      const message = await placeMessage(tx, before, hash, await withEarlierChanges(this.#core, tx, {
        messageId, conversation: payload.conversation, from: this.#core.roster.addressOf(from.account), fromAccount: from.account, fromDevice: from.device,
        direction: mine ? 'out' : 'in', ...meant.shown, order: payload.order, epoch: payload.epoch, number: payload.number,
        sentAtMs: payload.sentAtMs, receivedAtMs: nowMs, state: mine ? 'sent' : 'received', ...(isPending ? { gap: true } : {}),
        ...(admission === 'stranger' ? { stranger: true } : {}), ...(mine && isGroup(conversation) ? { membershipVersion: origin.membershipVersion } : {}), ...await this.#expiryOf(meant.shown, payload, mine, nowMs),
      }))
      rowKey = messageRowKey(message)
      isDeleted = message.deleted === true
      noteExpiry(tx, message, rowKey)
      if (!mine && admission === 'shown') await this.#core.receipts.received(tx, conversation, from.device)
      // What an archive showed is not told as new a second time.
      if (before?.status !== 'archived') tx.afterCommit(() => { this.#core.events.emit(message.stranger === true ? 'message-request' : 'message', message) })
    } else if (meant.means === 'change') await this.#acceptChange(tx, payload, meant.content, conversation, from, admission === 'stranger')
    else if (meant.means === 'state') await this.#control.state(tx, meant.body, payload.conversation, from)
    else if (meant.means === 'malformed') {
      this.#core.events.refuse({ code: 'invalid.payload', conversation: payload.conversation, account: from.account, device: from.device, messageId, detail: payload.kind })
    }
    writeHandled(tx, messageId, {
      status: payload.kind === 'void' ? 'void' : 'shown', ciphertextHash: origin.ciphertextHash, chainHash: hash, ...(rowKey === undefined ? {} : { rowKey }),
    })
    if (mine && !isDeleted) await keepHeard(this.#core, tx, templateIn(payload))
    // What shows nothing, or is not to be shown, begins no conversation that would stand in a list.
    const isListed = mine || isGroup(conversation) || (meant.means === 'message' && admission !== 'hidden') || (await readConversation(tx, payload.conversation)) !== undefined
    if (isListed) writeConversation(tx, { ...conversation, floor: raiseFloor(conversation.floor, payload.order, nowMs), activeAtMs: Math.max(conversation.activeAtMs, nowMs) })
    const unread = await readUnread(tx, messageId)
    if (unread === undefined) return
    tx.remove('healing', unreadKey(messageId))
    if (unread.reason === 'undecided') return
    tx.afterCommit(() => {
      this.#core.events.emit('session-healed', { account: from.account, device: from.device, conversation: payload.conversation, messageId })
    })
  }

  /** When a message disappears from here: own ones count from sending, others from reading, which may have happened on another device. */
  async #expiryOf(shown: Pick<Message, 'expiresIn'>, payload: Payload, mine: boolean, nowMs: number): Promise<Pick<Message, 'expiresAtMs'>> {
    if (shown.expiresIn === undefined) return {}
    const livesMs = shown.expiresIn * 1_000
    // A clock that is ahead must not keep it longer.
    if (mine) return { expiresAtMs: Math.min(payload.sentAtMs, nowMs) + livesMs }
    const read = await this.#core.state.readUpTo(payload.conversation)
    return read !== undefined && read.order >= payload.order ? { expiresAtMs: nowMs + livesMs } : {}
  }

  /** What somebody says about a message. Their right to it is that of the membership which the payload was made for. */
  async #acceptChange(tx: Transaction, payload: Payload, content: ChangeContent, conversation: ConversationRow, from: AttestedDevice, ofStranger: boolean): Promise<void> {
    const group = isGroup(conversation) ? await readGroup(tx, conversation.conversation) : undefined
    const version = group === undefined ? 0 : versionOfHash(group, payload.membershipHash) ?? 0
    const { order, epoch, number, sentAtMs } = payload
    await takeChange(this.#core, tx, content, {
      conversation: payload.conversation, by: from.account, place: { order, device: from.device, epoch, number }, sentAtMs, open: false,
      deletesAny: await mayDeleteAny(tx, conversation, from.account, version), ofStranger,
    })
  }

  async #acceptControl(tx: Transaction, payload: Payload, conversation: ConversationRow, origin: Origin): Promise<void> {
    const { from, messageId } = origin
    writeHandled(tx, messageId, { status: 'control', ciphertextHash: origin.ciphertextHash, chainHash: new Uint8Array(0) })
    if (!isActedOn(payload.kind)) return
    const refuse = (code: ErrorCode, detail: string): void => {
      this.#core.events.refuse({ code, conversation: payload.conversation, account: from.account, device: from.device, messageId, detail })
    }
    try {
      const content = decodePayloadBody(payload.kind, payload.body)
      if (content.kind === 'resend_request') await this.#control.resendRequest(tx, content.body, conversation, from, origin.positionMs)
      else if (content.kind === 'receipt') await takeReceipt(this.#core, tx, content.body, conversation, from, refuse)
      else if (content.kind === 'resend') await this.#acceptResend(tx, decodePayload(content.body.payload), conversation, origin, refuse)
      else if (content.kind === 'revocation') {
        if (content.body.account === from.account) tx.afterCommit(() => { this.#control.revocation(content.body, from) })
        else refuse('e2ee.envelope_mismatch', 'revocation of another account')
      } else if (content.kind === 'sender_key') await this.#acceptSenderKey(tx, content.body, conversation, origin, refuse)
      else if (content.kind === 'history_request' || content.kind === 'history_offer') await this.#control.history(tx, content, payload.conversation, from, origin.positionMs)
      else if (content.kind === 'group_name') await this.#acceptName(tx, content.body.name, conversation, from, refuse)
    } catch (error) {
      if (!isEvegramError(error) || !(error.code.startsWith('invalid.') || error.code === 'too_large.payload')) throw error
      refuse('invalid.payload', payload.kind)
    }
  }

  /** The chain that a device of the group sends with, for the membership version that its payload was checked against. */
  async #acceptSenderKey(
    tx: Transaction, { distribution, start }: PayloadBodies['sender_key'], conversation: ConversationRow, origin: Origin, refuse: (code: ErrorCode, detail: string) => void,
  ): Promise<void> {
    const { from, membershipVersion, positionMs } = origin
    if (!isGroup(conversation)) {
      refuse('e2ee.envelope_mismatch', 'sender key outside of a group')
      return
    }
    const outcome = await this.#core.groupCiphers.accept(conversation.conversation, from.device, membershipVersion, distribution, tx.signal)
    if (outcome.status !== 'accepted' && outcome.status !== 'known') {
      refuse(outcome.status === 'low_order_key' ? 'e2ee.low_order_key' : 'invalid.payload', `sender key: ${outcome.status}`)
      return
    }
    tx.apply(outcome.changes)
    const chain = await readChain(tx, conversation.conversation, from, CHAIN_EPOCH)
    this.#writeChain(tx, conversation.conversation, chain, { ...chain, ...joinChain(chain, start) }, positionMs)
  }

  async #acceptName(
    tx: Transaction, name: string, conversation: ConversationRow, from: AttestedDevice, refuse: (code: ErrorCode, detail: string) => void,
  ): Promise<void> {
    const group = await readGroup(tx, conversation.conversation)
    const role = group?.state.members.get(from.account)?.role
    if (group === undefined || role === undefined || role === 'member') refuse('group.role', 'name of the group')
    else {
      writeGroup(tx, { ...group, name })
      tx.afterCommit(() => { this.#core.events.emit('group-named', { conversation: conversation.conversation, name, by: from.account }) })
    }
  }

  async #wasMadeForMembers(tx: Transaction, conversation: ConversationRow, hash: Uint8Array, from: AttestedDevice): Promise<boolean> {
    const group = await readGroup(tx, conversation.conversation)
    const version = group === undefined ? undefined : versionOfHash(group, hash)
    if (group === undefined || version === undefined) return false
    return spanAt(group, from.account, version) !== undefined && spanAt(group, this.#core.account, version) !== undefined
  }

  /**
   * The device that said what a resend holds: the one that sends it again, or one of its account that is revoked by now, for which it answers. Then it must be
   * missing here, or be the same as it is: nobody else is to have a say about what a device said.
   */
  async #authorOf(tx: Transaction, inner: Payload, from: AttestedDevice): Promise<AttestedDevice> {
    const { conversation, senderAccount: account, senderDevice: device, epoch, number } = inner
    const former = device === from.device || account !== from.account ? undefined : this.#core.roster.formerDevice(account, device)
    if (former === undefined) return from
    const messageId = messageIdOf({ conversation, device, epoch, number })
    // Several are asked at a time, so copies come of what another one brought: they are compared with it.
    const isExpected = isTaken(await readHandled(tx, messageId)) || (await readUnread(tx, messageId)) !== undefined
    const { gaps } = await readChain(tx, conversation, former, epoch)
    return isExpected || gaps.some(({ from: first, to }) => first <= number && number <= to) ? former : from
  }

  /** A message that came again inside control traffic: its recipient and conversation are those of the envelope around it, and its sender, or a device that this one answers for. */
  async #acceptResend(
    tx: Transaction, inner: Payload, conversation: ConversationRow, outer: Origin, refuse: (code: ErrorCode, detail: string) => void,
  ): Promise<void> {
    const from = await this.#authorOf(tx, inner, outer.from)
    const header = {
      kind: ENVELOPE_KIND.message, conversation: conversation.conversation, device: from.device, account: from.account,
      epoch: inner.epoch, number: inner.number, order: inner.order, membershipVersion: conversation.membershipVersion,
    }
    const me = { account: this.#core.account, device: this.#core.device, session: 'pairwise' as const, membershipHash: membershipHashOf(conversation) }
    // A group may have changed since the message was made: it was made for members whose log this device knows, and both sides were among them.
    const isMadeFor = isGroup(conversation) ? await this.#wasMadeForMembers(tx, conversation, inner.membershipHash, from) : true
    const check = isGroup(conversation) && isMadeFor ? checkPayload(inner, header, from, { ...me, membershipHash: inner.membershipHash }) : checkPayload(inner, header, from, me)
    if (check.status === 'mismatch' || inner.epoch === 0) {
      refuse('e2ee.envelope_mismatch', check.status === 'mismatch' ? check.mismatch : 'epoch')
      return
    }
    const messageId = messageIdOf(header)
    const unread = await readUnread(tx, messageId)
    const origin: Origin = {
      from, messageId, ciphertextHash: unread?.ciphertextHash ?? new Uint8Array(0), positionMs: unread?.positionMs ?? 0,
      membershipVersion: outer.membershipVersion,
    }
    await this.#acceptNumbered(tx, inner, conversation, origin, await readHandled(tx, messageId))
  }
}

type ActedOn = 'receipt' | 'resend_request' | 'resend' | 'revocation' | 'sender_key' | 'group_name' | 'history_request' | 'history_offer'

const ACTED_ON: readonly Payload['kind'][] = ['receipt', 'resend_request', 'resend', 'revocation', 'sender_key', 'group_name', 'history_request', 'history_offer'] satisfies readonly ActedOn[]

function isActedOn(kind: Payload['kind']): kind is ActedOn {
  return ACTED_ON.includes(kind)
}

/** What a numbered payload means for what is shown. */
type Meaning =
  | { readonly means: 'message'; readonly shown: ShownContent }
  | { readonly means: 'change'; readonly content: ChangeContent }
  | { readonly means: 'state'; readonly body: PayloadBodies['state'] }
  /** A void, or a kind that shows nothing by itself and does not parse. */
  | { readonly means: 'nothing' | 'malformed' }

/** A message of an unknown kind is shown as one, and so is a body that does not parse. */
function meaningOf(payload: Payload): Meaning {
  const { kind } = payload
  if (!isNumbered(kind)) return { means: 'message', shown: { kind: kind.startsWith('unknown:') ? `unknown:${Number(kind.slice(8))}` : 'unknown:0', text: '' } }
  try {
    const content = decodePayloadBody(kind, payload.body)
    if (content.kind === 'void') return { means: 'nothing' }
    if (content.kind === 'state') return { means: 'state', body: content.body }
    return isChange(content) ? { means: 'change', content } : { means: 'message', shown: shownContent(content, payload.conversation) }
  } catch (error) {
    if (!isEvegramError(error)) throw error
    if (kind === 'void' || kind === 'reaction' || kind === 'edit' || kind === 'delete' || kind === 'timer' || kind === 'state') return { means: 'malformed' }
    return { means: 'message', shown: { kind: `unknown:${PAYLOAD_KIND[kind]}`, text: '' } }
  }
}

type Numbered = 'void' | 'state' | MessageContent['kind'] | ChangeContent['kind']

const NUMBERED: readonly Payload['kind'][] = ['void', 'text', 'payment', 'payment_request', 'files', 'reaction', 'edit', 'delete', 'timer', 'state'] satisfies readonly Numbered[]

function isNumbered(kind: Payload['kind']): kind is Numbered {
  return NUMBERED.includes(kind)
}
