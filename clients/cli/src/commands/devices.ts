import { EvegramError } from '@evegram/protocol'
import type { Client } from '@evegram/sdk'
import type { Context } from '../context.js'

/** Digits of a device id that are enough to name it, where they name one device only. */
const ID_DIGITS_MIN = 6

/** `evegram devices`: the devices of the own account. */
export async function devices(context: Context): Promise<void> {
  await context.withClient(async (client) => {
    for (const device of await client.devices()) {
      const state = device.active ? 'active' : 'revoked'
      const own = device.device === client.device ? ' (this one)' : ''
      const addedAt = new Date(device.attestedAtMs).toISOString()
      await context.output.result(
        { device: device.device, active: device.active, thisDevice: device.device === client.device, addedAt },
        `${device.device}  ${state}${own}  since ${addedAt.slice(0, 10)}`,
      )
    }
  })
}

/** `evegram devices revoke`: takes the right to read and send from a device, for ever. */
export async function revokeDevice(context: Context, id: string, options: { readonly wallet?: string }): Promise<void> {
  await context.withClient(async (client) => {
    const device = await namedDevice(client, id)
    const wallet = device === client.device && options.wallet === undefined ? undefined : await context.wallet(options.wallet)
    await client.revokeDevice(device, wallet)
    await context.output.result({ device, active: false }, `revoked ${device}`)
  })
}

async function namedDevice(client: Client, id: string): Promise<string> {
  const found = (await client.devices()).filter(({ device }) => id.length >= ID_DIGITS_MIN && device.startsWith(id.toLowerCase()))
  const [only] = found
  if (only !== undefined && found.length === 1) return only.device
  const none = 'Your account has no device of this id. See: evegram devices'
  const several = 'This names several devices: write more digits.'
  throw new EvegramError('invalid.argument', { operation: 'revoke device', advice: found.length === 0 ? none : several })
}
