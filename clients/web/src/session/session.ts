import { EvegramError } from '@evegram/protocol'
import type { Chain, Network } from '@evegram/protocol/proof'
import type { Client, Wallet } from '@evegram/sdk'
import { codeOf } from '../i18n/error-text.js'
import type { FoundWallet } from '../wallets/found-wallet.js'
import { WalletPrompts } from '../wallets/wallet-prompts.js'
import { isKnownProfile, noteProfile } from './known-profile.js'
import { followAccount } from '../preferences.js'
import { forgetWakes, keepWakes } from '../push/wakes.js'
import { forgetDemoWallet, hasDemoWallets, openDemoWallet, rememberedDemoChain } from './demo-wallet.js'

/** Who uses the page. */
export type Session =
  | { readonly status: 'starting' }
  /** `demo`: demo wallets are offered. `code`: why the last try failed. */
  | { readonly status: 'signed_out'; readonly demo: boolean; readonly code?: string }
  | { readonly status: 'signing_in' }
  /** Keys and messages are being removed from this browser. */
  | { readonly status: 'ending' }
  | { readonly status: 'ready'; readonly client: Client }

/** The one connection of the page. It lives here, outside of all components, which only listen. */
export class SessionStore {
  /** What wallets on other devices want of the person; the page shows it whatever else it shows. */
  readonly prompts = new WalletPrompts()
  readonly #profile: string
  readonly #listeners = new Set<() => void>()
  #session: Session = { status: 'starting' }
  #demo = false
  /** The wallet program that this session began with. */
  #found: FoundWallet | undefined
  #stopWatching: () => void = () => undefined
  #stopRenewing: () => void = () => undefined

  constructor(profile: string) {
    this.#profile = profile
  }

  readonly subscribe = (changed: () => void): (() => void) => {
    this.#listeners.add(changed)
    return () => { this.#listeners.delete(changed) }
  }

  readonly getSnapshot = (): Session => this.#session

  /** Opens the profile of this browser, where it has one. Never rejects. */
  async start(): Promise<void> {
    this.#demo = await hasDemoWallets()
    if (isKnownProfile(this.#profile)) await this.#open(undefined)
    else this.#set({ status: 'signed_out', demo: this.#demo })
  }

  /** Signs in with a demo wallet of `chain`, made now where this browser has none. Never rejects: the session says how it went. */
  async signInWithDemo(chain: Chain): Promise<void> {
    await this.#signIn(async () => openDemoWallet(this.#profile, chain))
  }

  /** Signs in with a wallet program of this browser, or one on another device. Never rejects: the session says how it went. */
  async signInWith(found: FoundWallet): Promise<void> {
    await this.#signIn(async () => found.connect(await readNetwork(), { prompts: this.prompts, purpose: 'sign-in' }))
    this.#found = found
  }

  /** The wallet with this address, to sign a change of the account. Rejects `client.not_signed_in` where this browser has it no more. */
  async openWallet(address: string): Promise<Wallet> {
    const chain = rememberedDemoChain(this.#profile)
    const wallet = chain === undefined ? await this.#found?.connect(await readNetwork(), { prompts: this.prompts, purpose: 'sign' }) : await openDemoWallet(this.#profile, chain)
    if (wallet?.address !== address) throw new EvegramError('client.not_signed_in', { operation: 'open wallet' })
    return wallet
  }

  /** Opens a wallet that the person chose, to sign with from now on, once `accept` takes it. Rejects as {@link FoundWallet.connect} and `accept` do, and `unavailable.server`. */
  async connect(found: FoundWallet, accept: (wallet: Wallet) => Promise<void>): Promise<Wallet> {
    const wallet = await found.connect(await readNetwork(), { prompts: this.prompts, purpose: 'choose' })
    await accept(wallet)
    this.#found = found
    return wallet
  }

  /** Ends the session on this device for good: it is revoked where the server can be reached, and its keys and messages are removed from this browser. Never rejects. */
  async signOut(): Promise<void> {
    const session = this.#session
    await this.#end(session.status === 'ready' ? session.client : undefined, async (client) => { await revokeOwnDevice(client) })
  }

  /** Closes the client, after `before`, and removes what this browser has of the profile. `code`: why, where the person did not ask for it. */
  async #end(client: Client | undefined, before: (client: Client) => Promise<void>, code?: string): Promise<void> {
    this.#stopWatching()
    this.#stopRenewing()
    this.#set({ status: 'ending' })
    noteProfile(this.#profile, false)
    forgetDemoWallet(this.#profile)
    followAccount(undefined)
    const walletTold = this.#found?.end?.()
    this.#found = undefined
    await forgetWakes(this.#profile)
    const { forgetProfile } = await import('./open-client.js')
    try {
      if (client !== undefined) {
        await before(client)
        await client.close()
      }
      await forgetProfile(this.#profile)
      await walletTold
      this.#set({ status: 'signed_out', demo: this.#demo, ...(code === undefined ? {} : { code }) })
    } catch (error) {
      this.#set({ status: 'signed_out', demo: this.#demo, code: codeOf(error) })
    }
  }

  /** A device that was revoked keeps nothing: who revokes one that was lost wants its messages out of the hands that have it. Every open tab hears it. */
  #watch(client: Client): void {
    this.#stopWatching()
    this.#stopWatching = client.on('state', ({ state, error }) => {
      if (state !== 'closed' || error?.code !== 'client.revoked') return
      wasRevoked(client).then(async (revoked) => {
        if (revoked) await this.#end(client, async () => undefined, error.code)
      }, (failure: unknown) => { console.warn('the revocation could not be looked up', codeOf(failure)) })
    })
  }

  async #signIn(findWallet: () => Promise<Wallet>): Promise<void> {
    this.#set({ status: 'signing_in' })
    await this.#open(findWallet)
  }

  async #open(findWallet: (() => Promise<Wallet>) | undefined): Promise<void> {
    try {
      const { openClient } = await import('./open-client.js')
      const wallet = await findWallet?.()
      const client = await openClient({ url: globalThis.location.origin, profile: this.#profile, ...(wallet === undefined ? {} : { wallet }) })
      noteProfile(this.#profile, true)
      this.#watch(client)
      this.#set({ status: 'ready', client })
      this.#stopRenewing = keepWakes(client, this.#profile)
    } catch (error) {
      const code = codeOf(error)
      // The browser forgot the device, or somebody cleared its data: a new one is to be made, which is no failure.
      const isGone = code === 'client.not_signed_in' && findWallet === undefined
      if (isGone) noteProfile(this.#profile, false)
      this.#set({ status: 'signed_out', demo: this.#demo, ...(isGone ? {} : { code }) })
    }
  }

  #set(session: Session): void {
    this.#session = session
    for (const listener of [...this.#listeners]) listener()
  }
}

/** Revokes the device by its own key. Offline the account keeps a device whose keys are gone: another one can revoke it. */
async function revokeOwnDevice(client: Client): Promise<void> {
  try {
    await client.revokeDevice(client.device)
  } catch (error) {
    console.warn('the device was not revoked', codeOf(error))
  }
}

/** Whether the own account's log, which this device verifies, says so: a server that merely claims it must not make anybody's messages go. Rejects where the log cannot be read. */
async function wasRevoked(client: Client): Promise<boolean> {
  return (await client.devices()).some(({ device, active }) => device === client.device && !active)
}

/** Which of the people of this browser the address names: `?profile=bob`. */
export function profileOf(search: string): string {
  const name = new URLSearchParams(search).get('profile') ?? ''
  return /^[a-z0-9-]{1,32}$/.test(name) ? name : 'default'
}

/** On which networks the wallets of this server are. Rejects `unavailable.server`. */
export async function readNetwork(): Promise<Network> {
  try {
    const answer: unknown = await (await fetch('/.well-known/evegram')).json()
    if (typeof answer === 'object' && answer !== null && 'network' in answer && answer.network === 'testnet') return 'testnet'
    return 'mainnet'
  } catch (error) {
    throw new EvegramError('unavailable.server', { operation: 'read network', cause: error })
  }
}
