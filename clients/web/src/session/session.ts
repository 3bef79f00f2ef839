import { EvegramError } from '@evegram/protocol'
import type { Chain, Network } from '@evegram/protocol/proof'
import type { Client, Wallet } from '@evegram/sdk'
import { codeOf } from '../i18n/error-text.js'
import type { FoundWallet } from '../wallets/found-wallet.js'
import { isKnownProfile, noteProfile } from './known-profile.js'
import { forgetDemoWallet, hasDemoWallets, openDemoWallet, rememberedDemoChain } from './demo-wallet.js'

/** Who uses the page. */
export type Session =
  | { readonly status: 'starting' }
  /** `demo`: demo wallets are offered. `code`: why the last try failed. */
  | { readonly status: 'signed_out'; readonly demo: boolean; readonly code?: string }
  | { readonly status: 'signing_in' }
  | { readonly status: 'ready'; readonly client: Client }

/** The one connection of the page. It lives here, outside of all components, which only listen. */
export class SessionStore {
  readonly #profile: string
  readonly #listeners = new Set<() => void>()
  #session: Session = { status: 'starting' }
  #demo = false
  /** The wallet program that this session began with. */
  #found: FoundWallet | undefined

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

  /** Signs in with a wallet program of this browser. Never rejects: the session says how it went. */
  async signInWith(found: FoundWallet): Promise<void> {
    await this.#signIn(async () => found.connect(await readNetwork()))
    this.#found = found
  }

  /** The wallet with this address, to sign a change of the account. Rejects `client.not_signed_in` where this browser has it no more. */
  async openWallet(address: string): Promise<Wallet> {
    const chain = rememberedDemoChain(this.#profile)
    const wallet = chain === undefined ? await this.#found?.connect(await readNetwork()) : await openDemoWallet(this.#profile, chain)
    if (wallet?.address !== address) throw new EvegramError('client.not_signed_in', { operation: 'open wallet' })
    return wallet
  }

  /** Ends the session on this device for good: it is revoked where the server can be reached, and its keys and messages are removed from this browser. Never rejects. */
  async signOut(): Promise<void> {
    const session = this.#session
    this.#set({ status: 'signing_in' })
    noteProfile(this.#profile, false)
    forgetDemoWallet(this.#profile)
    const { forgetProfile } = await import('./open-client.js')
    try {
      if (session.status === 'ready') await endDevice(session.client)
      await forgetProfile(this.#profile)
      this.#set({ status: 'signed_out', demo: this.#demo })
    } catch (error) {
      this.#set({ status: 'signed_out', demo: this.#demo, code: codeOf(error) })
    }
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
      this.#set({ status: 'ready', client })
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

/** Revokes the device by its own key and closes the client. Offline the account keeps a device whose keys are gone: another one can revoke it. */
async function endDevice(client: Client): Promise<void> {
  try {
    await client.revokeDevice(client.device)
  } catch (error) {
    console.warn('the device was not revoked', codeOf(error))
  }
  await client.close()
}

/** Which of the people of this browser the address names: `?profile=bob`. */
export function profileOf(search: string): string {
  const name = new URLSearchParams(search).get('profile') ?? ''
  return /^[a-z0-9-]{1,32}$/.test(name) ? name : 'default'
}

/** On which networks the wallets of this server are. Rejects `unavailable.server`. */
async function readNetwork(): Promise<Network> {
  try {
    const answer: unknown = await (await fetch('/.well-known/evegram')).json()
    if (typeof answer === 'object' && answer !== null && 'network' in answer && answer.network === 'testnet') return 'testnet'
    return 'mainnet'
  } catch (error) {
    throw new EvegramError('unavailable.server', { operation: 'read network', cause: error })
  }
}
