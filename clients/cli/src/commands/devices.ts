import type { Context } from '../context.js'

/** `evegram devices`: the devices of the own account. */
export async function devices(context: Context): Promise<void> {
  await context.withClient(async (client) => {
    for (const device of await client.devices()) {
      const state = device.active ? 'active' : 'revoked'
      const own = device.device === client.device ? ' (this one)' : ''
      await context.output.result(
        { device: device.device, active: device.active, thisDevice: device.device === client.device, addedAt: new Date(device.attestedAtMs).toISOString() },
        `${device.device}  ${state}${own}`,
      )
    }
  })
}

/** `evegram devices revoke`: takes the right to read and send from a device, for ever. */
export async function revokeDevice(context: Context, device: string, options: { readonly wallet?: string }): Promise<void> {
  await context.withClient(async (client) => {
    const wallet = device === client.device && options.wallet === undefined ? undefined : context.wallet(options.wallet)
    await client.revokeDevice(device, wallet)
    await context.output.result({ device, active: false }, `revoked ${device}`)
  })
}
