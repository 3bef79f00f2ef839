import type { Network } from '@evegram/protocol/proof'
import type { Wallet } from '@evegram/sdk'
import type { ConnectHow, FoundWallet } from '../found-wallet.js'
import { connectTon, type TonProgram } from '../ton-signer.js'
import { BridgeSession } from './bridge-session.js'
import { pageSystem, type BridgeSystem } from './bridge-system.js'
import type { RemoteTonWallet } from './remote-ton-wallet.js'

/**
 * The connection of this page with one wallet on another device. Its session is kept in memory alone: when the page is closed it is gone, and the person connects anew.
 */
export class RemoteConnection implements Pick<FoundWallet, 'connect' | 'end'> {
  readonly #remote: RemoteTonWallet
  readonly #system: BridgeSystem
  /** The wallet that is connected, and on which networks. */
  #known: { readonly network: Network; readonly wallet: Wallet } | undefined
  #session: BridgeSession | undefined

  constructor(remote: RemoteTonWallet, system: BridgeSystem = pageSystem) {
    this.#remote = remote
    this.#system = system
  }

  /** The wallet, without asking again where it is connected still. A person who signs in says whether the account that answered is theirs: a bridge could answer in the place of a wallet. */
  async connect(network: Network, { prompts, purpose }: ConnectHow): Promise<Wallet> {
    const known = this.#known
    if (purpose === 'sign' && known?.network === network && this.#session?.isAlive === true) return known.wallet
    this.#known = undefined
    const wallet = await connectTon(this.#programFor(prompts), network)
    if (purpose === 'sign-in') await this.#requireOwn(prompts, wallet.address)
    this.#known = { network, wallet }
    return wallet
  }

  async #requireOwn(prompts: ConnectHow['prompts'], address: string): Promise<void> {
    try {
      await prompts.confirmOwn(this.#remote.name, address)
    } catch (error) {
      await this.end()
      throw error
    }
  }

  async end(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    this.#known = undefined
    await session?.end()
  }

  #programFor(prompts: ConnectHow['prompts']): TonProgram {
    const { name, bridgeUrl, universalUrl } = this.#remote
    const bridge = new URL(bridgeUrl).host
    return {
      isRemote: true,
      connect: async (items) => {
        // A link asks for a new session: a wallet knows an application by the id in it.
        const before = this.#session
        const session = new BridgeSession(bridgeUrl, this.#system)
        this.#session = session
        const link = session.linkFor(universalUrl, { manifestUrl: `${globalThis.location.origin}/tonconnect-manifest.json`, items })
        const [event] = await Promise.all([prompts.during({ kind: 'link', wallet: name, link, bridge }, (waiting) => session.connected(waiting)), before?.end()])
        return event
      },
      send: async (method, params) => {
        const session = this.#session
        if (session === undefined) throw new Error('a wallet is connected before it is asked to sign')
        return prompts.during({ kind: 'confirm', wallet: name, link: session.linkBack(universalUrl), bridge }, (waiting) => session.request(method, params, waiting))
      },
      deviceInfo: () => this.#session?.device,
    }
  }
}
