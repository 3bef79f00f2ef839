import {
  isEvegramError, LIMITS, messageIdOf, parseMessageId, positionAtTime, resendRequestBytes,
  type DeviceId, type Page, type PayloadBodies, type Timer,
} from '@evegram/protocol'
import type { AttestedDevice } from '../account/account-verifier.js'
import { asEvegramError } from '../core/background.js'
import type { Core } from '../core/context.js'
import { isGroup, newConversation, readConversation, writeConversation, type ConversationRow } from '../core/conversation-row.js'
import type { Transaction } from '../core/transaction.js'
import { signWithSigning, verifyWithSigning } from '../crypto/device-keys.js'
import { ALLOWANCE_PREFIX, HEALING_LIMITS, isSpent, takeAllowance } from './allowance.js'
import { chainKey, decodeChain, encodeChain, readOwnChain } from './chain-row.js'
import { missingRanges, nameMissing } from './chain-state.js'
import { composeControl } from './control.js'
import { decodeGap, GAP_PREFIX, gapKey, type GapRow } from './gap-row.js'
import type { Outbox } from './outbox.js'
import type { Receiver } from './receive.js'
import { decodeTemplate, payloadFor } from './seal.js'
import { readSent, wasMeantFor } from './sent-record.js'
import type { Sessions } from './sessions.js'
import { decodeSupplement, readSupplement, SUPPLEMENT_PREFIX, writeSupplement, type Unreached } from './supplement-row.js'
import { decodeUnread, readUnread, UNREAD_PREFIX, unreadKey, writeUnread, type UnreadRow } from './unread-row.js'

/** How often what waits is looked at. */
const HEALING_INTERVAL_MS = 5_000
/** Rows of a kind that one round takes. */
const ROWS_PER_ROUND = 64
/** Messages that may wait to be read; past it more are counted as refused, and are found again as gaps of their chains. */
const UNREAD_MAX = 2_000
/** Pages of the log that one repair reads. */
const REPAIR_PAGES_MAX = 16
/** Missing messages of one gap that are asked for. */
const ASKED_PER_GAP_MAX = 32
/** Waits before the next request for the same message. */
const REQUEST_WAITS_MS: readonly number[] = [60_000, 600_000, 3_600_000]
/** Waits between attempts to supplement a message, units last. */
const SUPPLEMENT_WAIT = { firstMs: 30_000, lastMs: 300_000 } as const
/** Wait before an account that could not be asked for is asked for again. */
const UNDECIDED_WAIT_MS = 15_000

/** Gets back what is missing or unreadable: from the log, or by asking its sender. All state is durable, all of it is limited. */
export class Healing {
  readonly #core: Core
  readonly #sessions: Sessions
  readonly #outbox: Outbox
  readonly #receiver: Receiver
  #timer: Timer | undefined
  #running = false
  #again = false
  #unread = 0
  readonly #places = new Map<string, { readonly from: string; readonly seen: number }>()

  constructor(core: Core, sessions: Sessions, outbox: Outbox, receiver: Receiver) {
    this.#core = core
    this.#sessions = sessions
    this.#outbox = outbox
    this.#receiver = receiver
  }

  /** A connection is live. */
  resume(): void {
    this.#timer ??= this.#core.clock.every(HEALING_INTERVAL_MS, () => { this.wake() })
    this.wake()
  }

  /** No connection. */
  pause(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** Looks at what waits, unless that is going on already. */
  wake(): void {
    if (this.#timer === undefined) return
    if (this.#running) {
      this.#again = true
      return
    }
    this.#running = true
    this.#core.background.run('heal', async () => {
      try {
        do {
          this.#again = false
          await this.#round()
        } while (this.#again && this.#timer !== undefined)
      } finally {
        this.#running = false
      }
    })
  }

  async #round(): Promise<void> {
    const nowMs = this.#core.time.now()
    for (const { value } of await this.#rows(GAP_PREFIX)) {
      const row = decodeGap(value)
      if (row.nextAtMs <= nowMs) await this.#guard('repair chain', () => this.#repair(row))
    }
    for (const { key, value } of await this.#rows(UNREAD_PREFIX)) {
      const row = decodeUnread(parseMessageId(key.slice(UNREAD_PREFIX.length)), value)
      if (row.nextAtMs <= nowMs) await this.#guard('heal message', () => this.#heal(row, nowMs))
    }
    for (const { value } of await this.#rows(SUPPLEMENT_PREFIX)) {
      const row = decodeSupplement(value)
      if (row.nextAtMs <= nowMs) await this.#guard('supplement message', () => this.#supplement(row.conversation, row.number, row.devices, row.firstAtMs))
    }
    await this.#prune(nowMs)
  }

  /** What fails for one row must not keep the others waiting; its own time comes again. */
  async #guard(operation: string, job: () => Promise<void>): Promise<void> {
    try {
      await job()
    } catch (cause) {
      if (isEvegramError(cause, 'client.store') || this.#timer === undefined) throw cause
      this.#core.events.emit('fault', { operation, error: asEvegramError(cause, operation) })
    }
  }

  /** The next rows of a kind: round by round through all of them, so that none waits behind others that are not due. */
  async #rows(prefix: string): Promise<readonly { readonly key: string; readonly value: Uint8Array }[]> {
    const place = this.#places.get(prefix) ?? { from: prefix, seen: 0 }
    const rows = await this.#core.store.list('healing', { from: place.from, to: `${prefix}~`, limit: ROWS_PER_ROUND })
    const last = rows.at(-1)
    const isEnd = rows.length < ROWS_PER_ROUND || last === undefined
    if (isEnd && prefix === UNREAD_PREFIX) this.#unread = place.seen + rows.length
    this.#places.set(prefix, isEnd ? { from: prefix, seen: 0 } : { from: `${last.key} `, seen: place.seen + rows.length })
    return rows
  }

  /** Takes room for one more unread message; false when there is none. */
  takeRoom(): boolean {
    if (this.#unread >= UNREAD_MAX) return false
    this.#unread += 1
    return true
  }

  /** Uses of limits that count no more are forgotten. */
  async #prune(nowMs: number): Promise<void> {
    const rows = await this.#rows(ALLOWANCE_PREFIX)
    const stale = rows.filter(({ value }) => isSpent(value, nowMs))
    if (stale.length === 0) return
    await this.#core.local.write(async (tx) => {
      for (const { key } of stale) {
        const value = await tx.get('healing', key)
        if (value !== undefined && isSpent(value, nowMs)) tx.remove('healing', key)
      }
    })
  }

  /** Reads the log again from the last sound place; what is still missing then gets a name, and its sender is asked. */
  async #repair(gap: GapRow): Promise<void> {
    const core = this.#core
    const key = chainKey(gap.conversation, gap.device, gap.epoch)
    const row = await core.store.get('chains', key)
    const connection = core.connection()
    if (row === undefined || connection === undefined) return
    let after = positionAtTime(Math.max(0, decodeChain(row).soundAtMs - LIMITS.overlapMs))
    for (let pages = 0; pages < REPAIR_PAGES_MAX; pages++) {
      const page: Page = await connection.read({ conversation: gap.conversation, after, limit: LIMITS.pageEnvelopesMax })
      await this.#receiver.receive(page.deliveries)
      const last = page.deliveries.at(-1)
      const current = await core.store.get('chains', key)
      if (current === undefined || missingRanges(decodeChain(current)).length === 0) return
      if (!page.more || last === undefined) break
      after = last.position
    }
    await this.#name(gap, key)
  }

  #name(gap: GapRow, key: string): Promise<void> {
    const core = this.#core
    return core.local.write(async (tx) => {
      const bytes = await tx.get('chains', key)
      if (bytes === undefined) return
      const chain = decodeChain(bytes)
      const nowMs = core.time.now()
      const isOld = chain.soundAtMs > 0 && nowMs - chain.soundAtMs > LIMITS.retentionMs
      const { state, named } = nameMissing(chain, isOld ? 'expired' : 'withheld')
      tx.put('chains', key, encodeChain({ ...chain, ...state }))
      tx.remove('healing', gapKey(gap.conversation, gap.device, gap.epoch))
      const { conversation, account, device, epoch } = gap
      let asked = 0
      for (const { from, to, reason } of named) {
        tx.afterCommit(() => { core.events.emit('gap', { conversation, account, device, epoch, from, to, reason }) })
        // The newest ones matter most to a reader, and tell a new device where it joined.
        for (let number = to; number >= from && asked < ASKED_PER_GAP_MAX; number--, asked++) {
          const messageId = messageIdOf({ conversation, device, epoch, number })
          if ((await tx.get('healing', unreadKey(messageId))) !== undefined) continue
          writeUnread(tx, {
            messageId, conversation, account, device, epoch, number, reason: 'missing', sessionLost: false, ciphertextHash: new Uint8Array(32),
            envelope: new Uint8Array(0), positionMs: 0, firstAtMs: nowMs, nextAtMs: nowMs, requests: 0,
          })
        }
      }
    })
  }

  async #heal(row: UnreadRow, nowMs: number): Promise<void> {
    if (nowMs - row.firstAtMs > HEALING_LIMITS.keptMs || (row.reason !== 'undecided' && row.requests >= HEALING_LIMITS.perMessage)) {
      await this.#change(row, undefined)
      return
    }
    if (row.reason === 'undecided') {
      await this.#change(row, { ...row, nextAtMs: nowMs + UNDECIDED_WAIT_MS })
      const arrivedAtMs = this.#core.clock.monotonicMs() - Math.max(0, nowMs - row.firstAtMs)
      const kept = await this.#receiver.receive([{ position: positionAtTime(row.positionMs), envelope: row.envelope }], arrivedAtMs)
      // Still undecided: the row stands with its new time. Anything else is decided now.
      if (kept.has(row.messageId)) return
      const left = await readUnread(this.#core.store, row.messageId)
      if (left?.reason === 'undecided') await this.#change(left, undefined)
      return
    }
    await this.#ask(row, nowMs)
  }

  #change(row: UnreadRow, next: UnreadRow | undefined): Promise<void> {
    return this.#core.local.write(async (tx) => {
      if ((await tx.get('healing', unreadKey(row.messageId))) === undefined) return
      if (next === undefined) tx.remove('healing', unreadKey(row.messageId))
      else writeUnread(tx, next)
    })
  }

  /** Asks the sender for a message, in a new session when the old one seems to be lost. */
  async #ask(row: UnreadRow, nowMs: number): Promise<void> {
    const core = this.#core
    const known = await readConversation(core.store, row.conversation)
    // The first message of a new conversation may be the one that cannot be read.
    const conversation = known ?? newConversation(core.account, row.account, nowMs)
    const later: UnreadRow = { ...row, nextAtMs: nowMs + (REQUEST_WAITS_MS[row.requests] ?? 3_600_000) }
    if (conversation.conversation !== row.conversation) {
      await this.#change(row, later)
      return
    }
    for (const account of conversation.members) await core.roster.loadAccount(account)
    const target = core.roster.device(row.device)
    if (target === undefined) {
      await this.#change(row, later)
      return
    }
    // The first request may still go through the old session; when nothing came of it, a new one is worth its keys.
    if (row.reason === 'unreadable' && row.requests > 0) await this.#reset(target, nowMs)
    this.#sessions.recheck(target.device)
    if ((await this.#sessions.ensure(target)) !== 'ready') {
      await this.#change(row, later)
      return
    }
    await core.local.write(async (tx) => {
      if ((await tx.get('healing', unreadKey(row.messageId))) === undefined) return
      if (known === undefined) writeConversation(tx, (await readConversation(tx, row.conversation)) ?? conversation)
      writeUnread(tx, { ...later, requests: row.requests + 1 })
      if (await takeAllowance(tx, 'requests', HEALING_LIMITS.perHour, HEALING_LIMITS.hourMs, nowMs)) {
        const nonce = core.random.bytes(16)
        const { ciphertextHash, epoch, number } = row
        const signature = signWithSigning(core.keys, resendRequestBytes({
          conversation: row.conversation, message: row.messageId, ciphertextHash, nonce, account: core.account, device: core.device,
        }))
        const control = await composeControl(core, tx, conversation, [target], {
          kind: 'resend_request', body: { epoch, number, ciphertextHash, nonce, signature },
        })
        if (control !== undefined) this.#outbox.add(tx, control)
      } else writeUnread(tx, { ...row, nextAtMs: nowMs + HEALING_LIMITS.hourMs / 4 })
    })
  }

  #reset(target: AttestedDevice, nowMs: number): Promise<void> {
    const core = this.#core
    return core.local.write(async (tx) => {
      if (!(await takeAllowance(tx, `resets/${target.device}`, HEALING_LIMITS.resetsPerHour, HEALING_LIMITS.hourMs, nowMs))) return
      tx.apply(await core.ciphers.resetSession(target.device, tx.signal))
      this.#sessions.retry(target.device)
    })
  }

  /**
   * Answers a resend request inside the transaction that received it: only when the device's own key signed it, only to a device
   * that the message was meant for, and within the limits. A request for a message before the device joined is answered with the
   * message at which it joined, which says so.
   */
  async answer(tx: Transaction, request: PayloadBodies['resend_request'], conversation: ConversationRow, from: AttestedDevice): Promise<void> {
    const core = this.#core
    const nowMs = core.time.now()
    const message = messageIdOf({ conversation: conversation.conversation, device: core.device, epoch: request.epoch, number: request.number })
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
    const chain = await readOwnChain(tx, conversation.conversation)
    const start = chain.recipients.get(from.device)
    if (start === undefined || request.epoch !== chain.epoch) {
      refuse('not a recipient')
      return
    }
    const sent = await readSent(tx, conversation.conversation, Math.max(start, request.number))
    if (sent === undefined || nowMs - sent.atMs > HEALING_LIMITS.keptMs) {
      refuse('not kept')
      return
    }
    if (!wasMeantFor(sent, from.device)) {
      refuse('not a recipient')
      return
    }
    if (!(await takeAllowance(tx, `answers/${from.device}/${message}`, HEALING_LIMITS.perMessage, HEALING_LIMITS.keptMs, nowMs))
      || !(await takeAllowance(tx, `answers/${from.device}`, HEALING_LIMITS.perHour, HEALING_LIMITS.hourMs, nowMs))) {
      refuse('limit')
      return
    }
    await this.#resend(tx, conversation, from, sent.template, start)
    // Who asks in a group may lack the sender key: it is given again with the next message.
    if (isGroup(conversation)) tx.apply(await core.groupCiphers.lost(conversation.conversation, [from.device], tx.signal))
  }

  async #resend(tx: Transaction, conversation: ConversationRow, to: AttestedDevice, template: Uint8Array, start: number | undefined): Promise<boolean> {
    const message = decodeTemplate(template)
    const control = await composeControl(this.#core, tx, conversation, [to], { kind: 'resend', body: { payload: payloadFor(message, to, start) } }, {
      number: message.number, device: to.device,
    })
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

  async #supplement(conversationId: ConversationRow['conversation'], number: number, devices: readonly DeviceId[], firstAtMs: number): Promise<void> {
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
          if (await this.#resend(tx, conversation, device, sent.template, chain.recipients.get(device.device))) done.add(device.device)
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
