import { createClient, createLocalWallet, MemoryStore, type Client } from '@evegram/sdk'
import { nodePrimitives, nodeSigner, nodeSystem } from '@evegram/sdk/node'

/** How many sign in at the same time. */
const AT_ONCE = 8
const CHAINS = ['solana', 'ton', 'terra'] as const

/** Somebody who follows a channel, with a device of their own. */
export interface Follower {
  readonly client: Client
  /** Posts that this device told of since it follows, in the order told. */
  readonly told: readonly string[]
  /** Posts as they stand in the store of this device. */
  readonly stored: () => Promise<readonly string[]>
}

/** `count` people, on wallets of all chains, who sign in and follow the channel of `link`. */
export async function gatherFollowers(url: string, link: string, count: number): Promise<readonly Follower[]> {
  const followers: Follower[] = []
  const numbers = Array.from({ length: count }, (_, at) => at)
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let at = numbers.pop(); at !== undefined; at = numbers.pop()) followers.push(await follower(url, link, at))
  }))
  return followers
}

async function follower(url: string, link: string, at: number): Promise<Follower> {
  const wallet = createLocalWallet(CHAINS[at % CHAINS.length] ?? 'solana', crypto.getRandomValues(new Uint8Array(32)))
  const client = await createClient({ url, wallet, store: new MemoryStore(), system: nodeSystem(), signalPrimitives: nodePrimitives, loadSigner: nodeSigner })
  await client.whenSynced()
  const channel = await client.followChannel(link)
  const told: string[] = []
  client.on('channel-post', ({ text }) => { told.push(text) })
  return { client, told, stored: async () => (await channel.posts()).map(({ text }) => text) }
}
