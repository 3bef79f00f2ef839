import { createClient, MemoryStore, type Client, type Wallet } from '@evegram/sdk'

/** What {@link openClient} needs. */
export interface OpenOptions {
  /** Origin of the server. */
  readonly url: string
  /** People of one browser, each with messages of their own. */
  readonly profile: string
  /** For a profile that has no device yet. */
  readonly wallet?: Wallet
}

/** Opens the profile. The only place of the page that makes clients. Rejects as `createClient` does. */
export function openClient({ url, wallet }: OpenOptions): Promise<Client> {
  return createClient({ url, store: new MemoryStore(), agent: 'evegram-web', ...(wallet === undefined ? {} : { wallet }) })
}
