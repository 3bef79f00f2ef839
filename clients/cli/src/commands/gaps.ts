import type { ConversationGap } from '@evegram/sdk'
import type { Context } from '../context.js'
import { shortAddress } from '../message-line.js'
import { namedConversation } from '../named-conversation.js'
import { shownWithoutServer, synced } from '../synced.js'
import { timeText } from '../time-text.js'

/** How long the server may be away before what this device knows is printed without it. */
const AWAY_MS_MAX = 10_000
/** Digits of a device id that tell the devices of an account apart. */
const SHOWN_DEVICE_DIGITS = 8

/** `evegram gaps`: catches up, then prints what is missing in a conversation, whose it is and why. Without a server it prints what the device knows of, and fails. */
export function gaps(context: Context, wanted: string, options: { readonly group?: boolean }): Promise<void> {
  return context.withClient(async (client) => {
    const isComplete = await synced(client, AWAY_MS_MAX)
    const conversation = await namedConversation(client, wanted, options)
    const people = 'members' in conversation ? await conversation.members() : [conversation.peer]
    const addresses = new Map([...people, client].map(({ account, address }) => [account, address]))
    const found = await conversation.gaps()
    if (found.length === 0 && isComplete) context.output.note('Nothing is missing here.')
    for (const gap of found) {
      const address = gap.kind === 'time' ? undefined : addresses.get(gap.account)
      const whose = gap.kind === 'messages' && gap.account === client.account ? 'another device of yours' : address === undefined ? 'somebody who left' : shortAddress(address)
      await context.output.result({ conversation: conversation.id, ...(address === undefined ? {} : { address }), ...gap }, gapLine(gap, whose, Date.now()))
    }
    if (!isComplete) throw shownWithoutServer()
  })
}

/** One line for a person. `whose`: of whom messages are missing. */
export function gapLine(gap: ConversationGap, whose: string, nowMs: number): string {
  if (gap.kind === 'time') return `between ${timeText(gap.sinceMs, nowMs)} and ${timeText(gap.untilMs, nowMs)} messages may be missing: ${REASONS.expired}`
  const { from, to, device, reason } = gap
  const numbers = from === to ? `message ${String(from)}` : `messages ${String(from)} to ${String(to)}`
  return `${numbers} of ${whose} (device ${device.slice(0, SHOWN_DEVICE_DIGITS)}): ${REASONS[reason]}`
}

/** Why, and what can be done. */
const REASONS: Readonly<Record<ConversationGap['reason'], string>> = {
  withheld: 'not delivered by the server, and asked for again',
  unreadable: 'not readable here, and asked for again; if nothing comes, ask for it to be said once more',
  sender_revoked: 'from a device that was revoked, so nobody can tell who wrote it; ask for it to be said once more',
  expired: 'gone from the server before this device came back; another device of yours may have it: evegram history request',
  erased: 'erased by who wrote it',
  before_you_joined: 'older than this device; another device of yours may have it: evegram history request',
}
