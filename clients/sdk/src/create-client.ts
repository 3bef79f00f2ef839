import { isEvegramError } from '@evegram/protocol'
import type { TokenSource } from './api/auth-api.js'
import { discoverServer } from './api/discover-server.js'
import type { DiscoveredServer } from './api/discovered-server.js'
import { createBlobApi } from './api/http-blob-api.js'
import { createAuthApi } from './api/http-auth-api.js'
import { createPushApi } from './api/http-push-api.js'
import { createWallyApi } from './api/http-wally-api.js'
import { operatorApiOfDevice } from './api/operator-api.js'
import type { Client } from './client.js'
import type { RequestPolicy } from './core/message-requests.js'
import type { ReceiptPolicy } from './core/receipt-book.js'
import { readProfile } from './core/profile.js'
import { readServer, serverChange } from './core/server-row.js'
import type { LoadSigner } from './crypto/device-keys.js'
import type { SignalPrimitives } from './crypto/primitives.js'
import { loadSignal } from './crypto/load-signal.js'
import type { EvegramClient } from './evegram-client.js'
import { openProfile } from './open-profile.js'
import type { LocalStore } from './store/local-store.js'
import { webSystem, type System } from './system.js'
import type { Wallet } from './wallets/wallet.js'

/** What {@link createClient} needs. */
export interface ClientOptions {
  /** The server: https://..., or http:// on this machine. */
  readonly url: string
  /** Adds this profile as a new device of the wallet's account. Not needed (and not used) once the profile has a device. */
  readonly wallet?: Wallet
  /** The profile. The client owns it from here on: it closes it, also when creating the client fails. */
  readonly store: LocalStore
  /** The domain that wallets sign for, where it is not the one of `url`. */
  readonly domain?: string
  /**
   * What happens to messages of strangers, whom the user neither accepted nor wrote to. `ask` (when absent): they wait as requests, see `Client.requests`, and
   * are told as `message-request`. `accept-all`: for programs that talk to everybody; only whom they block is not shown.
   */
  readonly requests?: RequestPolicy
  /**
   * `tell` (when absent): the authors of messages are told end to end that they came, and with the setting `receipts.read` that they were read, see
   * `Conversation.markRead`. `none`: for programs without a person, and for load generators.
   */
  readonly receipts?: ReceiptPolicy
  /** Name and version of the program, at most 64 characters. */
  readonly agent?: string
  /** Time, randomness, network: the browser's when absent. Node programs pass `nodeSystem()`, simulators their own. */
  readonly system?: System
  /** Arithmetic of the Signal code: the portable one when absent. */
  readonly signalPrimitives?: SignalPrimitives
  /** Signs for the device: the portable one when absent. */
  readonly loadSigner?: LoadSigner
}

/**
 * Opens a profile and returns a client that is ready to use. A profile without a device is signed in with `wallet`: a device is
 * added to the account log, a session opened, prekeys uploaded. A profile with a device starts without network too (state
 * `offline`; what is sent waits).
 *
 * Rejects with `client.not_signed_in` (no device, no wallet), `unavailable.server` and `timeout` (first login without network),
 * `client.domain_mismatch`, `client.insecure_url`, `server.identity_changed`, `incompatible.protocol`, `account.policy`,
 * `account.closed`, the reason of a refused proof, `e2ee.self_test`, `client.store`. The store is closed then.
 */
export function createClient(options: ClientOptions): Promise<Client> {
  return createEvegramClient(options)
}

/** {@link createClient} for parts of the SDK that serve the client to others. */
export async function createEvegramClient(options: ClientOptions): Promise<EvegramClient> {
  try {
    return await openClient(options)
  } catch (error) {
    await options.store.close()
    throw error
  }
}

async function openClient(options: ClientOptions): Promise<EvegramClient> {
  const { store, wallet, agent } = options
  const system = options.system ?? webSystem()
  const { clock, random, serverClock, fetch } = system
  const signal = await loadSignal({ random, ...(options.signalPrimitives === undefined ? {} : { primitives: options.signalPrimitives }) })
  const server = await findServer(options, system)
  const auth = createAuthApi({ server, fetch, clock, random, serverClock })
  const { wallyUrl, blobsUrl } = server
  const push = server.pushKey === undefined ? undefined : (tokens: TokenSource) => createPushApi({ url: server.authUrl, server, fetch, clock, random, serverClock, tokens })
  const blobs = blobsUrl === undefined ? undefined : (tokens: TokenSource) => createBlobApi({ url: blobsUrl, server, fetch, clock, random, serverClock, tokens })
  const wally = wallyUrl === undefined ? undefined : (tokens: TokenSource, starting: () => void) => {
    const ports = { url: wallyUrl, server, fetch, clock, random, serverClock, tokens, starting }
    return { wally: createWallyApi(ports), operator: operatorApiOfDevice(ports) }
  }
  return openProfile({ store, wallet, server, auth, wally, blobs, push, system, signal, agent, loadSigner: options.loadSigner, requests: options.requests ?? 'ask', receipts: options.receipts ?? 'tell' })
}

/** What discovery finds; for a profile that was here before and no network, what it found last time. */
async function findServer(options: ClientOptions, { fetch, clock, serverClock }: System): Promise<DiscoveredServer> {
  const { url, domain, store } = options
  const profile = await readProfile(store)
  try {
    const server = await discoverServer({
      url, fetch, clock, serverClock, ...(domain === undefined ? {} : { domain }), ...(profile === undefined ? {} : { pinnedServerId: profile.serverId }),
    })
    await store.commit([serverChange(server)])
    return server
  } catch (error) {
    const isOutage = isEvegramError(error) && (error.code === 'unavailable.server' || error.code === 'timeout')
    const known = isOutage && profile !== undefined ? await readServer(store) : undefined
    if (known === undefined) throw error
    return known
  }
}

/** Whether `store` holds a signed-in device: then no wallet is needed to open it. */
export async function isSignedIn(store: LocalStore): Promise<boolean> {
  return (await readProfile(store)) !== undefined
}
