import { CLOSE_CODES, EvegramError, type Clock, type ErrorCode, type Random } from '@evegram/protocol'
import type { ProofPrimitives } from '@evegram/protocol/proof'
import type { AccountVerifier } from '../account/account-verifier.js'
import type { AuthApi, TokenSource } from '../api/auth-api.js'
import type { ServerClock } from '../api/server-clock.js'
import type { DeviceKeys } from '../crypto/device-keys.js'
import { GroupCiphers } from '../crypto/group-cipher.js'
import { SessionCiphers } from '../crypto/session-cipher.js'
import type { Signal } from '../crypto/signal.js'
import type { ClientState, EventHub } from '../events.js'
import { Registers } from '../state/registers.js'
import { StateSync } from '../state/state-sync.js'
import type { LocalStore } from '../store/local-store.js'
import { Archives } from '../archive/archives.js'
import { HistoryMail } from '../history/history-mail.js'
import { CatchUp } from '../sync/catch-up.js'
import { ChannelFollower } from '../sync/channel-follower.js'
import { ChannelOutbox } from '../sync/channel-outbox.js'
import { ChannelReader } from '../sync/channel-reader.js'
import { Expiry } from '../sync/expiry.js'
import { Healing } from '../sync/healing.js'
import { Outbox } from '../sync/outbox.js'
import { Receipts } from '../sync/receipts.js'
import { PresenceSignals } from '../sync/presence.js'
import { PreKeyUpkeep, tendPreKeys } from '../sync/prekey-upkeep.js'
import { Receiver } from '../sync/receive.js'
import { Resends } from '../sync/resends.js'
import { RequestActions } from '../sync/request-actions.js'
import { Sessions } from '../sync/sessions.js'
import { Transmission } from '../sync/transmit.js'
import { SignalWish } from '../sync/signal-wish.js'
import { Typing } from '../sync/typing.js'
import type { Connection, ConnectionEvent } from '../transport/connection.js'
import type { Link, LinkEvents, LinkState } from '../transport/link.js'
import { BackgroundTasks } from './background.js'
import { ChannelActions } from './channel-actions.js'
import { ChannelLogs } from './channel-logs.js'
import type { Core } from './context.js'
import { Deferred } from './deferred.js'
import { Revocations } from './devices.js'
import { Feed } from './feed.js'
import { GroupLogs } from './group-logs.js'
import { GroupActions } from './group-actions.js'
import { LocalState } from './local-state.js'
import { MessageRequests, type RequestPolicy } from './message-requests.js'
import { OnceLog } from './once.js'
import { Privacy } from './privacy.js'
import type { Profile } from './profile.js'
import { ReceiptBook, type ReceiptPolicy } from './receipt-book.js'
import { Roster } from './roster.js'

/** What a {@link ClientCore} is made of: everything that reaches outside is injected. */
export interface ClientCoreParts {
  readonly profile: Profile
  readonly keys: DeviceKeys
  readonly store: LocalStore
  readonly clock: Clock
  readonly random: Random
  readonly signal: Signal
  /** Arithmetic that verifies signatures of others. */
  readonly primitives: ProofPrimitives
  /** Keys that the server's notices are signed with, from discovery. */
  readonly noticeKeys?: readonly Uint8Array[] | undefined
  readonly serverClock: ServerClock
  readonly auth: AuthApi
  readonly tokens: TokenSource
  readonly accounts: AccountVerifier
  readonly events: EventHub
  /** What happens to messages of strangers: taken as those of everybody when absent. */
  readonly requests?: RequestPolicy | undefined
  /** Whether others are told what came and was read: not when absent. */
  readonly receipts?: ReceiptPolicy | undefined
  /** Starts the link to the server; nothing is called back before it returned. */
  startLink(events: LinkEvents, cursorMs: () => number): Link
}

/** The running heart of a client: receives, sends, heals, keeps prekeys, and knows where the connection stands. */
export class ClientCore {
  readonly core: Core
  readonly outbox: Outbox
  readonly transmission: Transmission
  readonly feed: Feed
  readonly revocations: Revocations
  readonly groupLogs: GroupLogs
  readonly groupActions: GroupActions
  readonly channelLogs: ChannelLogs
  readonly channelActions: ChannelActions
  readonly channelOutbox: ChannelOutbox
  readonly typing: Typing
  readonly presence: PresenceSignals
  readonly #signals: SignalWish
  readonly requestActions: RequestActions
  readonly #receipts: Receipts
  readonly #expiry: Expiry
  readonly archives: Archives
  readonly historyMail: HistoryMail
  readonly #follower: ChannelFollower
  readonly #catchUp: CatchUp
  readonly #healing: Healing
  readonly #stateSync: StateSync
  readonly #upkeep: PreKeyUpkeep
  readonly #background: BackgroundTasks
  #link: Link | undefined
  #connection: Connection | undefined
  #state: ClientState = 'connecting'
  #reason: ErrorCode | undefined
  #stopped: EvegramError | undefined
  #closing: Promise<void> | undefined
  #synced = new Deferred<void>()

  private constructor(core: Core, background: BackgroundTasks) {
    this.core = core
    this.#background = background
    const sessions = new Sessions(core)
    this.groupLogs = new GroupLogs(core)
    this.transmission = new Transmission(core, sessions, this.groupLogs, (tx, unreached) => resends.noteSupplement(tx, unreached))
    this.outbox = new Outbox(core, this.transmission)
    const resends = new Resends(core, sessions, this.outbox)
    this.groupActions = new GroupActions(core, this.groupLogs, this.outbox, this.transmission)
    this.channelLogs = new ChannelLogs(core)
    this.channelOutbox = new ChannelOutbox(core, this.channelLogs)
    this.#follower = new ChannelFollower(core, new ChannelReader(core, this.channelLogs, this.channelOutbox), this.channelOutbox)
    this.channelActions = new ChannelActions(core, this.channelLogs, this.#follower, this.channelOutbox)
    this.historyMail = new HistoryMail(core)
    const receiver = new Receiver(core, this.groupLogs, {
      resendRequest: (tx, request, conversation, from, atMs) => resends.answer(tx, request, conversation, from, atMs),
      revocation: (notice, from) => { background.run('check revocation', () => this.revocations.receive(notice, from)) },
      state: (tx, body, conversation, from) => this.#stateSync.take(tx, body, conversation, from),
      history: (tx, content, conversation, from, atMs) => this.historyMail.take(tx, content, conversation, from, atMs),
      wake: () => { this.#healing.wake() },
      takeRoom: () => this.#healing.takeRoom(),
    })
    this.#healing = new Healing(core, sessions, this.outbox, receiver, resends)
    this.#stateSync = new StateSync(core, this.outbox, this.transmission)
    this.revocations = new Revocations(core, this.outbox, this.transmission)
    this.#receipts = new Receipts(core, sessions, this.outbox, this.transmission)
    this.feed = new Feed(core)
    this.#signals = new SignalWish(core)
    this.typing = new Typing(core, this.#signals)
    this.presence = new PresenceSignals(core, this.#signals)
    this.#expiry = new Expiry(core)
    this.archives = new Archives(core, this.#follower)
    this.requestActions = new RequestActions(core)
    this.#catchUp = new CatchUp(core, receiver, {
      onSynced: (first) => { if (first) this.#live() },
      onNotice: (notice) => { this.#notice(notice) },
      onPosted: (post) => { this.#follower.posted(post) },
      onChannelHead: (head) => { this.#follower.heard(head) },
      onSignalled: async (signalled) => {
        await this.typing.heard(signalled)
        await this.presence.heard(signalled)
      },
    })
    this.#upkeep = new PreKeyUpkeep(
      () => { background.run('tend prekeys', () => tendPreKeys(core)) },
      (intervalMs, task) => core.clock.every(intervalMs, task),
    )
  }

  /** Reads what the last run left and starts the link. Rejects as the store does, or when the own account log cannot be had. */
  static async start(parts: ClientCoreParts): Promise<ClientCore> {
    const { profile, keys, clock, random, signal, primitives, serverClock, auth, tokens, accounts, events, noticeKeys = [] } = parts
    const local = new LocalState(parts.store)
    const { store } = local
    const roster = new Roster({ accounts, events, local, account: profile.account })
    await roster.load()
    await roster.loadAccount(profile.account)
    const background = new BackgroundTasks(events)
    const once = new OnceLog(clock)
    await once.load(store)
    const running: { client?: ClientCore } = {}
    const state = new Registers({
      device: keys.device, store, events, nowMs: () => serverClock.now(), isActive: (device) => roster.devicesOf(profile.account).some((known) => known.device === device),
    })
    const receipts = new ReceiptBook(store, parts.receipts ?? 'none')
    const privacy = new Privacy({ state, events, background })
    const core: Core = {
      account: profile.account, device: keys.device, address: roster.addressOf(profile.account), keys, store, clock, random, time: serverClock, signal, noticeKeys, primitives,
      ciphers: new SessionCiphers({ signal, local: keys, attested: roster }), groupCiphers: new GroupCiphers({ signal, random }), roster, accounts, auth, tokens, events, local, state, once, background, receipts, privacy,
      requests: new MessageRequests({ account: profile.account, store, state, events, time: serverClock, receipts }, parts.requests ?? 'accept-all'),
      connection: () => running.client?.connection,
    }
    const self = new ClientCore(core, background)
    running.client = self
    await self.outbox.load()
    await self.channelOutbox.load()
    await self.#follower.load()
    await self.#catchUp.load()
    await self.#expiry.load()
    await core.requests.load()
    await receipts.load()
    await privacy.load()
    await self.requestActions.follow()
    self.#link = parts.startLink(self.#linkEvents(), () => self.#catchUp.cursorMs)
    return self
  }

  /** The open connection, if there is one. */
  get connection(): Connection | undefined {
    return this.#connection
  }

  get state(): ClientState {
    return this.#state
  }

  /** Throws when this device may not send or receive any more. */
  check(): void {
    if (this.#stopped !== undefined) throw this.#stopped
  }

  /** Resolves once everything that the server had when it was asked is committed; rejects when the client is closed or stopped. */
  whenSynced(): Promise<void> {
    return this.#stopped === undefined ? this.#synced.promise : Promise.reject(this.#stopped)
  }

  /** Stops, in this order: no new work, the connection, what is being written, those who wait. The store stays open. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const error = new EvegramError('client.closed', { operation: 'use client' })
    this.#stopped ??= error
    // While there is a connection to say it on.
    this.presence.close()
    this.#pause()
    this.feed.close()
    this.typing.close()
    this.core.privacy.close()
    this.#expiry.close()
    this.requestActions.close()
    this.revocations.close()
    this.#stateSync.close()
    this.outbox.close()
    this.#follower.close()
    this.channelOutbox.close()
    await this.#link?.close()
    await this.#background.close()
    await this.core.local.idle()
    this.#synced.reject(error)
    this.#enter('closed')
  }

  #linkEvents(): LinkEvents {
    return {
      onOpen: (connection) => {
        this.#connection = connection
        this.#enter('catching_up')
        this.#catchUp.start(connection)
        return Promise.resolve()
      },
      consume: (event, connection) => this.#catchUp.consume(event, connection),
      onState: (state) => { this.#follow(state) },
    }
  }

  #follow(state: LinkState): void {
    switch (state.status) {
      case 'open':
        return
      case 'connecting':
        // The first attempt and one that follows at once are no outage.
        if (this.#state !== 'offline') this.#down('connecting')
        return
      case 'waiting':
        this.#down('offline', state.error)
        return
      case 'stopped':
        this.#stop(state.error)
        return
      default:
        state satisfies never
    }
  }

  #down(state: ClientState, error?: EvegramError): void {
    this.#connection = undefined
    this.#pause()
    // `whenSynced` is about the connection that stands now; who waited already goes on waiting for the next one.
    if (this.#state === 'live') this.#synced = new Deferred<void>()
    this.#enter(state, error)
  }

  #stop(cause: EvegramError): void {
    this.#connection = undefined
    this.#pause()
    if (cause.code === 'client.closed') return
    const error = reasonToStop(cause)
    this.#stopped ??= error
    this.#synced.reject(error)
    this.#enter('closed', error)
  }

  #pause(): void {
    this.outbox.pause()
    this.#follower.pause()
    this.typing.pause()
    this.presence.pause()
    this.#healing.pause()
    this.#receipts.pause()
    this.#stateSync.pause()
    this.#upkeep.pause()
  }

  #live(): void {
    if (this.#connection === undefined || this.#closing !== undefined) return
    this.#enter('live')
    this.#synced.resolve()
    this.outbox.resume()
    this.#follower.resume()
    this.#signals.resume()
    this.presence.resume()
    this.#healing.resume()
    this.#receipts.resume()
    this.#upkeep.resume()
    // Own devices that came or went while this one was away.
    this.#background.run('refresh own account', async () => {
      try {
        await this.core.roster.refresh(this.core.account)
      } finally {
        // Those that are known are told, whatever became of that.
        if (this.#connection !== undefined) this.#stateSync.resume()
      }
    })
  }

  #notice(notice: Extract<ConnectionEvent, { type: 'notice' }>['notice']): void {
    switch (notice.kind) {
      case 'account_changed':
        this.#background.run('refresh account', async () => {
          // A server may name any account: only those that matter here are worth a request.
          if ((await this.core.accounts.known(notice.account)) !== undefined) await this.core.roster.refresh(notice.account)
        })
        return
      case 'prekeys_low':
        this.#background.run('tend prekeys', () => tendPreKeys(this.core))
        return
      case 'draining':
        // The link leaves the node by itself.
        return
      default:
        notice satisfies never
    }
  }

  #enter(state: ClientState, error?: EvegramError): void {
    // Every failed attempt to connect leads here: news is a new state, or a new reason.
    if (this.#state === state && this.#reason === error?.code) return
    this.#state = state
    this.#reason = error?.code
    this.core.events.emit('state', { state, ...(error === undefined ? {} : { error }) })
  }
}

/** What it means for a user that the server closed the connection for good. */
function reasonToStop(cause: EvegramError): EvegramError {
  switch (cause.details?.['closeCode']) {
    case CLOSE_CODES.revoked.code:
      return new EvegramError('client.revoked', { operation: 'hold connection', cause })
    case CLOSE_CODES.replaced.code:
      return new EvegramError('client.replaced', { operation: 'hold connection', cause })
    case CLOSE_CODES.accountClosed.code:
      return new EvegramError('account.closed', { operation: 'hold connection', cause })
    default:
      return cause.code === 'account.device_unknown' ? new EvegramError('client.revoked', { operation: 'hold connection', cause }) : cause
  }
}
