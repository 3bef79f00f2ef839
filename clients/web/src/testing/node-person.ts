import type { Chain } from '@evegram/protocol/proof'
import { createClient, createLocalWallet, MemoryStore, type Client, type LocalStore, type StoreChange } from '@evegram/sdk'
import { nodePrimitives, nodeSigner, nodeSystem, wsSockets } from '@evegram/sdk/node'
import type { SocketFactory } from '@evegram/sdk/parts'

/** Somebody whose client runs in this process: every byte of their connection, and every row that was ever in their store, can be looked at. */
export interface NodePerson {
  readonly client: Client
  readonly address: string
  /** Every message that came over the socket, in order. */
  readonly received: readonly Uint8Array[]
  /** Every value that was ever committed under a key of the Signal code: what was thrown away since is in it, too. */
  readonly keysEverHeld: readonly { readonly key: string; readonly value: Uint8Array }[]
}

/** Signs somebody with a new wallet of `chain` in at `url`. They take what strangers write. */
export async function nodePerson(url: string, chain: Chain): Promise<NodePerson> {
  const received: Uint8Array[] = []
  const store = new KeepingStore()
  const wallet = createLocalWallet(chain, crypto.getRandomValues(new Uint8Array(32)))
  const client = await createClient({
    url, wallet, store, requests: 'accept-all', system: { ...nodeSystem(), sockets: listeningTo(received) }, signalPrimitives: nodePrimitives, loadSigner: nodeSigner,
  })
  return { client, address: wallet.address, received, keysEverHeld: store.keysEverHeld }
}

function listeningTo(received: Uint8Array[]): SocketFactory {
  return {
    open: (url, events, messageBytesMax) => wsSockets.open(url, {
      onOpen: () => { events.onOpen() },
      onMessage: (bytes) => {
        received.push(bytes.slice())
        events.onMessage(bytes)
      },
      onText: () => { events.onText() },
      onClose: (close) => { events.onClose(close) },
    }, messageBytesMax),
  }
}

/** A store that forgets no key. */
class KeepingStore extends MemoryStore implements LocalStore {
  readonly keysEverHeld: { readonly key: string; readonly value: Uint8Array }[] = []

  override async commit(changes: readonly StoreChange[]): Promise<void> {
    await super.commit(changes)
    for (const { key, value } of changes) if (key.startsWith('signal/') && value !== undefined) this.keysEverHeld.push({ key, value: value.slice() })
  }
}
