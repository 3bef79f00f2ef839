import type { Client, Wallet } from '@evegram/sdk'
import { deleteIndexedDbStore, openBrowserClient } from '@evegram/sdk/browser'

/** What {@link openClient} needs. */
export interface OpenOptions {
  /** Origin of the server. */
  readonly url: string
  /** People of one browser, each with messages of their own. */
  readonly profile: string
  /** For a profile that has no device yet. */
  readonly wallet?: Wallet
}

/** Opens the profile, which all tabs of this browser share. The only place of the page that makes clients. Rejects as `openBrowserClient` does. */
export function openClient({ url, profile, wallet }: OpenOptions): Promise<Client> {
  return openBrowserClient({ url, profile, agent: 'evegram-web', requests: 'ask', ...(wallet === undefined ? {} : { wallet }) })
}

/** Removes the keys and messages of a profile from this browser, once no tab has it open. */
export function forgetProfile(profile: string): Promise<void> {
  return deleteIndexedDbStore(profile)
}
