import type { Contact } from '@evegram/sdk'
import type { Context } from '../context.js'
import { synced } from '../synced.js'
import { visible } from '../visible.js'

/** How long the server may be away before what this device has is shown or changed without it. */
const AWAY_MS_MAX = 5_000

/** `evegram contacts`: whom the user named, accepted or blocked. */
export async function contacts(context: Context): Promise<void> {
  await context.withClient(async (client) => {
    await synced(client, AWAY_MS_MAX)
    const found = await client.contacts.list()
    for (const contact of found) await print(context, contact)
    if (found.length === 0) context.output.note('Nobody yet. Give somebody a name: evegram contacts name <address> <name>')
  })
}

/** `evegram contacts name`: gives a name that only the own devices see; without one it is taken back. */
export async function nameContact(context: Context, addressOrAccount: string, name: string | undefined): Promise<void> {
  await context.withClient(async (client) => {
    await client.contacts.rename(addressOrAccount, name ?? '')
    await print(context, await client.contacts.get(addressOrAccount))
  })
}

async function print(context: Context, { account, address, name, relation }: Contact): Promise<void> {
  await context.output.result(
    { account, address: address ?? null, name: name ?? null, relation: relation ?? null },
    `${address ?? account}  ${name === undefined ? '(no name)' : visible(name)}${relation === undefined ? '' : `  ${relation}`}`,
  )
}
