import type { Context } from '../context.js'

/** `evegram login`: adds this profile as a device of the wallet's account. */
export async function login(context: Context, options: { readonly wallet: string }): Promise<void> {
  const client = await context.login(options.wallet)
  try {
    await context.output.result(
      { account: client.account, device: client.device, address: client.address, server: context.server },
      `Signed in as ${client.address}\naccount ${client.account}\ndevice  ${client.device}`,
    )
  } finally {
    await client.close()
  }
}
