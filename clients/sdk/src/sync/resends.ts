import { messageIdOf, resendRequestBytes, type DeviceId, type PayloadBodies } from '@evegram/protocol'
import type { AttestedDevice } from '../account/account-verifier.js'
import type { Core } from '../core/context.js'
import { isGroup, readConversation, type ConversationRow } from '../core/conversation-row.js'
import type { Transaction } from '../core/transaction.js'
import { verifyWithSigning } from '../crypto/device-keys.js'
import { HEALING_LIMITS, takeAllowance } from './allowance.js'
import { readOwnChain } from './chain-row.js'
import { composeControl } from './control.js'
import { heardFor, type Copy, type Kept } from './heard-copy.js'
import type { Outbox } from './outbox.js'
import { decodeTemplate, payloadFor } from './seal.js'
import { readSent, wasMeantFor } from './sent-record.js'
import type { Sessions } from './sessions.js'
import { readSupplement, writeSupplement, type Unreached } from './supplement-row.js'

/** Waits between attempts to supplement a message, units last. */
const SUPPLEMENT_WAIT = { firstMs: 30_000, lastMs: 300_000 } as const

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
   */
  async answer(tx: Transaction, request: PayloadBodies['resend_request'], conversation: ConversationRow, from: AttestedDevice): Promise<void> {
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
    if (!(await takeAllowance(tx, `answers/${from.device}/${message}`, HEALING_LIMITS.perMessage, HEALING_LIMITS.keptMs, nowMs))
      || !(await takeAllowance(tx, `answers/${from.device}`, HEALING_LIMITS.perHour, HEALING_LIMITS.hourMs, nowMs))) {
      refuse('limit')
      return
    }
    await this.#resend(tx, conversation, from, kept)
    // Who asks in a group may lack the sender key: it is given again with the next message.
    if (isGroup(conversation) && author === core.device) tx.apply(await core.groupCiphers.lost(conversation.conversation, [from.device], tx.signal))
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
    const before = await readSupplement(tx, conversation, number)
    const nowMs = this.#core.time.now()
    const sinceMs = Math.min(firstAtMs, before?.firstAtMs ?? firstAtMs)
    writeSupplement(tx, {
      conversation, number, devices: [...new Set([...(before?.devices ?? []), ...devices])], firstAtMs: sinceMs,
      nextAtMs: nowMs + supplementWaitMs(nowMs - sinceMs),
    })
  }

  /** Sends a message to devices that it has not reached so far. Waits for the network. */
  async supplement({ conversation: conversationId, number, devices, firstAtMs }: Unreached): Promise<void> {
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
      const sent = await readSent(tx, conversationId, number)
      const chain = await readOwnChain(tx, conversationId)
      const done = new Set<DeviceId>()
      const isMember = conversation?.members.includes(core.account) === true
      if (conversation !== undefined && sent !== undefined && isMember) {
        for (const device of ready) {
          if (await this.#resend(tx, conversation, device, { template: decodeTemplate(sent.template), start: chain.recipients.get(device.device) })) done.add(device.device)
        }
      }
      // Devices that are no longer attested, or whose account went, need nothing, nor does anybody once this account went; the others are tried again until the message is too old.
      const left = devices.filter((id) => {
        const device = core.roster.device(id)
        return isMember && !done.has(id) && device !== undefined && conversation?.members.includes(device.account) === true
      })
      const isOver = left.length === 0 || sent === undefined || nowMs - firstAtMs > HEALING_LIMITS.keptMs
      writeSupplement(tx, { conversation: conversationId, number, devices: isOver ? [] : left, firstAtMs, nextAtMs: nowMs + supplementWaitMs(nowMs - firstAtMs) })
    })
  }
}

/** A device that was added a moment ago has its prekeys on the server soon: it is looked at often at first, then less and less. */
function supplementWaitMs(ageMs: number): number {
  const { firstMs, lastMs } = SUPPLEMENT_WAIT
  return Math.min(lastMs, Math.max(firstMs, ageMs))
}
