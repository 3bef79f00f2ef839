import { EvegramError } from '@evegram/protocol'
import type { Chain, Network } from '@evegram/protocol/proof'
import type { Client, Wallet } from '@evegram/sdk'
import { codeOf } from '../i18n/error-text.js'
import type { FoundWallet } from '../wallets/found-wallet.js'
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
    const chain = this.#demo ? rememberedDemoChain(this.#profile) : undefined
    if (chain === undefined) this.#set({ status: 'signed_out', demo: this.#demo })
    else await this.signInWithDemo(chain)
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

  /** Ends the session on this device. Its keys are forgotten with the page. */
  async signOut(): Promise<void> {
    const session = this.#session
    forgetDemoWallet(this.#profile)
    this.#set({ status: 'signed_out', demo: this.#demo })
    if (session.status === 'ready') await session.client.close()
  }

  async #signIn(findWallet: () => Promise<Wallet>): Promise<void> {
    this.#set({ status: 'signing_in' })
    try {
      const { openClient } = await import('./open-client.js')
      const client = await openClient({ url: globalThis.location.origin, profile: this.#profile, wallet: await findWallet() })
      this.#set({ status: 'ready', client })
    } catch (error) {
      this.#set({ status: 'signed_out', demo: this.#demo, code: codeOf(error) })
    }
  }

  #set(session: Session): void {
    this.#session = session
    for (const listener of [...this.#listeners]) listener()
  }
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
