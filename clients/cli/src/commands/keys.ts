import { EvegramError } from '@evegram/protocol'
import type { Context } from '../context.js'
import { CHAINS, createWalletFile, describeWalletFile, type Chain } from '../wallet-file.js'

/** `evegram keys new`: makes a wallet of a chain and writes it to a file. */
export async function keysNew(context: Context, options: { readonly chain: string; readonly out: string }): Promise<void> {
  const chain = CHAINS.find((known): known is Chain => known === options.chain)
  if (chain === undefined) {
    throw new EvegramError('invalid.argument', { operation: 'make wallet', advice: `--chain must be one of ${CHAINS.join(', ')}.` })
  }
  const wallet = createWalletFile(options.out, chain, context.passphrase)
  if (context.passphrase === undefined) {
    context.output.note('The key is stored unencrypted (file mode 0600). Set EVEGRAM_WALLET_PASSPHRASE to encrypt it.')
  }
  await context.output.result({ chain, address: wallet.address, file: options.out }, `${chain} wallet ${wallet.address}\nwritten to ${options.out}`)
}

/** `evegram keys show`: chain and address of a wallet file. */
export async function keysShow(context: Context, options: { readonly wallet: string }): Promise<void> {
  const { chain, address } = describeWalletFile(options.wallet)
  await context.output.result({ chain, address }, `${chain} ${address}`)
}
