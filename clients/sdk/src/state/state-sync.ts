import {
  directConversationIdOf, equalBytes,
  type ConversationId, type DeviceId, type PayloadBodies, type StateRegister, type Timer,
} from '@evegram/protocol'
import type { AttestedDevice } from '../account/account-verifier.js'
import type { Core } from '../core/context.js'
import { readConversation, type ConversationRow } from '../core/conversation-row.js'
import { ownConversation } from '../core/own-conversation.js'
import type { Transaction } from '../core/transaction.js'
import { composeMessage } from '../sync/compose.js'
import { recipientsOf } from '../sync/control.js'
import type { Outbox } from '../sync/outbox.js'
import type { Transmission } from '../sync/transmit.js'
import { hasEntries, snapshotBatches, takeEntries } from './batches.js'
import { readSync, writeSync } from './sync-row.js'

/** Bounds of telling other own devices, units last. */
export const STATE_SYNC_LIMITS = {
  /** What is written within this time of the first write goes together. */
  gatherMs: 1_000,
  /** Between two messages that tell of writes. */
  intervalMs: 2_000,
  /** A request that nobody answered is made again after this time, with the next connection. */
  askAgainMs: 24 * 3_600_000,
  /** Requests because something was lost come no more often than this. */
  askBecauseLostMs: 3_600_000,
  /** Of the devices that could answer a request each waits this much longer than the one before it; the first that answers spares the others. */
  answerStepMs: 3_000,
  /** A device that has not been told everything itself waits this long, and answers only then. */
  unsureAnswerMs: 60_000,
  /** Requests that wait to be answered; past it the oldest is left to the other devices, or to be made again. */
  answersWaitingMax: 16,
  /** After a failure that the next connection may not mend: the outbox was full, for instance. */
  retryMs: 60_000,
} as const

/** A request of another own device that this one may have to answer. */
interface Waiting {
  readonly ask: Uint8Array
  readonly sure: boolean
  readonly timer: Timer
}

/**
 * Tells the other own devices what changed, and takes in what they tell: batches of registers in the conversation of the account with itself, numbered, so that what is
 * lost is found and sent again. A new device asks for everything; one of the others answers.
 */
export class StateSync {
  readonly #core: Core
  readonly #outbox: Outbox
  readonly #transmission: Transmission
  readonly #conversation: ConversationId
  readonly #unlisten: readonly (() => void)[]
  readonly #waiting = new Map<DeviceId, Waiting>()
  #timer: Timer | undefined
  #live = false
  #running = false
  #again = false
  #lastMs = -Infinity

  constructor(core: Core, outbox: Outbox, transmission: Transmission) {
    this.#core = core
    this.#outbox = outbox
    this.#transmission = transmission
    this.#conversation = directConversationIdOf(core.account, core.account)
    core.state.whenWritten(() => { this.#plan() })
    this.#unlisten = [
      core.events.on('message-state', ({ conversation, state }) => { if (conversation === this.#conversation && state === 'failed') this.#mark('resend') }),
      core.events.on('gap', ({ conversation }) => { if (conversation === undefined || conversation === this.#conversation) this.#mark('ask') }),
    ]
  }

  /** A connection is live. */
  resume(): void {
    this.#live = true
    this.#run()
  }

  /** No connection: nothing is sent, and nobody is answered; who asked asks again. */
  pause(): void {
    this.#live = false
    this.#timer?.cancel()
    this.#timer = undefined
    for (const { timer } of this.#waiting.values()) timer.cancel()
    this.#waiting.clear()
  }

  /** Stops for good. */
  close(): void {
    this.pause()
    for (const unlisten of this.#unlisten) unlisten()
  }

  /**
   * Takes in what another own device told, in the transaction that marks its message as handled. What comes from anybody else, or in another conversation, is
   * refused: nobody but the own devices writes the state.
   */
  async take(tx: Transaction, body: PayloadBodies['state'], conversation: ConversationId, from: AttestedDevice): Promise<void> {
    const refuse = (code: 'e2ee.envelope_mismatch' | 'limited.state', detail: string): void => {
      this.#core.events.refuse({ code, conversation, account: from.account, device: from.device, detail })
    }
    if (from.account !== this.#core.account || conversation !== this.#conversation) {
      refuse('e2ee.envelope_mismatch', 'state of another account')
      return
    }
    let isFull = false
    for (const register of body.registers) isFull = (await this.#core.state.merge(tx, register)) === 'full' || isFull
    if (isFull) refuse('limited.state', 'registers')
    const { ask, answer } = body
    if (answer?.last === true) {
      const sync = await readSync(tx)
      if (!sync.answered && equalBytes(sync.ask, answer.ask)) writeSync(tx, { ...sync, answered: true })
    }
    const isSure = ask !== undefined && (await readSync(tx)).answered
    tx.afterCommit(() => {
      if (answer?.last === true) this.#spare(answer.ask)
      if (ask !== undefined) this.#owe(from.device, ask, isSure)
    })
  }

  /** Somebody else answered. */
  #spare(ask: Uint8Array): void {
    for (const [device, waiting] of this.#waiting) {
      if (!equalBytes(waiting.ask, ask)) continue
      waiting.timer.cancel()
      this.#waiting.delete(device)
    }
  }

  #owe(device: DeviceId, ask: Uint8Array, sure: boolean): void {
    this.#waiting.get(device)?.timer.cancel()
    this.#waiting.delete(device)
    const [oldest] = this.#waiting
    if (oldest !== undefined && this.#waiting.size >= STATE_SYNC_LIMITS.answersWaitingMax) {
      oldest[1].timer.cancel()
      this.#waiting.delete(oldest[0])
    }
    const others = this.#core.roster.devicesOf(this.#core.account).map((own) => own.device).filter((own) => own !== device).sort()
    const rank = Math.max(0, others.indexOf(this.#core.device))
    const delayMs = rank * STATE_SYNC_LIMITS.answerStepMs + (sure ? 0 : STATE_SYNC_LIMITS.unsureAnswerMs)
    const timer = this.#core.clock.after(delayMs, () => {
      this.#waiting.delete(device)
      this.#core.background.run('tell state', async () => {
        const row = await ownConversation(this.#core, this.#transmission)
        await this.#tellAll(row, (last) => ({ answer: { ask, last: last && sure } }))
      })
    })
    this.#waiting.set(device, { ask, sure, timer })
  }

  /** Something was lost: on the way here, or on the way to the others. Durable, and done with the next connection at the latest. */
  #mark(what: 'ask' | 'resend'): void {
    this.#core.background.run('tell state', async () => {
      const nowMs = this.#core.time.now()
      await this.#core.local.write(async (tx) => {
        const sync = await readSync(tx)
        if (what === 'resend') writeSync(tx, { ...sync, resend: true })
        else if (nowMs - sync.askedAtMs >= STATE_SYNC_LIMITS.askBecauseLostMs) writeSync(tx, { ...sync, answered: false, askedAtMs: 0 })
      })
      this.#plan()
    })
  }

  #plan(waitMs: number = STATE_SYNC_LIMITS.gatherMs): void {
    if (!this.#live || this.#timer !== undefined) return
    const sinceMs = this.#core.clock.monotonicMs() - this.#lastMs
    this.#timer = this.#core.clock.after(Math.max(waitMs, STATE_SYNC_LIMITS.intervalMs - sinceMs), () => {
      this.#timer = undefined
      this.#run()
    })
  }

  #run(): void {
    if (!this.#live) return
    if (this.#running) {
      this.#again = true
      return
    }
    this.#running = true
    this.#core.background.run('tell state', async () => {
      try {
        await this.#tell()
      } catch (error) {
        this.#plan(STATE_SYNC_LIMITS.retryMs)
        throw error
      } finally {
        this.#running = false
        this.#lastMs = this.#core.clock.monotonicMs()
        if (this.#again) this.#plan()
        this.#again = false
      }
    })
  }

  async #tell(): Promise<void> {
    const { account, local, roster, store, time, random, device } = this.#core
    const sync = await readSync(store)
    if (!roster.devicesOf(account).some((own) => own.device !== device)) {
      // Nobody to tell or to ask: whoever comes later asks for everything.
      for (let more = true; more;) more = await local.write(async (tx) => (await takeEntries(store, tx, device)).more)
      if (!sync.answered || sync.resend) await local.write(async (tx) => { writeSync(tx, { ...(await readSync(tx)), answered: true, resend: false }) })
      return
    }
    const isDue = !sync.answered && (sync.askedAtMs === 0 || time.now() - sync.askedAtMs >= STATE_SYNC_LIMITS.askAgainMs)
    if (!isDue && !sync.resend && !(await hasEntries(store))) return
    const row = await ownConversation(this.#core, this.#transmission)
    if (sync.resend) {
      await this.#tellAll(row, () => ({}))
      await local.write(async (tx) => { writeSync(tx, { ...(await readSync(tx)), resend: false }) })
    }
    let ask = isDue ? random.bytes(16) : undefined
    for (let more = true; more;) {
      const asked = ask
      ask = undefined
      more = await local.write(async (tx) => {
        const batch = await takeEntries(store, tx, device)
        if (asked !== undefined) writeSync(tx, { ...(await readSync(tx)), ask: asked, askedAtMs: time.now(), answered: false })
        if (batch.registers.length > 0 || asked !== undefined) await this.#say(tx, row, { registers: batch.registers, ...(asked === undefined ? {} : { ask: asked }) })
        return batch.more
      })
    }
  }

  /** Sends all registers, in as many messages as it takes; `also` says what else each holds, and whether it is the last. */
  async #tellAll(row: ConversationRow, also: (last: boolean) => Omit<PayloadBodies['state'], 'registers'>): Promise<void> {
    const send = (registers: readonly StateRegister[], last: boolean): Promise<void> =>
      this.#core.local.write((tx) => this.#say(tx, row, { registers, ...also(last) }))
    let held: readonly StateRegister[] = []
    for await (const batch of snapshotBatches(this.#core.store)) {
      if (held.length > 0) await send(held, false)
      held = batch
    }
    await send(held, true)
  }

  async #say(tx: Transaction, prepared: ConversationRow, body: PayloadBodies['state']): Promise<void> {
    this.#outbox.checkRoom()
    const before = (await readConversation(tx, this.#conversation)) ?? prepared
    // Devices may have gone while the network was waited for.
    if (recipientsOf(this.#core, before).length === 0) return
    const { row, first } = await composeMessage(this.#core, tx, before, { kind: 'state', body })
    for (const key of first) this.#outbox.add(tx, key)
    this.#outbox.add(tx, row)
  }
}
