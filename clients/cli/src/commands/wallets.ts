import type { Context } from '../context.js'

/** `evegram wallets`: the wallets of the own account. */
export async function wallets(context: Context): Promise<void> {
  await context.withClient(async (client) => {
    for (const { address, chain, founding, active } of await client.wallets()) {
      const text = `${address}  ${chain}${founding ? ', founding' : ''}${active ? '' : ', unlinked'}`
      await context.output.result({ address, chain, founding, active }, text)
    }
  })
}

/** `evegram wallets link`: adds a wallet to the account; the founding wallet and the new one both sign. */
export async function linkWallet(context: Context, options: { readonly newWallet: string; readonly wallet?: string }): Promise<void> {
  await context.withClient(async (client) => {
    const added = await context.wallet(options.newWallet)
    await client.linkWallet(await context.wallet(options.wallet), added)
    await context.output.result({ address: added.address, linked: true }, `linked ${added.address}`)
  })
}

/** `evegram wallets unlink`: removes a wallet that was linked; the wallet itself or the founding one signs. */
export async function unlinkWallet(context: Context, address: string, options: { readonly wallet?: string }): Promise<void> {
  await context.withClient(async (client) => {
    await client.unlinkWallet(address, await context.wallet(options.wallet))
    await context.output.result({ address, linked: false }, `unlinked ${address}`)
  })
}
