import type { Context } from '../context.js'

/** `evegram wallets`: the wallets of the own account. */
export async function wallets(context: Context): Promise<void> {
  await context.withClient(async (client) => {
    for (const wallet of await client.wallets()) {
      await context.output.result(
        { address: wallet.address, chain: wallet.chain, founding: wallet.founding, active: wallet.active },
        `${wallet.address}  ${wallet.chain}${wallet.founding ? ', founding' : ''}${wallet.active ? '' : ', unlinked'}`,
      )
    }
  })
}

/** `evegram wallets link`: adds a wallet to the account; the founding wallet and the new one both sign. */
export async function linkWallet(context: Context, options: { readonly newWallet: string; readonly wallet?: string }): Promise<void> {
  await context.withClient(async (client) => {
    const added = context.wallet(options.newWallet)
    await client.linkWallet(context.wallet(options.wallet), added)
    await context.output.result({ address: added.address, linked: true }, `linked ${added.address}`)
  })
}

/** `evegram wallets unlink`: removes a wallet that was linked; the wallet itself or the founding one signs. */
export async function unlinkWallet(context: Context, address: string, options: { readonly wallet?: string }): Promise<void> {
  await context.withClient(async (client) => {
    await client.unlinkWallet(address, context.wallet(options.wallet))
    await context.output.result({ address, linked: false }, `unlinked ${address}`)
  })
}
