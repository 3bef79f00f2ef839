// The smallest page that opens a profile as applications do.
import { createLocalWallet, openBrowserClient } from '@evegram/sdk/browser'

/** What became of a first login without network: the encryption is loaded, repaired and self-tested before the server is looked for. */
globalThis.attempt = async () => {
  const wallet = createLocalWallet('solana', new Uint8Array(32).fill(7))
  try {
    await openBrowserClient({ url: 'http://localhost:1', profile: 'bundled', wallet })
    return 'connected'
  } catch (error) {
    return error.code ?? `${error.name}: ${error.stack}`
  }
}
