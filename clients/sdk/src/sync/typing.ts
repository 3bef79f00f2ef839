import { LIMITS, SIGNAL_KIND, type AccountId, type ConversationId, type DeviceId, type Signalled, type SignalKind, type Timer } from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { readConversation } from '../core/conversation-row.js'

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
  readonly #own = new Map<ConversationId, OwnTyping>()
  readonly #shown = new Map<string, ShownTyping>()
  #shownDevices = 0
  readonly #ends: readonly (() => void)[]

  constructor(core: Core) {
    this.#core = core
    this.#ends = [
      core.events.watch('typing', (listens) => { this.#listen(listens) }),
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
    // A stranger is told nothing before the user decided.
    if (this.#core.requests.isWaiting(conversation)) return
    if (own === undefined && this.#own.size >= TYPING_OWN_MAX) return
    const idle = clock.after(TYPING_IDLE_MS, () => { this.say(conversation, false) })
    const isDue = own?.toldMs === undefined || clock.monotonicMs() - own.toldMs >= LIMITS.typingRenewMs
    const toldMs = isDue && this.#tell(SIGNAL_KIND.typingStarted, conversation) ? clock.monotonicMs() : own?.toldMs
    this.#own.set(conversation, { toldMs, idle })
  }

  /** A connection is live: it is asked for signals where the program listens to them. */
  resume(): void {
    if (this.#core.events.listens('typing')) this.#core.connection()?.listen(true)
  }

  /** The connection is gone: the next one is told anew. */
  pause(): void {
    for (const own of this.#own.values()) own.toldMs = undefined
  }

  /** A signal came. Resolves when it was dealt with; only a member and an attested device that this profile knows is believed to be meant. */
  async heard({ kind, conversation, account, device }: Signalled): Promise<void> {
    const { store, accounts, roster, events } = this.#core
    if (kind === SIGNAL_KIND.typingStopped) return this.#gone(conversation, account, device)
    if (!events.listens('typing') || account === this.#core.account) return
    const row = await readConversation(store, conversation)
    if (row?.members.includes(account) !== true) return
    if (this.#core.requests.isWaiting(conversation) || (await this.#core.requests.isBlocked(account))) return
    // Nothing is asked of the network for something that is over in a moment.
    if (!roster.isLoaded(account)) {
      if (await accounts.known(account) === undefined) return
      await roster.loadAccount(account)
    }
    if (roster.devicesOf(account).some((attested) => attested.device === device)) this.#show(conversation, account, device)
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

  #listen(listens: boolean): void {
    this.#core.connection()?.listen(listens)
    if (!listens) this.#forgetShown()
  }

  #forgetShown(): void {
    for (const { devices } of this.#shown.values()) for (const timer of devices.values()) timer.cancel()
    this.#shown.clear()
    this.#shownDevices = 0
  }
}
