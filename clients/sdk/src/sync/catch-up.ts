import { encodeCbor, EvegramError, LIMITS, type ChannelHead, type Page, type Signalled } from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { cursorChange, readCursor } from '../core/profile.js'
import type { Connection, ConnectionEvent } from '../transport/connection.js'
import { DISCONTINUITY_PREFIX } from './conversation-gaps.js'
import type { Receiver } from './receive.js'

/** What the rest of the client does when a connection becomes live, and on notices. */
export interface CatchUpHooks {
  /** Everything up to now is committed. Called for each `synced`; `first` for the one that ends the catch-up of a connection. */
  onSynced(first: boolean): void
  onNotice(event: Extract<ConnectionEvent, { type: 'notice' }>['notice']): void
  /** A post of a channel was pushed, or where a channel ends. Nothing is committed by that: what is lost here is read from the server. */
  onPosted(post: Uint8Array): void
  onChannelHead(head: ChannelHead): void
  /** Another member signals. */
  onSignalled(signalled: Signalled): Promise<void>
}

/**
 * Takes the events of connections to the receiver and keeps the cursor. The cursor comes from `synced` alone and is written after
 * everything that came before it: design.md section 3, rule 4.
 */
export class CatchUp {
  readonly #core: Core
  readonly #receiver: Receiver
  readonly #hooks: CatchUpHooks
  #cursorMs = 0
  #catchingUp: Connection | undefined

  constructor(core: Core, receiver: Receiver, hooks: CatchUpHooks) {
    this.#core = core
    this.#receiver = receiver
    this.#hooks = hooks
  }

  /** Reads the cursor of the last run. Call once, before the first connection. */
  async load(): Promise<void> {
    this.#cursorMs = await readCursor(this.#core.store)
  }

  /** The durable cursor in ms since 1970. */
  get cursorMs(): number {
    return this.#cursorMs
  }

  /** Starts the catch-up of a new connection. */
  start(connection: Connection): void {
    this.#catchingUp = connection
    connection.catchUp({ sinceMs: this.#cursorMs })
  }

  /** Takes one event; resolves once it is committed. */
  async consume(event: ConnectionEvent, connection: Connection): Promise<void> {
    switch (event.type) {
      case 'deliver':
        await this.#receiver.receive(event.deliveries)
        return
      case 'page':
        await this.#page(event.page, connection)
        return
      case 'synced':
        await this.#synced(event.cursorMs, connection)
        return
      case 'notice':
        this.#hooks.onNotice(event.notice)
        return
      case 'posted':
        this.#hooks.onPosted(event.post)
        return
      case 'channel_head':
        this.#hooks.onChannelHead(event.head)
        return
      case 'signalled':
        await this.#hooks.onSignalled(event.signalled)
        return
      default:
        event satisfies never
    }
  }

  async #page(page: Page, connection: Connection): Promise<void> {
    if (page.discontinuityMs !== undefined) await this.#discontinuity(page.discontinuityMs)
    await this.#receiver.receive(page.deliveries)
    if (!page.more) return
    if (page.token === undefined) throw new EvegramError('invalid.request', { operation: 'read page', advice: 'The server promised another page and gave no token.' })
    connection.catchUp({ token: page.token })
  }

  async #synced(cursorMs: number, connection: Connection): Promise<void> {
    const first = this.#catchingUp === connection
    if (first) this.#catchingUp = undefined
    // A cursor never goes back: what was committed once stays committed. Nor does it run ahead of the time that the server itself
    // tells: a slip of one node must not hide what will be stored until then.
    if (cursorMs > this.#cursorMs && cursorMs <= this.#core.time.now() + LIMITS.overlapMs) {
      await this.#core.local.store.commit([cursorChange(cursorMs)])
      this.#cursorMs = cursorMs
    }
    this.#hooks.onSynced(first)
  }

  /** The server no longer has what lies between the cursor and `untilMs`: kept as a row, and told. */
  async #discontinuity(untilMs: number): Promise<void> {
    const sinceMs = this.#cursorMs
    if (untilMs <= sinceMs) return
    await this.#core.local.store.commit([
      { table: 'meta', key: `${DISCONTINUITY_PREFIX}${String(sinceMs)}`, value: encodeCbor({ sinceMs, untilMs }) },
    ])
    this.#core.events.emit('gap', { sinceMs, untilMs, reason: 'expired' })
  }
}
