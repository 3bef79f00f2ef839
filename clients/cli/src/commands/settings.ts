import { EvegramError } from '@evegram/protocol'
import { SETTING_DEFAULTS, type Client, type SettingName, type SettingValues } from '@evegram/sdk'
import type { Context } from '../context.js'
import { synced } from '../synced.js'

/** How long the server may be away before what this device has is shown or changed without it. */
const AWAY_MS_MAX = 5_000
// Object.keys widens the names to string; the constant has no other.
const NAMES = Object.keys(SETTING_DEFAULTS) as SettingName[]

/** `evegram settings`: what counts on all own devices. */
export async function settings(context: Context): Promise<void> {
  await context.withClient(async (client) => {
    await synced(client, AWAY_MS_MAX)
    const all = await client.settings.all()
    for (const name of NAMES) await print(context, name, all)
  })
}

/** `evegram settings set`: changes one of them. */
export async function changeSetting(context: Context, name: string, value: string): Promise<void> {
  await context.withClient(async (client) => {
    const known = NAMES.find((each) => each === name)
    if (known === undefined) throw new EvegramError('invalid.argument', { operation: 'change setting', advice: `There are: ${NAMES.join(', ')}` })
    await change(client, known, value)
    await print(context, known, await client.settings.all())
  })
}

async function change(client: Client, name: SettingName, value: string): Promise<void> {
  if (name === 'language') return client.settings.set(name, value)
  if (name === 'theme') {
    const theme = (['system', 'light', 'dark'] as const).find((each) => each === value)
    if (theme === undefined) throw new EvegramError('invalid.argument', { operation: 'change setting', advice: 'Say system, light or dark.' })
    return client.settings.set(name, theme)
  }
  if (value !== 'on' && value !== 'off') throw new EvegramError('invalid.argument', { operation: 'change setting', advice: 'Say on or off.' })
  return client.settings.set(name, value === 'on')
}

async function print(context: Context, name: SettingName, all: SettingValues): Promise<void> {
  const value = all[name]
  const text = typeof value === 'boolean' ? (value ? 'on' : 'off') : value
  await context.output.result({ setting: name, value }, `${name}  ${text === '' ? '(as the system)' : text}`)
}
