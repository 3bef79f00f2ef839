import { messageIdOf, resendRequestBytes, type DeviceId, type MessageId, type PayloadBodies } from '@evegram/protocol'
import type { AttestedDevice } from '../account/account-verifier.js'
import type { Core } from '../core/context.js'
import { isGroup, readConversation, type ConversationRow } from '../core/conversation-row.js'
import type { Transaction } from '../core/transaction.js'
import { verifyWithSigning } from '../crypto/device-keys.js'
import { HEALING_LIMITS, takeAllowance } from './allowance.js'
import { CHAIN_EPOCH, readOwnChain } from './chain-row.js'
import { composeControl } from './control.js'
import { heardFor, type Copy, type Kept } from './heard-copy.js'
import type { Outbox } from './outbox.js'
import { decodeTemplate, payloadFor } from './seal.js'
import { readSent, wasMeantFor } from './sent-record.js'
import type { Sessions } from './sessions.js'
import { readSupplement, writeSupplement, type SupplementRow, type Unreached } from './supplement-row.js'

/** Waits between attempts to supplement a message, units last. */
const SUPPLEMENT_WAIT = { firstMs: 30_000, lastMs: 300_000 } as const

/** A request that is older when it comes waited for this device: there may be others behind it. */
const WAITED_MS = 10_000
/** What was asked for while this device was away is sent so long after, at the earliest: everything that waited has been read by then. */
const TOGETHER_MS = 2_000
/** Wait before the limit of answers is looked at again. */
const LIMITED_WAIT_MS = HEALING_LIMITS.hourMs / 4

/** Sends messages again: to devices that ask for them, and to those that a message has not reached. All state is durable, all of it is limited. */
export class Resends {
  readonly #core: Core
  readonly #sessions: Sessions
  readonly #outbox: Outbox

  constructor(core: Core, sessions: Sessions, outbox: Outbox) {
    this.#core = core
    this.#sessions = sessions
    this.#outbox = outbox
  }

  /**
   * Answers a resend request inside the transaction that received it: only when the device's own key signed it, only to a device
   * that the message was meant for, and within the limits. For a device of the own account that is revoked this one answers with what it heard of it.
   *
   * Requests that waited for this device (`atMs`: when they were stored) are answered a moment later, once each: who waits for an answer asks
   * up to three times, the later ones in new sessions, and reads no answer in one that it gave up. What is over the limit of an hour is sent when there is room
   * again: the one who asked counts a request without an answer as one of three. At most one row is kept for each message of the last seven days.
   */
  async answer(tx: Transaction, request: PayloadBodies['resend_request'], conversation: ConversationRow, from: AttestedDevice, atMs: number): Promise<void> {
    const core = this.#core
    const nowMs = core.time.now()
    const author = request.device ?? core.device
    const message = messageIdOf({ conversation: conversation.conversation, device: author, epoch: request.epoch, number: request.number })
    const refuse = (detail: string): void => {
      core.events.refuse({ code: 'e2ee.resend_refused', conversation: conversation.conversation, account: from.account, device: from.device, messageId: message, detail })
    }
    const signed = resendRequestBytes({
      conversation: conversation.conversation, message, ciphertextHash: request.ciphertextHash, nonce: request.nonce, account: from.account, device: from.device,
    })
    if (!verifyWithSigning(from.signingKey, signed, request.signature, core.primitives)) {
      refuse('signature')
      return
    }
    // Who is blocked is told nothing, not that somebody is here either. In a group what is said is for all its members.
    if (!isGroup(conversation) && await core.requests.isBlocked(from.account, tx)) return
    const kept = author === core.device ? await this.#own(tx, request, conversation, from) : await heardFor(core, tx, { ...request, device: author }, conversation, from)
    // Several are asked for what a revoked device said, and who did not read it has nothing to say.
    if (kept.status === 'gone' && author !== core.device) return
    if (kept.status !== 'kept') {
      refuse(kept.status === 'not_meant' ? 'not a recipient' : 'not kept')
      return
    }
    const isOwn = author === core.device
    const asked = { conversation: conversation.conversation, number: kept.template.number, ...(isOwn ? {} : { author }) }
    if (nowMs - atMs > WAITED_MS) {
      await this.#noteAsked(tx, asked, from.device, nowMs, TOGETHER_MS)
      return
    }
    const room = await takeAnswer(tx, from.device, message, nowMs)
    if (room === 'later') {
      await this.#noteAsked(tx, asked, from.device, nowMs, LIMITED_WAIT_MS)
      return
    }
    if (room === 'never') {
      refuse('limit')
      return
    }
    await this.#resend(tx, conversation, from, kept)
    // Who asks in a group may lack the sender key: it is given again with the next message.
    if (isGroup(conversation) && isOwn) tx.apply(await core.groupCiphers.lost(conversation.conversation, [from.device], tx.signal))
  }

  /** What this device said itself. A request for a message before the device joined is answered with the message at which it joined, which says so. */
  async #own(tx: Transaction, request: PayloadBodies['resend_request'], { conversation }: ConversationRow, from: AttestedDevice): Promise<Kept> {
    const chain = await readOwnChain(tx, conversation)
    const start = chain.recipients.get(from.device)
    if (start === undefined || request.epoch !== chain.epoch) return { status: 'not_meant' }
    const sent = await readSent(tx, conversation, Math.max(start, request.number))
    if (sent === undefined || this.#core.time.now() - sent.atMs > HEALING_LIMITS.keptMs) return { status: 'gone' }
    return wasMeantFor(sent, from.device) ? { status: 'kept', template: decodeTemplate(sent.template), start } : { status: 'not_meant' }
  }

  async #resend(tx: Transaction, conversation: ConversationRow, to: AttestedDevice, { template, start }: Copy): Promise<boolean> {
    const isOwn = template.senderDevice === this.#core.device
    const control = await composeControl(
      this.#core, tx, conversation, [to], { kind: 'resend', body: { payload: payloadFor(template, to, start) } }, isOwn ? { number: template.number, device: to.device } : undefined,
    )
    if (control === undefined) return false
    this.#outbox.add(tx, control)
    return true
  }

  /**
   * Notes, inside `tx`, devices that an own message has not reached although it was meant for them: they get it once there are sessions
   * with them. `firstAtMs` is since when that is so: the longer, the less often it is tried.
   */
  async noteSupplement(tx: Transaction, { conversation, number, devices, firstAtMs }: Unreached): Promise<void> {
    const before = await readSupplement(tx, { conversation, number })
    const nowMs = this.#core.time.now()
    const sinceMs = Math.min(firstAtMs, before?.firstAtMs ?? firstAtMs)
    writeSupplement(tx, {
      conversation, number, devices: [...new Set([...(before?.devices ?? []), ...devices])], firstAtMs: sinceMs,
      nextAtMs: nowMs + supplementWaitMs(nowMs - sinceMs), asked: before?.asked ?? [],
    })
  }

  /** Notes that a device asked for a message, which is sent to it in `waitMs`. */
  async #noteAsked(tx: Transaction, message: Pick<Unreached, 'conversation' | 'author' | 'number'>, device: DeviceId, nowMs: number, waitMs: number): Promise<void> {
    const before = await readSupplement(tx, message)
    // One that it has not reached so far gets it anyway.
    if (before?.devices.includes(device) === true) return
    writeSupplement(tx, {
      ...message, devices: [...before?.devices ?? [], device], asked: [...before?.asked ?? [], device], firstAtMs: before?.firstAtMs ?? nowMs,
      nextAtMs: Math.min(before?.nextAtMs ?? Infinity, nowMs + waitMs),
    })
  }

  /** Sends a message to devices that it has not reached so far. Waits for the network. */
  async supplement(row: SupplementRow): Promise<void> {
    const { conversation: conversationId, number, author, devices, asked, firstAtMs } = row
    const core = this.#core
    const nowMs = core.time.now()
    const conversation = await readConversation(core.store, conversationId)
    for (const account of conversation?.members ?? []) await core.roster.loadAccount(account)
    const ready: AttestedDevice[] = []
    for (const id of devices) {
      const device = core.roster.device(id)
      this.#sessions.recheck(id)
      if (device !== undefined && (await this.#sessions.ensure(device)) === 'ready') ready.push(device)
    }
    await core.local.write(async (tx) => {
      const done = new Set<DeviceId>()
      const isMember = conversation?.members.includes(core.account) === true
      let isLimited = false
      if (conversation !== undefined && isMember) {
        for (const device of ready) {
          const isAsked = asked.includes(device.device)
          // Somebody may have been blocked since they asked.
          const isTold = !isAsked || isGroup(conversation) || !(await core.requests.isBlocked(device.account, tx))
          const copy = isTold ? await this.#keptCopy(tx, row, conversation, device) : undefined
          if (copy === undefined) {
            done.add(device.device)
            continue
          }
          const { senderDevice, epoch } = copy.template
          const room = isAsked ? await takeAnswer(tx, device.device, messageIdOf({ conversation: conversationId, device: senderDevice, epoch, number }), nowMs) : 'now'
          if (room === 'later') isLimited = true
          if (room === 'never') done.add(device.device)
          if (room !== 'now' || !(await this.#resend(tx, conversation, device, copy))) continue
          done.add(device.device)
          // Who asks in a group may lack the sender key: it is given again with the next message.
          if (isAsked && author === undefined && isGroup(conversation)) tx.apply(await core.groupCiphers.lost(conversationId, [device.device], tx.signal))
        }
      }
      // Devices that are no longer attested, or whose account went, need nothing, nor does anybody once this account went; the others are tried again until the message is too old.
      const left = devices.filter((id) => {
        const device = core.roster.device(id)
        return isMember && !done.has(id) && device !== undefined && conversation?.members.includes(device.account) === true
      })
      const isGone = author === undefined && (await readSent(tx, conversationId, number)) === undefined
      const isOver = left.length === 0 || isGone || nowMs - firstAtMs > HEALING_LIMITS.keptMs
      writeSupplement(tx, {
        ...row, devices: isOver ? [] : left, asked: asked.filter((id) => left.includes(id)),
        nextAtMs: nowMs + (isLimited ? LIMITED_WAIT_MS : supplementWaitMs(nowMs - firstAtMs)),
      })
    })
  }

  /** What a row is about, for one device; undefined when it is not kept any more. */
  async #keptCopy(tx: Transaction, { conversation: id, number, author }: SupplementRow, conversation: ConversationRow, to: AttestedDevice): Promise<Copy | undefined> {
    if (author !== undefined) {
      const heard = await heardFor(this.#core, tx, { device: author, epoch: CHAIN_EPOCH, number }, conversation, to)
      return heard.status === 'kept' ? heard : undefined
    }
    const sent = await readSent(tx, id, number)
    const { recipients } = await readOwnChain(tx, id)
    return sent === undefined ? undefined : { template: decodeTemplate(sent.template), start: recipients.get(to.device) }
  }
}

/** A device that was added a moment ago has its prekeys on the server soon: it is looked at often at first, then less and less. */
function supplementWaitMs(ageMs: number): number {
  const { firstMs, lastMs } = SUPPLEMENT_WAIT
  return Math.min(lastMs, Math.max(firstMs, ageMs))
}

/** Takes one answer to a device for one message: `later` when it had as many as an hour allows, `never` when it had this message as often as it may. */
async function takeAnswer(tx: Transaction, device: DeviceId, message: MessageId, nowMs: number): Promise<'now' | 'later' | 'never'> {
  if (!(await takeAllowance(tx, `answers/${device}`, HEALING_LIMITS.perHour, HEALING_LIMITS.hourMs, nowMs))) return 'later'
  return await takeAllowance(tx, `answers/${device}/${message}`, HEALING_LIMITS.perMessage, HEALING_LIMITS.keptMs, nowMs) ? 'now' : 'never'
}
