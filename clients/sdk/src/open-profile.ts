import type { ProofPrimitives } from '@evegram/protocol/proof'
import { createAccountVerifier } from './account/log-verifier.js'
import type { AuthApi, TokenSource } from './api/auth-api.js'
import type { OperatorApi } from './api/operator-api.js'
import type { PushApi } from './api/http-push-api.js'
import type { WallyApi } from './api/wally-api.js'
import { DeviceSession, decodeTokens, encodeTokens } from './api/device-session.js'
import type { DiscoveredServer } from './api/discovered-server.js'
import { EvegramClient } from './evegram-client.js'
import { ClientCore } from './core/client-core.js'
import type { RequestPolicy } from './core/message-requests.js'
import type { ReceiptPolicy } from './core/receipt-book.js'
import { LocalState } from './core/local-state.js'
import { signerOf, signIn } from './core/login.js'
import type { LoadSigner } from './crypto/device-keys.js'
import { noblePrimitives } from './crypto/noble-primitives.js'
import type { Signal } from './crypto/signal.js'
import { EventHub } from './events.js'
import type { BlobApi } from './files/blob-api.js'
import type { LocalStore } from './store/local-store.js'
import { tendPreKeys } from './sync/prekey-upkeep.js'
import type { System } from './system.js'
import { startDeviceLink } from './transport/device-link.js'
import type { Wallet } from './wallets/wallet.js'

/** What {@link openProfile} needs. */
export interface OpenProfileOptions {
  /** The profile. Closing the client closes it; when opening fails, closing it is the caller's. */
  readonly store: LocalStore
  /** Adds this profile as a new device of the wallet's account. */
  readonly wallet?: Wallet | undefined
  /** The server as discovery found it. */
  readonly server: DiscoveredServer
  /** The auth service of that server. */
  readonly auth: AuthApi
  readonly system: Pick<System, 'clock' | 'random' | 'sockets' | 'hints' | 'serverClock'>
  readonly signal: Signal
  /** What happens to messages of strangers: taken as those of everybody when absent. */
  readonly requests?: RequestPolicy | undefined
  /** Whether others are told what came and was read: not when absent. */
  readonly receipts?: ReceiptPolicy | undefined
  /** Name and version of the program, at most 64 characters. */
  readonly agent?: string | undefined
  /** The wallet bridge of that server, where it has one, for the session of the profile; `starting` hears that a request waits for its ledger. */
  readonly wally?: ((tokens: TokenSource, starting: () => void) => { readonly wally: WallyApi; readonly operator: OperatorApi }) | undefined
  /** The store of files of that server, where it has one, for the session of the profile. */
  readonly blobs?: ((tokens: TokenSource) => BlobApi) | undefined
  /** How that server wakes devices, where it does, for the session of the profile. */
  readonly push?: ((tokens: TokenSource) => PushApi) | undefined
  /** Arithmetic that verifies wallets and account logs: the portable one when absent. */
  readonly primitives?: ProofPrimitives
  /** Signs for the device: the portable one when absent. */
  readonly loadSigner?: LoadSigner | undefined
}

const AGENT = 'evegram-sdk/0.1.0'
const TOKENS_KEY = 'session'

/**
 * Puts a client together for a server that is known, on injected parts: account verifier, sign-in, session, prekeys, core and link.
 * Applications use `createClient`, which finds the server first and says what this rejects with; the store stays open then.
 */
export async function openProfile(options: OpenProfileOptions): Promise<EvegramClient> {
  const { store, wallet, server, auth, signal, agent = AGENT, primitives = noblePrimitives, loadSigner } = options
  const { clock, random, sockets, hints, serverClock } = options.system
  const { domain, origin, network } = server
  const accounts = createAccountVerifier({ api: auth, store, primitives, domain, origin, network, clock, serverClock })
  const { profile, keys, isNew } = await signIn({ store, signal, random, server, serverClock, auth, accounts, loadSigner }, wallet)
  const tokens = await sessionOf(store, auth, signerOf(profile.account, keys), serverClock)
  const needsKeys = isNew || (await store.get('prekeys', 'signed-prekey-public')) === undefined
  // Without prekeys on the server nobody could write to this device: the first upload is part of signing in.
  if (needsKeys) await tendPreKeys({ local: new LocalState(store), signal, keys, auth, tokens, time: serverClock })
  const events = new EventHub(clock)
  const core = await ClientCore.start({
    profile, keys, store, clock, random, signal, primitives, serverClock, auth, tokens, accounts, noticeKeys: server.noticeKeys, events, requests: options.requests, receipts: options.receipts,
    startLink: (linkEvents, cursorMs) => startDeviceLink({
      server, session: tokens, serverClock, sockets, clock, random, agent, hints, events: linkEvents, cursorMs,
    }),
  })
  return new EvegramClient({ core, server, store, clock, random, blobs: options.blobs?.(tokens), push: options.push?.(tokens), ...options.wally?.(tokens, () => { events.emit('ledger-starting', {}) }) })
}

async function sessionOf(
  store: LocalStore, api: AuthApi, signer: ReturnType<typeof signerOf>, serverClock: System['serverClock'],
): Promise<DeviceSession> {
  const row = await store.get('meta', TOKENS_KEY)
  return new DeviceSession({
    api, signer, serverClock, ...(row === undefined ? {} : { tokens: decodeTokens(row) }),
    save: (tokens) => store.commit([{ table: 'meta', key: TOKENS_KEY, value: encodeTokens(tokens) }]),
  })
}
