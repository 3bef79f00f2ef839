import { LIMITS, SIGNAL_KIND, type AccountId, type ConversationId, type DeviceId, type Signalled, type SignalKind, type Timer } from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { isBelieved } from './believed-signal.js'
import type { SignalWish } from './signal-wish.js'

/** Without a further word of the program, own typing ends after this long. */
export const TYPING_IDLE_MS = 6_000
/** Conversations in which this device types at once; beyond it nothing is told. */
export const TYPING_OWN_MAX = 64
/** Devices of others that are held to be typing; beyond it those who begin are not shown. */
export const TYPING_SHOWN_MAX = 1_024

interface OwnTyping {
  /** When the server was told last on this connection, on the monotonic clock; undefined when it was not. */
  toldMs: number | undefined
  idle: Timer
}

interface ShownTyping {
  readonly conversation: ConversationId
  readonly account: AccountId
  readonly address: string
  readonly devices: Map<DeviceId, Timer>
}

/**
 * Who types, told and heard. Nothing of it is stored, and all of it may be lost: what is shown ends by itself, and what goes on is said again.
 * The server is asked for it only while the program listens to `typing`.
 */
export class Typing {
  readonly #core: Core
  readonly #wish: SignalWish
  readonly #own = new Map<ConversationId, OwnTyping>()
  readonly #shown = new Map<string, ShownTyping>()
  #shownDevices = 0
  readonly #ends: readonly (() => void)[]

  constructor(core: Core, wish: SignalWish) {
    this.#core = core
    this.#wish = wish
    this.#ends = [
      core.events.watch('typing', (listens) => { this.#listen(listens) }),
      core.privacy.watch((setting, tells) => {
        if (setting !== 'typing.tell') return
        // It works both ways: who does not tell is not told, and what was told ends now.
        if (!tells) for (const [conversation] of [...this.#own]) this.say(conversation, false)
        this.#listen(core.events.listens('typing'))
      }),
      // Who sent a message is done with it, whether or not that was said.
      core.events.on('message', ({ conversation, fromAccount, fromDevice }) => { this.#gone(conversation, fromAccount, fromDevice) }),
    ]
  }

  /** The user types in the conversation, or does so no more. Call it at every key: the server is told when something changes, and now and then. */
  say(conversation: ConversationId, types: boolean): void {
    const { clock } = this.#core
    const own = this.#own.get(conversation)
    own?.idle.cancel()
    if (!types) {
      this.#own.delete(conversation)
      if (own?.toldMs !== undefined) this.#tell(SIGNAL_KIND.typingStopped, conversation)
      return
    }
    // A stranger is told nothing before the user decided, and nobody where the user does not want it.
    if (this.#core.requests.isWaiting(conversation) || !this.#core.privacy.tellsNow('typing.tell')) return
    if (own === undefined && this.#own.size >= TYPING_OWN_MAX) return
    const idle = clock.after(TYPING_IDLE_MS, () => { this.say(conversation, false) })
    const isDue = own?.toldMs === undefined || clock.monotonicMs() - own.toldMs >= LIMITS.typingRenewMs
    const toldMs = isDue && this.#tell(SIGNAL_KIND.typingStarted, conversation) ? clock.monotonicMs() : own?.toldMs
    this.#own.set(conversation, { toldMs, idle })
  }

  /** The connection is gone: the next one is told anew. */
  pause(): void {
    for (const own of this.#own.values()) own.toldMs = undefined
  }

  /** A signal came, of whatever kind. Resolves when it was dealt with; only a member and an attested device that this profile knows is believed to be meant. */
  async heard({ kind, conversation, account, device }: Signalled): Promise<void> {
    if (kind === SIGNAL_KIND.typingStopped) return this.#gone(conversation, account, device)
    if (kind !== SIGNAL_KIND.typingStarted || !this.#isWatched) return
    if (await isBelieved(this.#core, { conversation, account, device })) this.#show(conversation, account, device)
  }

  /** Forgets everything. */
  close(): void {
    for (const end of this.#ends) end()
    for (const { idle } of this.#own.values()) idle.cancel()
    this.#own.clear()
    this.#forgetShown()
  }

  #show(conversation: ConversationId, account: AccountId, device: DeviceId): void {
    const { clock, events, roster } = this.#core
    const key = `${conversation}/${account}`
    const before = this.#shown.get(key)
    const running = before?.devices.get(device)
    if (running === undefined && this.#shownDevices >= TYPING_SHOWN_MAX) return
    running?.cancel()
    if (running === undefined) this.#shownDevices++
    const shown = before ?? { conversation, account, address: roster.addressOf(account), devices: new Map<DeviceId, Timer>() }
    shown.devices.set(device, clock.after(LIMITS.typingShownMs, () => { this.#gone(conversation, account, device) }))
    this.#shown.set(key, shown)
    if (before === undefined) events.emit('typing', { conversation, account, address: shown.address, typing: true })
  }

  #gone(conversation: ConversationId, account: AccountId, device: DeviceId): void {
    const key = `${conversation}/${account}`
    const shown = this.#shown.get(key)
    const timer = shown?.devices.get(device)
    if (shown === undefined || timer === undefined) return
    timer.cancel()
    shown.devices.delete(device)
    this.#shownDevices--
    if (shown.devices.size > 0) return
    this.#shown.delete(key)
    this.#core.events.emit('typing', { conversation, account, address: shown.address, typing: false })
  }

  /** Whether the connection took it. */
  #tell(kind: SignalKind, conversation: ConversationId): boolean {
    return this.#core.connection()?.signal({ kind, conversation }) ?? false
  }

  get #isWatched(): boolean {
    return this.#core.events.listens('typing') && this.#core.privacy.tellsNow('typing.tell')
  }

  #listen(listens: boolean): void {
    const wants = listens && this.#core.privacy.tellsNow('typing.tell')
    this.#wish.want('typing', wants)
    if (!wants) this.#forgetShown()
  }

  #forgetShown(): void {
    for (const { devices } of this.#shown.values()) for (const timer of devices.values()) timer.cancel()
    this.#shown.clear()
    this.#shownDevices = 0
  }
}
