import { EvegramError, GROUP_ROLES, LIMITS, type GroupRole } from '@evegram/protocol'
import type { Channel } from '@evegram/sdk'
import type { Context } from '../context.js'
import { AWAY_MS_MAX, connected, namedChannel, pullChannel, serverAway } from '../named-channel.js'
import { shortAddress } from '../message-line.js'
import { standardInput } from '../standard-input.js'
import { synced } from '../synced.js'
import { oneLine } from '../visible.js'

const KEEP_SECRET = 'Whoever has this link reads the channel, for ever: give it to its readers alone.'

/** `evegram channel create`: founds a channel, prints its link; the own account is its owner. */
export function createChannel(context: Context, name: string, authors: readonly string[]): Promise<void> {
  return context.withClient(async (client) => {
    await connected(client)
    const channel = await client.createChannel({ name, authors })
    await context.output.result({ ...await describeChannel(channel), link: channel.link }, `founded ${oneLine(name)}: ${channel.id}\n${channel.link}`)
    context.output.note(KEEP_SECRET)
  })
}

/** `evegram channel link`: prints the link of a channel. */
export function channelLink(context: Context, name: string): Promise<void> {
  return context.withClient(async (client) => {
    const channel = await namedChannel(client, name)
    await context.output.result({ channel: channel.id, link: channel.link }, channel.link)
    context.output.note(KEEP_SECRET)
  })
}

/** `evegram channel follow`: follows the channel of a link with this device; `-` reads the link from standard input. */
export async function followChannel(context: Context, link: string): Promise<void> {
  const given = link === '-' ? await standardInput(LIMITS.textBytesMax, 'invalid.channel_link') : link
  await context.withClient(async (client) => {
    await connected(client)
    const channel = await client.followChannel(given)
    const about = await describeChannel(channel)
    await context.output.result(about, `following ${nameOf(about)}: ${channel.id}`)
  })
}

/** `evegram channel leave`: stops following and forgets the channel; an author leaves the authors too. */
export function leaveChannel(context: Context, name: string): Promise<void> {
  return context.withClient(async (client) => {
    await synced(client, AWAY_MS_MAX)
    const channel = await namedChannel(client, name)
    const about = await describeChannel(channel)
    await channel.leave()
    await context.output.result({ channel: about.channel, name: about.name }, `left ${nameOf(about)}`)
  })
}

/** `evegram channel list`: the channels that this profile follows, own ones included. */
export function listChannels(context: Context): Promise<void> {
  return context.withClient(async (client) => {
    const isConnected = await synced(client, AWAY_MS_MAX)
    const channels = await client.channels()
    if (isConnected) await Promise.all(channels.map((channel) => pullChannel(client, channel)))
    for (const channel of channels) {
      const about = await describeChannel(channel)
      await context.output.result(about, `${channel.id}  ${oneLine(about.name)}  ${about.role ?? 'follower'}  #${String(about.seq)}`)
    }
  })
}

/** `evegram channel authors`: who may post, by the log that this device verified. */
export function channelAuthors(context: Context, name: string): Promise<void> {
  return context.withClient(async (client) => {
    const isConnected = await synced(client, AWAY_MS_MAX)
    const channel = await namedChannel(client, name)
    if (isConnected) await channel.refresh()
    for (const { address, account, role } of await channel.authors()) await context.output.result({ address, account, role }, `${address}  ${role}`)
    if (!isConnected) throw serverAway()
  })
}

/** `evegram channel add`: makes an account an author. */
export function addAuthor(context: Context, name: string, author: string): Promise<void> {
  return changed(context, name, `${shortAddress(author)} posts in`, (channel) => channel.addAuthor(author))
}

/** `evegram channel remove`: an author posts no more; who has the link goes on reading. */
export function removeAuthor(context: Context, name: string, author: string): Promise<void> {
  return changed(context, name, `${shortAddress(author)} posts no more in`, (channel) => channel.removeAuthor(author))
}

/** `evegram channel role`: makes an author an owner, an admin or a plain member. */
export function setAuthorRole(context: Context, name: string, author: string, role: string): Promise<void> {
  return changed(context, name, `${shortAddress(author)} is ${role} in`, (channel) => channel.setRole(author, roleOf(role)))
}

function changed(context: Context, name: string, what: string, change: (channel: Channel) => Promise<void>): Promise<void> {
  return context.withClient(async (client) => {
    await connected(client)
    const channel = await namedChannel(client, name)
    await change(channel)
    // Nobody who was removed can post any more behind the post that names the change: it is made before this command ends.
    await pullChannel(client, channel)
    const about = await describeChannel(channel)
    await context.output.result(about, `${what} ${nameOf(about)}`)
  })
}

type About = Readonly<{
  readonly channel: string
  readonly name: string
  /** Null for a follower. */
  readonly role: GroupRole | null
  readonly authors: number
  /** Number of the newest post that this device verified. */
  readonly seq: number
}>

/** What every command tells about a channel. Never its link. */
async function describeChannel(channel: Channel): Promise<About> {
  return {
    channel: channel.id, name: await channel.name(), role: await channel.role() ?? null, authors: (await channel.authors()).length,
    seq: await channel.seq(),
  }
}

function nameOf({ channel, name }: About): string {
  return name === '' ? shortAddress(channel) : oneLine(name)
}

function roleOf(text: string): GroupRole {
  const role = GROUP_ROLES.find((known) => known === text)
  if (role === undefined) throw new EvegramError('invalid.argument', { operation: 'read role', advice: `Write the role as one of: ${GROUP_ROLES.join(', ')}.` })
  return role
}
