/** What the event of a page that looks for wallets brings. */
interface AppReady extends Event {
  readonly detail: { register(wallet: object): void }
}

/**
 * Runs in the page, before it: a wallet as extensions announce themselves by the Wallet Standard, with a key of its own. Everything that it uses must stand inside of it.
 */
export function fakeSolanaWallet(): void {
  const DIGITS = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
  const base58 = (bytes: Uint8Array): string => {
    let text = ''
    for (let rest = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n); rest > 0n; rest /= 58n) text = `${DIGITS[Number(rest % 58n)] ?? ''}${text}`
    return '1'.repeat(bytes.findIndex((byte) => byte !== 0)) + text
  }
  const made = crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify']).then(async (pair) => {
    if (!('privateKey' in pair)) throw new Error('Ed25519 makes pairs')
    return { pair, key: new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)) }
  })
  const connect = async (): Promise<object> => {
    const { key } = await made
    return { accounts: [{ address: base58(key), publicKey: key, chains: ['solana:mainnet'], features: ['solana:signMessage'] }] }
  }
  const signMessage = async ({ message }: { readonly message: Uint8Array<ArrayBuffer> }): Promise<readonly object[]> => {
    const { pair } = await made
    return [{ signedMessage: message, signature: new Uint8Array(await crypto.subtle.sign('Ed25519', pair.privateKey, message)) }]
  }
  const wallet = {
    version: '1.0.0', name: 'Lantern', icon: 'https://elsewhere.example/icon.png', chains: ['solana:mainnet'], accounts: [],
    features: { 'standard:connect': { version: '1.0.0', connect }, 'solana:signMessage': { version: '1.0.0', signMessage } },
  }
  // Only a page that looks for wallets sends this event, and with this detail.
  addEventListener('wallet-standard:app-ready', (event) => { (event as AppReady).detail.register(wallet) })
}
