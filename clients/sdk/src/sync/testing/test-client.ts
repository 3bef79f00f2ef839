import { sha256 } from '@noble/hashes/sha2.js'
import { utf8, type AccountId } from '@evegram/protocol'
import type { Chain } from '@evegram/protocol/proof'
import { createAccountVerifier } from '../../account/log-verifier.js'
import type { AuthApi, TokenSource } from '../../api/auth-api.js'
import type { WallyApi } from '../../api/wally-api.js'
import { ServerClock } from '../../api/server-clock.js'
import { EvegramClient } from '../../evegram-client.js'
import { ClientCore } from '../../core/client-core.js'
import { LocalState } from '../../core/local-state.js'
import type { RequestPolicy } from '../../core/message-requests.js'
import type { ReceiptPolicy } from '../../core/receipt-book.js'
import { signerOf, signIn } from '../../core/login.js'
import { noblePrimitives } from '../../crypto/noble-primitives.js'
import type { Signal } from '../../crypto/signal.js'
import { loadSignal } from '../../crypto/load-signal.js'
import { EventHub, type ClientEvents } from '../../events.js'
import type { BlobApi } from '../../files/blob-api.js'
import { nodePrimitives } from '../../node/signal-primitives.js'
import type { LocalStore } from '../../store/local-store.js'
import { systemRandom } from '../../system.js'
import { createLocalWallet, type LocalWallet } from '../../wallets/index.js'
import { tendPreKeys } from '../prekey-upkeep.js'
import { FakeLink } from './fake-link.js'
import { FAKE_SERVER, type FakeServer } from './fake-server.js'
import { NOTICE_KEY } from './signed-notice.js'
import { rest } from './virtual-clock.js'

let loading: Promise<Signal> | undefined

/** The Signal library with arithmetic that answers at once: then a test comes to rest without real time. */
export function testSignal(): Promise<Signal> {
  loading ??= loadSignal({ random: systemRandom, primitives: nodePrimitives })
  return loading
}

/** A wallet by name: the same name, the same wallet. */
export function testWallet(name: string, chain: Chain = 'solana'): LocalWallet {
  return createLocalWallet(chain, sha256(utf8(`test wallet ${name}`)))
}

/** A client on a fake server, with what a test looks at. */
export interface TestClient {
  readonly client: EvegramClient
  readonly core: ClientCore
  readonly link: FakeLink
  readonly store: LocalStore
  readonly log: { readonly name: keyof ClientEvents; readonly event: unknown }[]
  /** Codes of refused things, in order. */
  refusals(): string[]
}

const WATCHED: readonly (keyof ClientEvents)[] = [
  'message', 'message-changed', 'message-request', 'request-changed', 'message-expired', 'timer-changed', 'history-request', 'history-changed', 'history-imported', 'message-state', 'receipts-changed', 'device-added', 'device-revoked', 'identity-changed', 'gap', 'account-alarm', 'state', 'security', 'session-healed', 'fault', 'group-changed', 'group-named',
  'group-alarm', 'channel-post', 'channel-changed', 'channel-gap', 'channel-alarm', 'channel-post-failed', 'payment-failed', 'payment-changed', 'wallet-notice', 'server-notice',
]

/**
 * Signs in (or opens) the profile of `store` and connects it. `auth` stands in for the API of the server, `wally` for that of its wallet bridge, `blobs` for its store of files.
 * Without `receipts` others are told nothing of what came here.
 */
export async function openTestClient(server: FakeServer, store: LocalStore, wallet?: LocalWallet, auth: AuthApi = server.api(), wally?: (account: AccountId) => WallyApi, requests?: RequestPolicy, blobs?: BlobApi, receipts?: ReceiptPolicy): Promise<TestClient> {
  const random = systemRandom
  const { clock } = server
  const signal = await testSignal()
  const serverClock = new ServerClock(clock)
  const { domain, origin, network } = FAKE_SERVER
  const accounts = createAccountVerifier({ api: auth, store, primitives: noblePrimitives, domain, origin, network, clock, serverClock })
  const { profile, keys, isNew } = await signIn({ store, signal, random, server: FAKE_SERVER, serverClock, auth, accounts }, wallet)
  const tokens: TokenSource = { signer: signerOf(profile.account, keys), accessToken: () => Promise.resolve('a'), forgetAccessToken: () => undefined }
  if (isNew) await tendPreKeys({ local: new LocalState(store), signal, keys, auth, tokens, time: serverClock })
  const events = new EventHub(clock)
  const log: TestClient['log'] = []
  for (const name of WATCHED) events.on(name, (event) => { log.push({ name, event }) })
  let link: FakeLink | undefined
  const core = await ClientCore.start({
    profile, keys, store, clock, random, signal, primitives: noblePrimitives, serverClock, auth, tokens, accounts, events, requests, receipts, noticeKeys: [NOTICE_KEY],
    startLink: (linkEvents, cursorMs) => {
      link = new FakeLink(server, profile.account, keys.device, linkEvents, cursorMs)
      return link
    },
  })
  if (link === undefined) throw new Error('the core started no link')
  link.up()
  await rest()
  const client = new EvegramClient({ core, server: FAKE_SERVER, store, clock, random, wally: wally?.(profile.account), blobs })
  return {
    client, core, link, store, log,
    refusals: () => log.filter(({ name }) => name === 'security').map(({ event }) => (event as ClientEvents['security']).code),
  }
}

/** Texts of a conversation as shown, in its order. */
export async function textsOf(test: TestClient, peer: TestClient): Promise<string[]> {
  const conversation = await test.client.conversation(peer.client.account)
  return (await conversation.history(10_000)).map(({ text }) => text)
}
