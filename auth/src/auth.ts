import { EvegramError, type AccountId, type Clock, type DeviceId, type Random } from '@evegram/protocol'
import type { ProofPrimitives } from '@evegram/protocol/proof'
import type { HttpServer, Logger, Metrics } from '@evegram/platform'
import { AccessTokens, type AccessClaims, type TokenAudience } from './access-token.js'
import { Accounts, type AccountChange } from './accounts.js'
import { Challenges } from './challenge.js'
import { IN_PROCESS, settled, type ChangePropagation } from './change-propagation.js'
import { checkAuthConfig, type AuthConfig } from './config.js'
import { DpopProofs } from './dpop.js'
import { discoveryOf, type Discovery, type DiscoveryPlaces } from './discovery.js'
import { Listeners } from './listeners.js'
import { LocalRateBuckets } from './local-rate-buckets.js'
import type { AuthStores } from './ports/auth-stores.js'
import { NO_CONTACTS, type Contacts } from './ports/contacts.js'
import type { PushRegistry } from './ports/push-registry.js'
import type { RateBuckets } from './ports/rate-buckets.js'
import type { SecretStore } from './ports/secret-store.js'
import type { UsedProofs } from './ports/used-proofs.js'
import { PREKEY_RULES, Prekeys, type PrekeyBundle } from './prekeys.js'
import { PushKeys, type PushToken } from './push-keys.js'
import { RateLimits } from './rate-limits.js'
import { accountRoutes } from './routes/accounts.js'
import { callerOf, type Caller } from './routes/authenticate.js'
import { challengeRoutes } from './routes/challenge.js'
import { keyRoutes } from './routes/keys.js'
import { prekeyRoutes } from './routes/prekeys.js'
import { pushRoutes } from './routes/push.js'
import { sessionRoutes } from './routes/sessions.js'
import { secretCalled } from './secrets.js'
import { Sessions, type DpopRequest, type SessionRevocation } from './sessions.js'
import { SigningKeys } from './signing-keys.js'
import { Sweeper } from './sweeper.js'
import { Withdrawals } from './withdrawals.js'

/** How often the signing keys are looked at for rotation, by this process or another: far below the overlap of two keys. */
const KEY_CHECK_MS = 3_600_000

/** What {@link createAuth} is made of. */
export interface AuthOptions {
  readonly config: AuthConfig
  readonly stores: AuthStores & { readonly secrets: SecretStore }
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics: Metrics
  readonly primitives: ProofPrimitives
  /** That devices are woken through push services; `contact` (`mailto:` or `https:`) is told to those. Nobody is woken when nothing is said. */
  readonly push?: { readonly contact?: string | undefined }
  /** How changes reach the nodes of the engine; {@link IN_PROCESS} when nothing is said. */
  readonly propagation?: ChangePropagation
  /** What several processes share; each has its own when nothing is said. */
  readonly shared?: { readonly rateBuckets?: RateBuckets; readonly usedProofs?: UsedProofs }
}

/** What other services may know of an account. */
export interface AccountView {
  readonly seq: number
  /** 32 bytes. */
  readonly head: Uint8Array
  /** All devices ever added; `active` is false once revoked. */
  readonly devices: readonly { readonly device: DeviceId; readonly signingKey: Uint8Array; readonly active: boolean }[]
  readonly closed: boolean
}

/** The one-time prekeys of a device run low. */
export interface PrekeysLow {
  readonly account: AccountId
  readonly device: DeviceId
  readonly remaining: number
}

/** Sign-in, account logs, sessions and prekeys of one server, to be composed with the others. */
export interface Auth {
  /** Adds all routes of auth to a server that the caller owns; call it before the server listens, and behind `registerOpenApi`. */
  routes(server: HttpServer): Promise<void>
  /** The other services' window on accounts. Linearizable with appends. */
  readonly accountDirectory: { state(account: AccountId): Promise<AccountView | undefined> }
  /**
   * Checks a token for one service, its session and its device. Throws `auth.token_invalid`, `auth.token_expired`, `auth.token_revoked`.
   */
  verifyAccessToken(token: string, audience: TokenAudience): Promise<AccessClaims>
  /**
   * Who made a request to a service of `audience` with a token and a DPoP proof for it, which is used up. Throws `auth.token_*`, `auth.dpop*`, `limited.rate`.
   */
  verifyRequest(request: DpopRequest & { readonly token: string }, audience: TokenAudience): Promise<Caller>
  /** The wallet bridge's window on owners of accounts and on what their wallets allowed. */
  readonly withdrawals: Pick<Withdrawals, 'owner' | 'verify'>
  /** Calls back once an append is durable. Returns the end of it. */
  onAccountChanged(listener: (change: AccountChange) => void): () => void
  /**
   * Calls back once a session was ended before its time by log-out, reuse of a refresh token, or the account log. Returns the end of it.
   */
  onSessionRevoked(listener: (revocation: SessionRevocation) => void): () => void
  /** Calls back when a device has few one-time prekeys left. Returns the end of it. */
  onPrekeysLow(listener: (low: PrekeysLow) => void): () => void
  /** Binds the engine's knowledge of who accepted whom. Until then everybody is a stranger. */
  bindContacts(contacts: Contacts): void
  /** Binds the engine's knowledge of where devices are woken. Until then nobody can say where. */
  bindPush(registry: PushRegistry): void
  /** A token of this server for the push service at `origin`. Rejects `push.none` where nobody is woken, `invalid.argument` for what is no origin. */
  pushToken(origin: string): Promise<PushToken>
  /** Answer of `/.well-known/evegram`. */
  discovery(places: DiscoveryPlaces): Discovery
  /** Starts sweeping and key rotation. */
  start(): Promise<void>
  /** Resolved = nothing of auth runs any more. The stores are the caller's to close. */
  stop(): Promise<void>
}

/** Builds auth; reads or makes its secrets first. Throws `invalid.config`, rejects with `unavailable.store`. */
export async function createAuth(options: AuthOptions): Promise<Auth> {
  const { config, stores, clock, random, log, metrics, primitives } = options
  checkAuthConfig(config)
  const rateFactor = config.rateFactor ?? 1
  const keys = new SigningKeys({ store: stores.secrets, clock, random })
  await keys.refresh()
  const challenges = new Challenges({ secret: await secretCalled('challenge-key', stores.secrets, random), clock, random })
  const refreshSecret = await secretCalled('refresh-key', stores.secrets, random)

  const accountChanged = new Listeners<AccountChange>(log)
  const sessionRevoked = new Listeners<SessionRevocation>(log)
  const prekeysLow = new Listeners<PrekeysLow>(log)
  const pushKeys = options.push === undefined ? undefined : await PushKeys.open({ store: stores.secrets, clock, random, contact: options.push.contact })
  let contacts = NO_CONTACTS
  let pushRegistry: PushRegistry | undefined

  const buckets = options.shared?.rateBuckets ?? new LocalRateBuckets(clock)
  const dpop = new DpopProofs(clock, options.shared?.usedProofs)
  const limits = new RateLimits({ clock, metrics, factor: rateFactor, buckets })
  const accounts = new Accounts({ config, store: stores.accounts, nonces: stores.nonces, challenges, clock, primitives })
  const sessions = new Sessions({
    config, store: stores.sessions, nonces: stores.nonces, accounts, challenges, dpop, clock, random, primitives, refreshSecret,
    tokens: new AccessTokens({ keys, clock, issuer: config.domain }),
    onRevoked: ({ account, device, family }) => { sessionRevoked.emit({ account, device, family }) },
  })
  const prekeys = new Prekeys({ store: stores.prekeys, accounts, contacts: () => contacts, clock, log, primitives, rateFactor, buckets })
  const withdrawals = new Withdrawals({ config, accounts, entries: stores.accounts, challenges, clock, primitives })
  const sweeper = new Sweeper({ nonces: stores.nonces, sessions: stores.sessions, clock, log })
  const taken = metrics.counter({ name: 'auth_prekeys_taken_total', help: 'Prekey bundles handed out', labels: ['kind'] })
  let keyTimer: { cancel(): void } | undefined

  async function onAppended(change: AccountChange): Promise<void> {
    accountChanged.emit(change)
    await Promise.all([settled(change, { clock, log, propagation: options.propagation ?? IN_PROCESS }), endSessions(change)])
  }

  async function endSessions(change: AccountChange): Promise<void> {
    if (change.revokedDevices.length === 0) return
    try {
      await sessions.endDevices(change.account, change.revokedDevices, change.closed)
      await prekeys.removeDevices(change.account, change.revokedDevices)
    } catch (failure) {
      // The entry is durable and every token of these devices is refused by the log itself: what failed is tidying up.
      log.error({ account: change.account, seq: change.seq, err: failure }, 'sessions of revoked devices could not be ended')
    }
  }

  function onTaken(bundle: PrekeyBundle): void {
    taken.add(1, { kind: bundle.oneTimePrekey === undefined ? 'last_resort' : 'one_time' })
    const { account, device, oneTimeRemaining } = bundle
    if (oneTimeRemaining <= PREKEY_RULES.keptForContacts) prekeysLow.emit({ account, device, remaining: oneTimeRemaining })
  }

  return {
    routes: async (server) => {
      const authentication = { config, sessions, dpop, limits }
      challengeRoutes(server, { challenges, limits })
      accountRoutes(server, { accounts, limits, onAppended })
      sessionRoutes(server, authentication)
      keyRoutes(server, { keys, limits })
      prekeyRoutes(server, { ...authentication, prekeys, onTaken })
      if (pushKeys !== undefined) pushRoutes(server, { ...authentication, registry: () => pushRegistry })
    },
    accountDirectory: {
      state: async (account) => {
        const state = await accounts.state(account)
        if (state === undefined) return undefined
        const devices = [...state.devices].map(([device, { signingKey, active }]) => ({ device, signingKey, active }))
        return { seq: state.seq, head: state.head, devices, closed: state.closed }
      },
    },
    verifyAccessToken: async (token, audience) => {
      const { signingKey: _, ...claims } = await sessions.verify(token, audience)
      return claims
    },
    verifyRequest: async ({ token, ...dpopRequest }, audience) => callerOf(token, audience, dpopRequest, { sessions, dpop, limits }),
    withdrawals,
    onAccountChanged: (listener) => accountChanged.add(listener),
    onSessionRevoked: (listener) => sessionRevoked.add(listener),
    onPrekeysLow: (listener) => prekeysLow.add(listener),
    bindContacts: (bound) => { contacts = bound },
    bindPush: (bound) => { pushRegistry = bound },
    pushToken: async (origin) => {
      if (pushKeys === undefined) throw new EvegramError('push.none', { operation: 'sign for push service' })
      return pushKeys.tokenFor(origin)
    },
    discovery: (places) => discoveryOf(config, pushKeys === undefined ? places : { ...places, push: { key: pushKeys.publicKey } }, clock),
    start: async () => {
      sweeper.start()
      keyTimer ??= clock.every(KEY_CHECK_MS, () => {
        keys.refresh().catch((failure: unknown) => { log.error({ err: failure }, 'signing keys could not be rotated') })
      })
    },
    stop: async () => {
      keyTimer?.cancel()
      keyTimer = undefined
      await sweeper.stop()
    },
  }
}
