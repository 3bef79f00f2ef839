import { EvegramError } from '@evegram/protocol'
import type { Channel, Client } from '@evegram/sdk'
import { synced } from './synced.js'

/** How long the server may be away before a command about a channel goes on without it. */
export const AWAY_MS_MAX = 10_000
/** Digits of a channel id that are enough to name it, where they name one channel only. */
const ID_DIGITS_MIN = 6

/** A followed channel by its id, the first digits of it, or its name, where they name one channel only. Throws `invalid.argument`. */
export async function namedChannel(client: Client, wanted: string): Promise<Channel> {
  const found: Channel[] = []
  for (const channel of await client.channels()) {
    const byId = wanted.length >= ID_DIGITS_MIN && channel.id.startsWith(wanted.toLowerCase())
    if (byId || (await channel.name()) === wanted) found.push(channel)
  }
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  const none = 'This profile follows no such channel. See: evegram channel list'
  const several = 'This names several channels: write the id, or more digits of it. See: evegram channel list'
  throw new EvegramError('invalid.argument', { operation: 'find channel', advice: found.length === 0 ? none : several })
}

/**
 * Reads a followed channel to its end, as far as the server shows it, and posts what this device has to say about its authors.
 * Resolves `false` when there was no connection for that.
 */
export async function pullChannel(client: Client, channel: Channel): Promise<boolean> {
  // To follow once more is to follow once, and to be up to date afterwards.
  await client.followChannel(channel.link)
  return client.state === 'live'
}

/** Waits for the server. Throws `unavailable.server` once it was away for long. */
export async function connected(client: Client): Promise<void> {
  if (!(await synced(client, AWAY_MS_MAX))) throw serverAway()
}

/** The failure of a command that could not ask the server. */
export function serverAway(): EvegramError {
  return new EvegramError('unavailable.server', { operation: 'reach server', advice: 'The server does not answer. Try: evegram doctor' })
}
