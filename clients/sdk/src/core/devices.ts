import {
  equalBytes, EvegramError, isEvegramError, parseConversationId, type AccountId, type AccountState, type DeviceId, type PayloadBodies, type Timer,
} from '@evegram/protocol'
import type { AttestedDevice } from '../account/account-verifier.js'
import { composeControl, recipientsOf } from '../sync/control.js'
import type { Outbox } from '../sync/outbox.js'
import type { Transmission } from '../sync/transmit.js'
import type { Core } from './context.js'
import { asEvegramError } from './background.js'
import { CONVERSATION_PREFIX, decodeConversation, type ConversationRow } from './conversation-row.js'
import { listOwedRevocations, removeOwed, writeOwed, type OwedRevocation } from './owed-revocation.js'
import { Turns } from './turns.js'

/** Conversations that were active within this time are told end to end of a revoked device. */
const REVOCATION_TOLD_MS = 30 * 24 * 3_600_000
/** Devices that one envelope tells: some 900 bytes for each. */
const TOLD_PER_ENVELOPE_MAX = 128
/** Conversations of a profile that one read takes. */
const CONVERSATIONS_PAGE = 500
/** Wait before a server that did not answer is asked again whether it shows a revocation. */
const CHECK_AGAIN_MS = 60_000
/** Revocations that wait for that; past it they are only believed, which needs no server. */
const CHECKS_WAITING_MAX = 256

/** A revocation that the log does not show after this was never made. */
const UNSURE_MS = 600_000
/** Conversations that cannot be told for so long are not told any more: their people read it in the log. */
const TRIED_MS = 7 * 24 * 3_600_000

/** What the server shows of a revocation that a device told end to end; `untrue`: the log reaches the state that was named, and says otherwise; `unanswered` when it could not be asked. */
type RevocationCheck = 'shown' | 'withheld' | 'untrue' | 'unanswered'

/** All conversations of the profile. */
export async function allConversations(core: Core): Promise<ConversationRow[]> {
  const rows: ConversationRow[] = []
  let from = CONVERSATION_PREFIX
  for (;;) {
    const page = await core.store.list('conversations', { from, to: `${CONVERSATION_PREFIX}~`, limit: CONVERSATIONS_PAGE })
    for (const { key, value } of page) {
      rows.push(decodeConversation(parseConversationId(key.slice(CONVERSATION_PREFIX.length)), value))
      from = `${key} `
    }
    if (page.length < CONVERSATIONS_PAGE) return rows
  }
}

/** Carries revocations from device to device, so that a server cannot hide them: identity.md section 3. */
export class Revocations {
  readonly #core: Core
  readonly #outbox: Outbox
  readonly #transmission: Transmission
  /** Devices whose revocation the server could not be asked for, and when it is asked again. */
  readonly #waiting = new Map<string, Timer>()
  readonly #turns = new Turns()
  readonly #release: () => void

  constructor(core: Core, outbox: Outbox, transmission: Transmission) {
    this.#core = core
    this.#outbox = outbox
    this.#transmission = transmission
    this.#release = core.events.on('state', ({ state }) => {
      if (state === 'live') core.background.run('tell of revocations', () => this.tell())
    })
  }

  /** From now on it is owed that everybody is told, should `device` of the own account turn out to be revoked. Durable when resolved: call it before the log is changed. */
  async owe(device: DeviceId): Promise<void> {
    await this.#core.local.write((tx) => {
      writeOwed(tx, { device, sinceMs: this.#core.time.now() })
      return Promise.resolve()
    })
  }

  /**
   * Tells of every own revocation that is owed: each conversation of the last 30 days in which something may be told. Durable when resolved. One that cannot be told holds
   * up no other: it is a `fault` event, and is told with a later connection, for a week. In a group all members are told: each of them gives keys to the devices of the others.
   */
  tell(): Promise<void> {
    return this.#turns.run(async () => {
      const owed = await listOwedRevocations(this.#core.store)
      if (owed.length === 0) return
      const { state } = await this.#core.roster.refresh(this.#core.account)
      for (const row of owed) await this.#pay(state, row)
    })
  }

  async #pay(state: AccountState, row: OwedRevocation): Promise<void> {
    const { local, time } = this.#core
    const ageMs = time.now() - row.sinceMs
    if (state.devices.get(row.device)?.active !== false && ageMs < UNSURE_MS) return
    const left = state.devices.get(row.device)?.active === false ? await this.#announce(state, row) : []
    await local.write((tx) => {
      if (left.length === 0 || ageMs > TRIED_MS) removeOwed(tx, row)
      else writeOwed(tx, { ...row, left })
      return Promise.resolve()
    })
  }

  /** The conversations that could not be told. */
  async #announce(state: AccountState, { device, left }: OwedRevocation): Promise<readonly ConversationRow['conversation'][]> {
    const core = this.#core
    const nowMs = core.time.now()
    const body = { account: core.account, device, seq: state.seq, head: state.head }
    const failed: ConversationRow['conversation'][] = []
    for (const conversation of await allConversations(core)) {
      if (left?.includes(conversation.conversation) === false) continue
      if (nowMs - conversation.activeAtMs > REVOCATION_TOLD_MS || !(await core.requests.mayTell(core.store, conversation))) continue
      try {
        await this.#tellIn(conversation, body)
      } catch (cause) {
        failed.push(conversation.conversation)
        core.events.emit('fault', { operation: 'tell of revocation', error: asEvegramError(cause, 'tell of revocation') })
      }
    }
    return failed
  }

  async #tellIn(conversation: ConversationRow, body: PayloadBodies['revocation']): Promise<void> {
    const core = this.#core
    await this.#transmission.prepare(conversation)
    await core.local.write(async (tx) => {
      const recipients = recipientsOf(core, conversation)
      for (let from = 0; from < recipients.length; from += TOLD_PER_ENVELOPE_MAX) {
        const row = await composeControl(core, tx, conversation, recipients.slice(from, from + TOLD_PER_ENVELOPE_MAX), { kind: 'revocation', body })
        if (row !== undefined) this.#outbox.add(tx, row)
      }
    })
  }

  /** A peer (or an own device) says that a device of its account is revoked: the server has to show it, and is not needed to believe it. */
  async receive(notice: PayloadBodies['revocation'], from: AttestedDevice): Promise<void> {
    const { roster, accounts, local, events } = this.#core
    const { account } = from
    const check = await this.#check(notice, account)
    if (check === 'untrue') {
      events.refuse({ code: 'e2ee.envelope_mismatch', account, device: from.device, detail: 'revocation that its account log denies' })
      return
    }
    if (check !== 'shown') {
      // The owner's own device says so over a session that only it has: nothing more is encrypted for the revoked one.
      const change = roster.distrust(account, notice.device)
      if (change !== undefined) await local.store.commit([change])
    }
    if (check === 'unanswered') this.#checkLater(notice, from)
    // A session is the device's, whoever speaks of it: only what the log of the sender's account has is the sender's to end.
    const log = (await accounts.known(account))?.state.devices
    const attested = await accounts.attestedDevices(account)
    if (log?.has(notice.device) === true && !attested.some(({ device }) => device === notice.device)) {
      await local.write((tx) => {
        tx.apply(this.#core.ciphers.forget(notice.device))
        return Promise.resolve()
      })
    }
  }

  /** Stops waiting for servers that did not answer, and tells of nothing more. */
  close(): void {
    this.#release()
    for (const timer of this.#waiting.values()) timer.cancel()
    this.#waiting.clear()
  }

  /** Whether the server shows what a notice says. Raises the alarm when it answers with something else: only then can it be accused. */
  async #check(notice: PayloadBodies['revocation'], account: AccountId): Promise<RevocationCheck> {
    const { roster, accounts } = this.#core
    try {
      const { state } = await roster.refresh(account)
      if (state.seq >= notice.seq && state.devices.get(notice.device)?.active === false) {
        const fork = state.seq === notice.seq && !equalBytes(state.head, notice.head)
        if (fork) roster.alarm(account, new EvegramError('account.log_rolled_back', { operation: 'check revocation' }))
        return 'shown'
      }
      // A device that was revoked is never active again: where the log goes on from the state that was named, it was not revoked there.
      if (state.seq >= notice.seq && (await accounts.expectHead(account, notice.seq, notice.head)).status === 'known') return 'untrue'
      roster.alarm(account, new EvegramError('account.log_withheld', { operation: 'check revocation', details: { seq: notice.seq } }))
      return 'withheld'
    } catch (error) {
      // A log that cannot be believed was told by the refresh.
      return isEvegramError(error) && error.code.startsWith('account.') ? 'withheld' : 'unanswered'
    }
  }

  #checkLater(notice: PayloadBodies['revocation'], from: AttestedDevice): void {
    const { clock, background } = this.#core
    const key = `${from.account}/${notice.device}`
    if (background.closed || (this.#waiting.size >= CHECKS_WAITING_MAX && !this.#waiting.has(key))) return
    this.#waiting.get(key)?.cancel()
    this.#waiting.set(key, clock.after(CHECK_AGAIN_MS, () => {
      this.#waiting.delete(key)
      background.run('check revocation', () => this.receive(notice, from))
    }))
  }
}
