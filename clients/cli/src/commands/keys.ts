import { EvegramError } from '@evegram/protocol'
import type { Context } from '../context.js'
import { askNewPassphrase } from '../passphrase.js'
import { CHAINS, createWalletFile, describeWalletFile, type Chain } from '../wallet-file.js'

/** `evegram keys new`: makes a wallet of a chain and writes it to a file. */
export async function keysNew(
  context: Context, options: { readonly chain: string; readonly out: string; readonly encrypt?: boolean },
): Promise<void> {
  const chain = CHAINS.find((known): known is Chain => known === options.chain)
  if (chain === undefined) {
    throw new EvegramError('invalid.argument', { operation: 'make wallet', advice: `--chain must be one of ${CHAINS.join(', ')}.` })
  }
  const passphrase = context.passphrase ?? (options.encrypt === true ? await askedPassphrase(context) : undefined)
  const wallet = createWalletFile(options.out, chain, passphrase)
  if (passphrase === undefined) context.output.note('The key is stored unencrypted (file mode 0600); --encrypt asks for a passphrase.')
  await context.output.result({ chain, address: wallet.address, file: options.out }, `${chain} wallet ${wallet.address}\nwritten to ${options.out}`)
}

/** `evegram keys show`: chain and address of a wallet file. */
export async function keysShow(context: Context, options: { readonly wallet: string }): Promise<void> {
  const { chain, address } = describeWalletFile(options.wallet)
  await context.output.result({ chain, address }, `${chain} ${address}`)
}

function askedPassphrase(context: Context): Promise<string> {
  if (context.output.interactive) return askNewPassphrase()
  throw new EvegramError('invalid.argument', {
    operation: 'make wallet', advice: 'Nobody can be asked here: put the passphrase into EVEGRAM_WALLET_PASSPHRASE.',
  })
}
