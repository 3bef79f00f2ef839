import {
  activeDevices, activeWallets, ALL_DEVICES, applyEntry, applyMembershipEntry, decodeMembershipEntry, emptyGroupState, groupMembers, comparePositions, directConversationIdOf, emptyAccountState, ENVELOPE_KIND, EvegramError, headOf, LIMITS, orderTimeMs,
  sliceEnvelope, viewEnvelope,
  type AccountId, type AccountState, type CatchUp, type ConversationId, type Delivery, type DeviceId, type ErrorCode, type GroupPage, type GroupState,
  type MemberSignal, type Opened, type Page, type Position, type Read, type ReadGroup,
} from '@evegram/protocol'
import type { AuthApi, ClaimedHead, FetchedBundle, LogPage, PreKeyStatus, PreKeyUpload, ProofChallenge, SessionTokens, TokenSource } from '../../api/auth-api.js'
import type { DiscoveredServer } from '../../api/discovered-server.js'
import { noblePrimitives } from '../../crypto/noble-primitives.js'
import type { ConnectionEvent, SendOutcome } from '../../transport/connection.js'
import { FakeChannels, type ChannelLies } from './fake-channels.js'
import type { VirtualClock } from './virtual-clock.js'

interface Stored {
  readonly position: Position
  readonly envelope: Uint8Array
}

/** Where the fake stands in for discovery. */
export const FAKE_SERVER: DiscoveredServer = {
  domain: 'evegram.test', origin: 'https://evegram.test', serverId: 'fake', network: 'mainnet', protocol: { min: 1, max: 1 },
  wsUrl: 'wss://evegram.test/ws', authUrl: 'https://evegram.test', limits: {},
}

/** How a test makes the server misbehave. Undefined results leave things as they are. */
export interface Lies {
  /** Entries of an account log that are shown, of all that there are. */
  log?: (account: AccountId, entries: readonly Uint8Array[]) => readonly Uint8Array[]
  /** What becomes of a delivery to a device: none, another, several. */
  deliver?: (delivery: Delivery, to: DeviceId) => readonly Delivery[]
  /** The same for live routing alone: catch-up and reads tell the truth. */
  route?: (delivery: Delivery, to: DeviceId) => readonly Delivery[]
  /** A send is refused before it is stored. */
  send?: (envelope: Uint8Array, from: DeviceId) => SendOutcome | undefined
  /** How far the clock that order keys are judged by is ahead, in ms. */
  clockAheadMs?: number
  /** A send is refused although it was stored, and delivered. */
  refuseStored?: (envelope: Uint8Array, from: DeviceId) => SendOutcome | undefined
  /** The answer to a send is lost after it was stored. */
  loseAck?: (envelope: Uint8Array, from: DeviceId) => boolean
  bundle?: (bundle: FetchedBundle) => FetchedBundle | Promise<FetchedBundle>
  /** What is shown of the membership log of a group. */
  group?: (page: GroupPage, to: DeviceId) => GroupPage
  /** Whoever asks is told that it is a member, and messages of anybody are taken. */
  anybodyInGroups?: boolean
  channels?: ChannelLies
}

/** What the server knows of a link to it. */
export interface AttachedLink {
  readonly device: DeviceId
  readonly isLive: boolean
  push(event: ConnectionEvent): void
  /** The server closes the connection for good. */
  revoke(): void
}

/** A server in memory: account logs, prekeys, envelope logs, live routing. For tests of the client alone. */
export class FakeServer {
  readonly clock: VirtualClock
  lies: Lies = {}
  /** Deliveries of one page. */
  pageSize = 3
  readonly #accounts = new Map<AccountId, { state: AccountState; entries: Uint8Array[] }>()
  readonly #prekeys = new Map<DeviceId, PreKeyUpload & { left: PreKeyUpload['oneTimePreKeys'] }>()
  readonly groups = new Map<ConversationId, { state: GroupState; entries: readonly Uint8Array[] }>()
  readonly #members = new Map<ConversationId, readonly AccountId[]>()
  readonly #logs = new Map<ConversationId, Stored[]>()
  readonly #links = new Map<DeviceId, AttachedLink>()
  readonly channels = new FakeChannels({
    nowMs: () => this.clock.now(), lies: () => this.lies.channels ?? {}, stateOf: (account) => this.stateOf(account),
    group: (channel) => this.groups.get(channel)?.state, push: (to, event) => { this.#links.get(to)?.push(event) },
  })
  /** Everything that clients signalled, and who listens. */
  readonly signals: { readonly device: DeviceId; readonly signal: MemberSignal }[] = []
  readonly listening = new Set<DeviceId>()
  #counter = 0
  #nonce = 0

  constructor(clock: VirtualClock) {
    this.clock = clock
  }

  /** All copies that were stored, in log order. */
  get stored(): readonly Stored[] {
    return [...this.#logs.values()].flat().sort((left, right) => comparePositions(left.position, right.position))
  }

  stateOf(account: AccountId): AccountState {
    return this.#accounts.get(account)?.state ?? emptyAccountState(account)
  }

  /** Forgets what lies before `beforeMs`, as retention does. */
  trim(beforeMs: number): void {
    for (const [conversation, log] of this.#logs) this.#logs.set(conversation, log.filter(({ position }) => position.timeMs >= beforeMs))
    this.keptSinceMs = beforeMs
  }

  keptSinceMs = 0

  // --- auth

  api(): AuthApi {
    return {
      challenge: () => Promise.resolve(this.#challenge()),
      accountOfWallet: (wallet) => {
        const found = [...this.#accounts.values()].find(({ state }) => activeWallets(state).includes(wallet))
        return Promise.resolve(found === undefined ? undefined : this.#claim(found.state.account))
      },
      logPage: (account, after) => this.#logPage(account, after),
      appendEntry: (account, entry) => this.#append(account, entry),
      openSession: () => Promise.resolve(tokens()),
      refreshSession: () => Promise.resolve(tokens()),
      closeSession: () => Promise.resolve(),
      uploadPreKeys: (source, upload) => Promise.resolve(this.#upload(source, upload)),
      preKeyStatus: (source) => Promise.resolve(this.#status(source)),
      fetchBundle: async (_source, account, device) => {
        const bundle = this.#bundle(account, device)
        return this.lies.bundle === undefined ? bundle : this.lies.bundle(bundle)
      },
    }
  }

  #challenge(): ProofChallenge {
    const issuedAtMs = this.clock.now()
    this.#nonce += 1
    return { nonce: `nonce${String(this.#nonce).padStart(25, '0')}`, issuedAtMs, expirationTimeMs: issuedAtMs + LIMITS.challengeMs }
  }

  #shown(account: AccountId): readonly Uint8Array[] {
    const entries = this.#accounts.get(account)?.entries ?? []
    return this.lies.log === undefined ? entries : this.lies.log(account, entries)
  }

  #claim(account: AccountId): ClaimedHead {
    const entries = this.#shown(account)
    const last = entries.at(-1)
    return { account, seq: entries.length, head: last === undefined ? new Uint8Array(32) : headOf(last) }
  }

  #logPage(account: AccountId, after: number): Promise<LogPage> {
    if (!this.#accounts.has(account)) return Promise.reject(new EvegramError('account.not_found', { operation: 'read log' }))
    return Promise.resolve({ ...this.#claim(account), entries: this.#shown(account).slice(after), more: false })
  }

  async #append(account: AccountId, entry: Uint8Array): Promise<{ seq: number; head: Uint8Array }> {
    const known = this.#accounts.get(account) ?? { state: emptyAccountState(account), entries: [] }
    const { domain, origin, network } = FAKE_SERVER
    const applied = applyEntry(known.state, entry, { primitives: noblePrimitives, domain, origin, network, nowMs: this.clock.now(), mode: 'server' })
    if (applied.status === 'refused') throw new EvegramError(applied.code, { operation: 'append', details: { reason: applied.reason } })
    this.#accounts.set(account, { state: applied.state, entries: [...known.entries, entry] })
    for (const [device, link] of this.#links) {
      if (applied.state.devices.get(device)?.active === false) link.revoke()
      else link.push({ type: 'notice', notice: { kind: 'account_changed', account, seq: applied.state.seq } })
    }
    return { seq: applied.state.seq, head: applied.state.head }
  }

  #upload(source: TokenSource, upload: PreKeyUpload): { oneTimeRemaining: number } {
    const known = this.#prekeys.get(source.signer.device)
    const left = [...(known?.left ?? []), ...upload.oneTimePreKeys]
    this.#prekeys.set(source.signer.device, { ...upload, left })
    return { oneTimeRemaining: left.length }
  }

  #status(source: TokenSource): PreKeyStatus {
    const known = this.#prekeys.get(source.signer.device)
    return {
      oneTimeRemaining: known?.left.length ?? 0, signedPreKeyId: known?.signedPreKey.id ?? 0, signedPreKeyCreatedAtMs: known?.signedPreKey.createdAtMs ?? 0,
    }
  }

  #bundle(account: AccountId, device: DeviceId): FetchedBundle {
    const known = this.#prekeys.get(device)
    const attested = this.stateOf(account).devices.get(device)
    if (known === undefined || attested === undefined) throw new EvegramError('not_found.prekeys', { operation: 'fetch bundle' })
    const [oneTimePreKey, ...left] = known.left
    this.#prekeys.set(device, { ...known, left })
    const { identityKey, signingKey, registrationId } = attested
    return { account, device, registrationId, identityKey, signingKey, signedPreKey: known.signedPreKey, ...(oneTimePreKey === undefined ? {} : { oneTimePreKey }) }
  }

  // --- engine

  /** Registers the link of a device; a new one replaces the old one. */
  attach(link: AttachedLink): void {
    this.#links.set(link.device, link)
  }

  detach(link: AttachedLink): void {
    if (this.#links.get(link.device) !== link) return
    this.#links.delete(link.device)
    this.channels.gone(link.device)
  }

  open(me: AccountId, peer: AccountId): Opened {
    const conversation = directConversationIdOf(me, peer)
    const members = [...new Set([me, peer])].sort()
    this.#members.set(conversation, members)
    return { conversation, membershipVersion: 1, members: members.map((account) => ({ account, seq: this.stateOf(account).seq })) }
  }

  changeGroup(device: DeviceId, entry: Uint8Array): Opened {
    const { conversation, actor } = decodeMembershipEntry(entry)
    const known = this.groups.get(conversation) ?? { state: emptyGroupState(conversation), entries: [] }
    if (actor.device !== device) throw new EvegramError('denied.sender', { operation: 'change group' })
    const result = applyMembershipEntry(known.state, entry, {
      primitives: noblePrimitives, nowMs: this.clock.now(), mode: 'server',
      signingKeyOf: () => { const found = this.stateOf(actor.account).devices.get(device); return found?.active === true ? found.signingKey : undefined },
    })
    if (result.status === 'refused') throw new EvegramError(result.code, { operation: 'change group' })
    this.groups.set(conversation, { state: result.state, entries: [...known.entries, entry] })
    // Envelopes are never taken for a channel, whoever sends them.
    if (result.state.kind === 'group') this.#members.set(conversation, groupMembers(result.state))
    const members = groupMembers(result.state).map((account) => ({ account, seq: this.stateOf(account).seq }))
    return { conversation, membershipVersion: result.state.seq, members }
  }

  readGroup(account: AccountId, device: DeviceId, { conversation, after }: ReadGroup): GroupPage {
    const known = this.groups.get(conversation)
    if (known === undefined) throw new EvegramError('not_found.conversation', { operation: 'read group' })
    if (known.state.kind === 'group' && !known.state.members.has(account) && this.lies.anybodyInGroups !== true) throw new EvegramError('denied.not_member', { operation: 'read group' })
    const page = { conversation, version: known.state.seq, entries: known.entries.slice(after, after + this.pageSize) }
    return this.lies.group === undefined ? page : this.lies.group(page, device)
  }

  /** What a server refuses of a message to a group; undefined when it takes it. */
  #refusedByGroup(view: ReturnType<typeof viewEnvelope>): SendOutcome | undefined {
    const group = this.groups.get(view.conversation)
    if (group === undefined || this.lies.anybodyInGroups === true) return undefined
    if (!group.state.members.has(view.account)) return refused('denied.not_member')
    if (view.membershipVersion !== group.state.seq) return refused('stale.membership')
    const accounts = groupMembers(group.state).map((account) => ({ account, seq: this.stateOf(account).seq }))
    const isOlder = accounts.some(({ account, seq }) => (view.accounts.find((named) => named.account === account)?.seq ?? 0) < seq)
    const forAll = view.bodies.some(({ device }) => device === ALL_DEVICES)
    return forAll && isOlder ? { status: 'refused', failure: { code: 'stale.devices', message: 'stale', accounts, missing: [] } } : undefined
  }

  send(from: DeviceId, envelope: Uint8Array, refusals: number): SendOutcome | 'lost' {
    const lie = this.lies.send?.(envelope, from)
    if (lie !== undefined) return lie
    const view = viewEnvelope(envelope)
    const members = this.#members.get(view.conversation)
    if (members === undefined) return refused('not_found.conversation')
    if (orderTimeMs(view.order) > this.clock.now() + (this.lies.clockAheadMs ?? 0) + LIMITS.orderAheadMsMax) return refused('order.ahead')
    const named = new Set(view.bodies.map(({ device }) => device))
    const byGroup = this.#refusedByGroup(view)
    if (byGroup !== undefined) return byGroup
    const missing = named.has(ALL_DEVICES) ? [] : members.flatMap((account) => activeDevices(this.stateOf(account))).filter((device) => device !== from && !named.has(device))
    // Two refusals count only for a sender that names the newest logs: it knows whom it leaves out. Control traffic is meant for the devices that it names.
    const isOlder = view.kind === ENVELOPE_KIND.message && members.some((account) => (view.accounts.find((version) => version.account === account)?.seq ?? 0) < this.stateOf(account).seq)
    if (missing.length > 0 && (refusals < 2 || isOlder)) {
      const accounts = members.map((account) => ({ account, seq: this.stateOf(account).seq }))
      return { status: 'refused', failure: { code: 'stale.devices', message: 'stale', accounts, missing } }
    }
    const position = this.#store(view.conversation, envelope, from)
    if (this.lies.loseAck?.(envelope, from) === true) return 'lost'
    return this.lies.refuseStored?.(envelope, from) ?? { status: 'stored', position }
  }

  /** The server tells an account something: stores and routes the envelope of a notice, as it is. */
  tell(account: AccountId, envelope: Uint8Array): void {
    const { conversation } = viewEnvelope(envelope)
    this.#members.set(conversation, [account])
    this.#store(conversation, envelope)
  }

  #store(conversation: ConversationId, envelope: Uint8Array, from?: DeviceId): Position {
    this.#counter += 1
    const position = { timeMs: this.clock.now(), incarnation: 1, counter: this.#counter }
    const log = this.#logs.get(conversation) ?? []
    log.push({ position, envelope })
    this.#logs.set(conversation, log)
    for (const link of this.#links.values()) {
      if (link.device === from || !link.isLive) continue
      const due = this.#deliveries(link.device, { position, envelope })
      const deliveries = due.flatMap((delivery) => this.lies.route?.(delivery, link.device) ?? [delivery])
      if (deliveries.length > 0) link.push({ type: 'deliver', deliveries })
    }
    return position
  }

  /** What `device` gets of one stored copy, lies included. */
  #deliveries(device: DeviceId, { position, envelope }: Stored): readonly Delivery[] {
    const view = viewEnvelope(envelope)
    const isMember = (this.#members.get(view.conversation) ?? []).some((account) => this.stateOf(account).devices.get(device)?.active === true)
    const forAll = isMember || this.lies.anybodyInGroups === true ? view.bodies.find((candidate) => candidate.device === ALL_DEVICES) : undefined
    const body = view.bodies.find((candidate) => candidate.device === device) ?? forAll
    if (body === undefined || view.device === device) return []
    const delivery = { position, envelope: sliceEnvelope(view, body) }
    return this.lies.deliver === undefined ? [delivery] : this.lies.deliver(delivery, device)
  }

  /** To the listening devices of the other members. */
  signal(account: AccountId, device: DeviceId, signal: MemberSignal): void {
    this.signals.push({ device, signal })
    for (const link of this.#links.values()) {
      const isMember = (this.#members.get(signal.conversation) ?? [])
        .some((member) => member !== account && this.stateOf(member).devices.get(link.device)?.active === true)
      if (isMember && link.isLive && this.listening.has(link.device)) link.push({ type: 'signalled', signalled: { ...signal, account, device } })
    }
  }

  listen(device: DeviceId, listens: boolean): void {
    if (listens) this.listening.add(device)
    else this.listening.delete(device)
  }

  read(device: DeviceId, { conversation, after, limit }: Read): Page {
    const log = (this.#logs.get(conversation) ?? []).filter(({ position }) => comparePositions(position, after) > 0)
    return { deliveries: log.slice(0, limit).flatMap((copy) => this.#deliveries(device, copy)), more: log.length > limit }
  }

  catchUp(device: DeviceId, request: CatchUp): Page {
    const [sinceMs, skip] = 'token' in request
      ? [Number(new DataView(request.token.buffer, request.token.byteOffset).getBigUint64(0)), new DataView(request.token.buffer, request.token.byteOffset).getUint32(8)]
      : [request.sinceMs, 0]
    const due = this.stored.filter(({ position }) => position.timeMs >= sinceMs)
    const page = due.slice(skip, skip + this.pageSize)
    const more = due.length > skip + this.pageSize
    const token = new Uint8Array(12)
    new DataView(token.buffer).setBigUint64(0, BigInt(sinceMs))
    new DataView(token.buffer).setUint32(8, skip + this.pageSize)
    return {
      deliveries: page.flatMap((copy) => this.#deliveries(device, copy)), more, ...(more ? { token } : {}),
      ...(sinceMs < this.keptSinceMs ? { discontinuityMs: this.keptSinceMs } : {}),
    }
  }
}

function tokens(): SessionTokens {
  return { accessToken: 'a', accessTokenExpiresAtMs: 2 ** 47, refreshToken: 'r', refreshTokenExpiresAtMs: 2 ** 47 }
}

function refused(code: ErrorCode): SendOutcome {
  return { status: 'refused', failure: { code, message: code } }
}
