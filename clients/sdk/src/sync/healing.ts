import { isEvegramError, LIMITS, messageIdOf, parseMessageId, positionAtTime, resendRequestBytes, type Page, type Timer } from '@evegram/protocol'
import type { AttestedDevice } from '../account/account-verifier.js'
import { asEvegramError } from '../core/background.js'
import type { Core } from '../core/context.js'
import { newConversation, readConversation, writeConversation } from '../core/conversation-row.js'
import type { AskConsent } from '../core/message-requests.js'
import { isTaken, readHandled } from '../core/handled.js'
import type { Transaction } from '../core/transaction.js'
import { signWithSigning } from '../crypto/device-keys.js'
import { ALLOWANCE_PREFIX, HEALING_LIMITS, hasAllowance, isSpent, takeAllowance } from './allowance.js'
import { chainKey, decodeChain, encodeChain, readChain, type ChainRow } from './chain-row.js'
import { awaitedRanges, isIncomplete, missingRanges, nameMissing, nameNumber, type GapReason, type NamedGap } from './chain-state.js'
import { composeControl } from './control.js'
import { decodeGap, GAP_PREFIX, gapKey, type GapRow } from './gap-row.js'
import { KeptCopies } from './kept-copies.js'
import type { Outbox } from './outbox.js'
import type { Receiver } from './receive.js'
import type { Resends } from './resends.js'
import type { Sessions } from './sessions.js'
import { decodeSupplement, SUPPLEMENT_PREFIX } from './supplement-row.js'
import { decodeUnread, readUnread, UNREAD_PREFIX, unreadKey, writeUnread, type UnreadRow } from './unread-row.js'

/** How often what waits is looked at. */
const HEALING_INTERVAL_MS = 5_000
/** Rows of a kind that one round takes. */
const ROWS_PER_ROUND = 64
/** Messages that may wait to be read; past it more are counted as refused, and are found again as gaps of their chains. */
const UNREAD_MAX = 2_000
/** Pages of the log that one repair reads. */
const REPAIR_PAGES_MAX = 16
/** Missing numbers of one chain that are looked at one by one when they are named. */
const NUMBERS_LOOKED_AT_MAX = 512
/** Missing messages of one gap that are asked for. */
const ASKED_PER_GAP_MAX = 32
/** Waits before the next request for the same message. */
const REQUEST_WAITS_MS: readonly number[] = [60_000, 600_000, 3_600_000]
/** A message that cannot be read is named after this, while it is still asked for: a first answer needs no longer where its sender is there. */
const NAMED_AFTER_MS = 60_000
/** Devices that are asked at a time for what a revoked one of their account said. */
const VOUCHERS_MAX = 8
/** How often it is looked whether the user has decided about somebody who is not asked before. */
const CONSENT_LOOK_MS = 30_000
/** Wait before an account that could not be asked for is asked for again. */
const UNDECIDED_WAIT_MS = 15_000
/** How often a message is looked at that was asked for as often as it may be: its sender may be revoked, and then the other devices of its account are asked. */
const ASKED_OUT_LOOK_MS = 3_600_000
/** Messages that wait to be read up to which those wait on that were asked for as often as they may be; past it they make room. */
const ASKED_OUT_MAX = UNREAD_MAX / 2

/** Gets back what is missing or unreadable: from the log, or by asking its sender. All state is durable, all of it is limited. */
export class Healing {
  readonly #core: Core
  readonly #sessions: Sessions
  readonly #outbox: Outbox
  readonly #receiver: Receiver
  readonly #resends: Resends
  readonly #copies: KeptCopies
  #timer: Timer | undefined
  #running = false
  #again = false
  #unread = 0
  readonly #places = new Map<string, { readonly from: string; readonly seen: number }>()

  constructor(core: Core, sessions: Sessions, outbox: Outbox, receiver: Receiver, resends: Resends) {
    this.#core = core
    this.#sessions = sessions
    this.#outbox = outbox
    this.#receiver = receiver
    this.#resends = resends
    this.#copies = new KeptCopies(core)
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
      const row = this.#known(decodeUnread(parseMessageId(key.slice(UNREAD_PREFIX.length)), value), nowMs)
      if (row.nextAtMs <= nowMs) await this.#guard('heal message', () => this.#heal(row, nowMs))
    }
    for (const { value } of await this.#rows(SUPPLEMENT_PREFIX)) {
      const row = decodeSupplement(value)
      if (row.nextAtMs <= nowMs) await this.#guard('supplement message', () => this.#resends.supplement(row))
    }
    await this.#prune(nowMs)
    await this.#copies.step()
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
      if (current === undefined || !isIncomplete(decodeChain(current))) return
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
      // What came and cannot be read was not withheld by anybody.
      const came = await this.#nameUnread(tx, gap, chain)
      const { state, named: others } = nameMissing(came.chain, isOld ? 'expired' : 'withheld')
      const named = [...others, ...came.named].sort((left, right) => left.from - right.from)
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

  /** Names the missing numbers of a chain that something came for, each for what it is. */
  async #nameUnread(tx: Transaction, { conversation, account, device, epoch }: GapRow, before: ChainRow): Promise<{ readonly chain: ChainRow; readonly named: readonly NamedGap[] }> {
    let chain = before
    const named: NamedGap[] = []
    let looked = 0
    for (const { from, to } of [...awaitedRanges(before), ...missingRanges(before)]) {
      for (let number = from; number <= to && looked < NUMBERS_LOOKED_AT_MAX; number++, looked++) {
        const unread = await readUnread(tx, messageIdOf({ conversation, device, epoch, number }))
        if (unread === undefined || unread.reason === 'missing' || unread.reason === 'undecided') continue
        const reason = this.#reasonOf(account, device)
        const state = nameNumber(chain, number, reason)
        if (state === undefined) continue
        chain = { ...chain, ...state }
        named.push({ from: number, to: number, reason })
      }
    }
    return { chain, named }
  }

  /** Why what came of a device is not shown. */
  #reasonOf(account: UnreadRow['account'], device: UnreadRow['device']): GapReason {
    return this.#core.roster.formerDevice(account, device) === undefined ? 'unreadable' : 'sender_revoked'
  }

  /** A message by what is known of its sender by now: once that is revoked, others are asked, from the beginning and at once. */
  #known(row: UnreadRow, nowMs: number): UnreadRow {
    const isNews = (row.reason === 'unreadable' || row.reason === 'missing') && this.#core.roster.formerDevice(row.account, row.device) !== undefined
    return isNews ? { ...row, reason: 'revoked', requests: 0, nextAtMs: nowMs } : row
  }

  async #heal(row: UnreadRow, nowMs: number): Promise<void> {
    const consent = row.reason === 'undecided' ? 'now' : await this.#consentTo(row, nowMs)
    // Who is not asked does not answer: what waits for the user has its name at once, and nobody has to see a gap where blocked people write.
    if (row.reason !== 'undecided' && (consent === 'waits' || (consent === 'now' && nowMs - row.firstAtMs >= NAMED_AFTER_MS))) await this.#nameOne(row)
    const isAskedOut = row.reason !== 'undecided' && row.requests >= HEALING_LIMITS.perMessage
    if (nowMs - row.firstAtMs > HEALING_LIMITS.keptMs || (isAskedOut && (row.reason === 'revoked' || this.#unread > ASKED_OUT_MAX))) {
      await this.#change(row, undefined)
      return
    }
    if (isAskedOut) {
      // Its sender may be away, and answers when it is back.
      await this.#change(row, { ...row, nextAtMs: nowMs + ASKED_OUT_LOOK_MS })
      await this.#core.roster.loadAccount(row.account)
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
    if (consent === 'now') await this.#ask(row, nowMs)
    else await this.#change(row, { ...row, nextAtMs: nowMs + CONSENT_LOOK_MS })
  }

  /** Whether its sender may be asked: to ask is to tell them that it came. The first message of a stranger may be the one that cannot be read. */
  #consentTo({ conversation, account }: UnreadRow, nowMs: number): Promise<AskConsent> {
    const core = this.#core
    return core.local.write(async (tx) => {
      const known = await readConversation(tx, conversation)
      const row = known ?? newConversation(core.account, account, nowMs)
      // With whom an own device began one is in what it said.
      if (row.conversation !== conversation) return 'now'
      const consent = await core.requests.mayAsk(tx, row, account)
      if (consent === 'waits' && known === undefined) writeConversation(tx, row)
      return consent
    })
  }

  #change(row: UnreadRow, next: UnreadRow | undefined): Promise<void> {
    return this.#core.local.write(async (tx) => {
      if ((await tx.get('healing', unreadKey(row.messageId))) === undefined) return
      if (next === undefined) tx.remove('healing', unreadKey(row.messageId))
      else writeUnread(tx, next)
    })
  }

  /** Says of a message that it is not here, and why, unless that was said or it came meanwhile. */
  async #nameOne({ messageId, conversation, account, device, epoch, number }: UnreadRow): Promise<void> {
    const core = this.#core
    await core.roster.loadAccount(account)
    await core.local.write(async (tx) => {
      if (isTaken(await readHandled(tx, messageId))) return
      // The first message of a new conversation may be the one that cannot be read.
      const known = (await readConversation(tx, conversation)) ?? newConversation(core.account, account, core.time.now())
      const isKnown = known.conversation === conversation
      // With whom an own device began one is in what it said.
      if (!isKnown && account !== core.account) return
      const chain = await readChain(tx, conversation, { account, device }, epoch)
      const reason = this.#reasonOf(account, device)
      const state = nameNumber(chain, number, reason)
      if (state === undefined) return
      if (isKnown) writeConversation(tx, known)
      tx.put('chains', chainKey(conversation, device, epoch), encodeChain({ ...chain, ...state }))
      tx.afterCommit(() => { core.events.emit('gap', { conversation, account, device, epoch, from: number, to: number, reason }) })
    })
  }

  /** Who can send a message again: its sender, or once that is revoked the other devices of its account. */
  #askedFor({ account, device }: UnreadRow): readonly AttestedDevice[] {
    const { roster, device: self } = this.#core
    const sender = roster.device(device)
    return sender === undefined ? roster.devicesOf(account).filter((other) => other.device !== self).slice(0, VOUCHERS_MAX) : [sender]
  }

  /** Asks for a message, in a new session when the old one seems to be lost. */
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
    const limited: UnreadRow = { ...row, nextAtMs: nowMs + HEALING_LIMITS.hourMs / 4 }
    if (!(await hasAllowance(core.store, 'requests', HEALING_LIMITS.perHour, HEALING_LIMITS.hourMs, nowMs))) {
      // Before a session is given up for a request that is not sent.
      await this.#change(row, limited)
      return
    }
    for (const account of conversation.members) await core.roster.loadAccount(account)
    const targets: AttestedDevice[] = []
    const asked = this.#askedFor(row)
    if (asked.length === 0 && core.roster.formerDevice(row.account, row.device) !== undefined) {
      // Nobody is left who could answer. Its name stays, and a copy that comes still finds its place.
      await this.#nameOne(row)
      await this.#change(row, undefined)
      return
    }
    for (const target of asked) {
      // The first request may still go through the old session; when nothing came of it, a new one is worth its keys.
      if (row.requests > 0) await this.#reset(target, nowMs)
      this.#sessions.recheck(target.device)
      if ((await this.#sessions.ensure(target)) === 'ready') targets.push(target)
    }
    if (targets.length === 0) {
      await this.#change(row, later)
      return
    }
    // What another device is asked for names the one that said it.
    const author = targets.some(({ device }) => device === row.device) ? {} : { device: row.device }
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
        const control = await composeControl(core, tx, conversation, targets, {
          kind: 'resend_request', body: { epoch, number, ...author, ciphertextHash, nonce, signature },
        })
        if (control !== undefined) this.#outbox.add(tx, control)
      } else writeUnread(tx, limited)
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
}
