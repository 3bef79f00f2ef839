import { EvegramError, GROUP_ROLES, type GroupRole } from '@evegram/protocol'
import type { Client, Group } from '@evegram/sdk'
import type { Context } from '../context.js'
import { EXIT_CODES } from '../exit-codes.js'
import { messageObject, messageText, shortAddress } from '../message-line.js'
import { namedGroup, namedMessage } from '../named-conversation.js'
import { paymentViews } from '../payment-view.js'
import { shownWithoutServer, synced } from '../synced.js'
import { oneLine } from '../visible.js'

/** How long the server may be away before a command about a group goes on without it. */
const AWAY_MS_MAX = 10_000

/** `evegram group create`: founds a group; the own account is its owner. */
export function createGroup(context: Context, name: string, members: readonly string[]): Promise<void> {
  return context.withClient(async (client) => {
    await connected(client)
    const group = await client.createGroup(name, members)
    await context.output.result(
      { group: group.id, name: await group.name(), members: (await group.members()).length, version: await group.version() },
      `founded ${oneLine(name)}: ${group.id}`,
    )
  })
}

/** `evegram group add`: adds accounts to a group. */
export function addToGroup(context: Context, name: string, members: readonly string[]): Promise<void> {
  return changed(context, name, 'added to', (group) => group.add(members))
}

/** `evegram group remove`: removes members; they read nothing that is said from then on. */
export function removeFromGroup(context: Context, name: string, members: readonly string[]): Promise<void> {
  return changed(context, name, 'removed from', (group) => group.remove(members))
}

/** `evegram group role`: makes a member an owner, an admin or a plain member. */
export function setGroupRole(context: Context, name: string, member: string, role: string): Promise<void> {
  return changed(context, name, `${role} in`, (group) => group.setRole(member, roleOf(role)))
}

/** `evegram group rename`: names a group anew. */
export function renameGroup(context: Context, name: string, newName: string): Promise<void> {
  return changed(context, name, 'renamed', (group) => group.rename(newName))
}

/** `evegram group leave`: leaves a group. What this device has of it stays. */
export function leaveGroup(context: Context, name: string): Promise<void> {
  return changed(context, name, 'left', (group) => group.leave())
}

/** `evegram group list`: the groups of this profile, those that were left included. */
export function listGroups(context: Context): Promise<void> {
  return context.withClient(async (client) => {
    await synced(client, AWAY_MS_MAX)
    for (const group of await client.groups()) {
      const about = await describeGroup(group)
      await context.output.result(about, `${group.id}  ${oneLine(about.name)}  ${about.member ? `${String(about.members)} members` : 'left'}`)
    }
  })
}

/** `evegram group members`: who is in a group, by the log that this device verified. */
export function groupMembersOf(context: Context, name: string): Promise<void> {
  return context.withClient(async (client) => {
    const isConnected = await synced(client, AWAY_MS_MAX)
    const group = await namedGroup(client, name)
    // Who left is told the members as it last knew them.
    if (isConnected && await group.isMember()) await group.refresh()
    for (const { address, account, role } of await group.members()) {
      await context.output.result({ address, account, role }, `${address}  ${role}`)
    }
    if (!isConnected) throw away()
  })
}

/** `evegram group say`: sends one message to a group and waits until the server has stored it, at most `wait` seconds. */
export function sayInGroup(context: Context, name: string, text: string, options: { readonly wait: number; readonly replyTo?: string }): Promise<void> {
  return context.withClient(async (client) => {
    await synced(client, AWAY_MS_MAX)
    const group = await namedGroup(client, name)
    const sent = await group.send(text, options.replyTo === undefined ? {} : { replyTo: (await namedMessage(group, options.replyTo)).messageId })
    const acked = await Promise.race([sent.acked.then(() => true), delay(options.wait * 1_000).then(() => false)])
    if (!acked) process.exitCode = EXIT_CODES.unreachable[0]
    await context.output.result(
      { messageId: sent.messageId, group: group.id, acked },
      acked ? `sent ${sent.messageId}` : `queued ${sent.messageId}: the server did not answer; it goes out with the next command`,
    )
  })
}

/** `evegram group history`: catches up, then prints a group in its order. */
export function groupHistory(context: Context, name: string, options: { readonly limit?: number; readonly ids?: boolean }): Promise<void> {
  return context.withClient(async (client) => {
    const isComplete = await synced(client, AWAY_MS_MAX)
    const group = await namedGroup(client, name)
    const view = paymentViews(client)
    for await (const message of options.limit === undefined ? group.messages({ live: false }) : await group.history(options.limit)) {
      const payment = await view(message)
      await context.output.result(messageObject(message, payment), messageText(message, context.output, Date.now(), payment, options))
    }
    if (!isComplete) throw shownWithoutServer()
  })
}

function changed(context: Context, name: string, what: string, change: (group: Group) => Promise<void>): Promise<void> {
  return context.withClient(async (client) => {
    await connected(client)
    const group = await namedGroup(client, name)
    await change(group)
    const about = await describeGroup(group)
    await context.output.result(about, `${what} ${about.name === '' ? shortAddress(group.id) : oneLine(about.name)}`)
  })
}

async function describeGroup(group: Group): Promise<{ readonly group: string; readonly name: string; readonly members: number; readonly member: boolean; readonly version: number }> {
  return {
    group: group.id, name: await group.name(), members: (await group.members()).length, member: await group.isMember(), version: await group.version(),
  }
}

/** Changes of a group need the server. */
async function connected(client: Client): Promise<void> {
  if (!(await synced(client, AWAY_MS_MAX))) throw away()
}

function away(): EvegramError {
  return new EvegramError('unavailable.server', { operation: 'reach server', advice: 'The server does not answer. Try: evegram doctor' })
}

function roleOf(text: string): GroupRole {
  const role = GROUP_ROLES.find((known) => known === text)
  if (role === undefined) throw new EvegramError('invalid.argument', { operation: 'read role', advice: `Write the role as one of: ${GROUP_ROLES.join(', ')}.` })
  return role
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}
