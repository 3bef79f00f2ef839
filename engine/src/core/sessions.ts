import type { AccountId, DeviceId } from '@evegram/protocol'
import type { AccountNews } from '../ports/account-directory.js'
import type { EngineMetrics } from './metrics.js'
import type { Session, SessionOwner } from './session.js'

/** The connections of this node. Architecture invariant: a device has at most one authenticated session here, the newest. */
export class Sessions {
  readonly #metrics: EngineMetrics
  readonly #bySocket = new Map<number, Session>()
  readonly #byDevice = new Map<DeviceId, Session>()
  readonly #byAccount = new Map<AccountId, Session[]>()

  constructor(metrics: EngineMetrics) {
    this.#metrics = metrics
  }

  /** Adds a connection that nobody is known to own yet. */
  open(session: Session): void {
    this.#bySocket.set(session.socket.id, session)
    this.#metrics.connections.set(this.#bySocket.size)
  }

  /** The session of a socket. */
  ofSocket(socketId: number): Session | undefined {
    return this.#bySocket.get(socketId)
  }

  /** The session of a device that is connected here. */
  ofDevice(device: DeviceId): Session | undefined {
    return this.#byDevice.get(device)
  }

  /** The authenticated sessions of an account that are connected here. */
  ofAccount(account: AccountId): readonly Session[] {
    return this.#byAccount.get(account) ?? []
  }

  /** All connections. */
  all(): IterableIterator<Session> {
    return this.#bySocket.values()
  }

  /** Connections, authenticated or not. */
  get size(): number {
    return this.#bySocket.size
  }

  /** The hello of `session` was accepted: it belongs to `owner`, and an older session of the device is closed. */
  own(session: Session, owner: SessionOwner): void {
    const older = this.#byDevice.get(owner.device)
    if (older !== undefined && older !== session) this.closeReplaced(older)
    session.owner = owner
    this.#byDevice.set(owner.device, session)
    const siblings = this.#byAccount.get(owner.account)
    if (siblings === undefined) this.#byAccount.set(owner.account, [session])
    else siblings.push(session)
  }

  /** Forgets a connection. */
  remove(session: Session): void {
    this.#bySocket.delete(session.socket.id)
    this.#metrics.connections.set(this.#bySocket.size)
    this.#disown(session)
  }

  /** Closes a session whose device connected elsewhere. */
  closeReplaced(session: Session): void {
    this.#metrics.replaced.add()
    this.#disown(session)
    session.close('replaced')
  }

  /** The device connected to another node under `connectionEpoch`: an older session of it here is closed. */
  replacedElsewhere(device: DeviceId, connectionEpoch: number): void {
    const session = this.#byDevice.get(device)
    if (session?.owner !== undefined && session.owner.presence.connectionEpoch < connectionEpoch) this.closeReplaced(session)
  }

  /** Acts on a change of an account: revoked devices are closed, a closed account as a whole, the others are told. */
  accountChanged(change: AccountNews): void {
    for (const session of [...this.#byAccount.get(change.account) ?? [], ...this.#greeting(change.account)]) {
      const device = session.owner?.device ?? session.greeting?.device
      if (device === undefined) continue
      if (change.kind === 'session_revoked') {
        if (change.device === device) this.closeRevoked(session, 'tokenExpired')
      } else if (change.kind === 'prekeys_low') {
        if (session.owner?.device === change.device) session.notify({ kind: 'prekeys_low', remaining: change.remaining })
      } else if (change.closed) this.closeRevoked(session, 'accountClosed')
      else if (change.revokedDevices.includes(device)) this.closeRevoked(session, 'revoked')
      else if (session.owner !== undefined) session.notify({ kind: 'account_changed', account: change.account, seq: change.seq })
    }
  }

  /** Closes a session that may not go on. */
  closeRevoked(session: Session, reason: 'tokenExpired' | 'accountClosed' | 'revoked'): void {
    this.#metrics.revoked.add()
    session.greeting = undefined
    session.close(reason)
  }

  /** Hellos of the account that are being checked: what they check may be from before the change. */
  #greeting(account: AccountId): Session[] {
    const greeting: Session[] = []
    for (const session of this.#bySocket.values()) if (session.greeting?.account === account) greeting.push(session)
    return greeting
  }

  #disown(session: Session): void {
    const { owner } = session
    if (owner === undefined) return
    if (this.#byDevice.get(owner.device) === session) this.#byDevice.delete(owner.device)
    const siblings = this.#byAccount.get(owner.account)?.filter((other) => other !== session)
    if (siblings === undefined || siblings.length === 0) this.#byAccount.delete(owner.account)
    else this.#byAccount.set(owner.account, siblings)
  }
}
