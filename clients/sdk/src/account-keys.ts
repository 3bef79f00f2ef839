import { decodeEntry, emptyHead, equalBytes, EvegramError, headOf } from '@evegram/protocol'
import { addressOf, chainOf, parseAddress } from '@evegram/protocol/proof'
import type { DiscoveredServer } from './api/discovered-server.js'
import type { Client } from './client.js'
import { linkWallet, revokeDevice, unlinkWallet, type AccountChangePorts } from './core/account-changes.js'
import type { ClientCore } from './core/client-core.js'
import type { OwnDevice, OwnLogEntry, OwnWallet } from './own-account.js'
import type { Wallet } from './wallets/wallet.js'

/** The part of a {@link Client} that shows and changes what the own account consists of: devices and wallets. */
export class AccountKeys implements Pick<Client, 'accountLog' | 'devices' | 'revokeDevice' | 'wallets' | 'linkWallet' | 'unlinkWallet'> {
  readonly #client: ClientCore
  readonly #server: DiscoveredServer

  constructor(client: ClientCore, server: DiscoveredServer) {
    this.#client = client
    this.#server = server
  }

  async accountLog(): Promise<readonly OwnLogEntry[]> {
    const { roster, auth, account } = this.#core
    const verified = await roster.refresh(account)
    const entries: OwnLogEntry[] = []
    let head: Uint8Array = emptyHead()
    while (entries.length < verified.seq) {
      const page = await auth.logPage(account, entries.length)
      for (const entry of page.entries.slice(0, verified.seq - entries.length)) {
        const { seq, kind, prev, atMs } = decodeEntry(entry)
        if (seq !== entries.length + 1 || !equalBytes(prev, head)) throw new EvegramError('account.log_invalid', { operation: 'read own log' })
        head = headOf(entry)
        entries.push({ seq, kind, atMs, entry })
      }
      if (page.entries.length === 0) throw new EvegramError('account.log_withheld', { operation: 'read own log' })
    }
    // What is behind that head was verified before.
    if (!equalBytes(head, verified.head)) throw new EvegramError('account.log_rolled_back', { operation: 'read own log' })
    return entries
  }

  async devices(): Promise<readonly OwnDevice[]> {
    const { state } = await this.#core.roster.refresh(this.#core.account)
    return [...state.devices].map(([device, { active, attestedAtMs }]) => ({ device, active, attestedAtMs }))
  }

  async revokeDevice(device: string, wallet?: Wallet): Promise<void> {
    const { state } = await this.#core.roster.refresh(this.#core.account)
    const target = [...state.devices.keys()].find((known) => known === device)
    if (target === undefined) throw new EvegramError('account.device_unknown', { operation: 'revoke device' })
    const changes = this.#changes()
    await this.#client.revocations.owe(target)
    await revokeDevice(changes, target, wallet)
    await this.#reload()
    await this.#client.revocations.tell()
  }

  async wallets(): Promise<readonly OwnWallet[]> {
    const { state } = await this.#core.roster.refresh(this.#core.account)
    return [...state.wallets].map(([wallet, { active }]) => ({
      address: addressOf(wallet), chain: chainOf(wallet), founding: wallet === state.foundingWallet, active,
    }))
  }

  async linkWallet(foundingWallet: Wallet, newWallet: Wallet): Promise<void> {
    await linkWallet(this.#changes(), foundingWallet, newWallet)
    await this.#reload()
  }

  async unlinkWallet(address: string, wallet: Wallet): Promise<void> {
    const { walletId } = parseAddress(address, { network: this.#server.network })
    await unlinkWallet(this.#changes(), walletId, wallet)
    await this.#reload()
  }

  get #core(): ClientCore['core'] {
    return this.#client.core
  }

  async #reload(): Promise<void> {
    await this.#core.roster.loadAccount(this.#core.account)
  }

  #changes(): AccountChangePorts {
    this.#client.check()
    const { auth, accounts, keys, account, time } = this.#core
    return { server: this.#server, auth, accounts, keys, account, nowMs: () => time.now() }
  }
}
