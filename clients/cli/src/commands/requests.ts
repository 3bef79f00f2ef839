import { EvegramError } from '@evegram/protocol'
import type { Client, MessageRequest } from '@evegram/sdk'
import type { Context } from '../context.js'
import { shortAddress } from '../message-line.js'
import { shownWithoutServer, synced } from '../synced.js'
import { timeText } from '../time-text.js'
import { visible } from '../visible.js'

/** How long the server may be away before what this device has is worked on without it. */
const AWAY_MS_MAX = 10_000
/** Digits of a conversation id that are enough to name a request, where they name one only. */
const ID_DIGITS_MIN = 6
/** Characters of the last message of a request that a line shows. */
const PREVIEW_CHARACTERS_MAX = 60

/** `evegram requests`: what strangers began, the newest first. Without a server it prints what the device has, and fails. */
export function requests(context: Context): Promise<void> {
  return context.withClient(async (client) => {
    const isComplete = await synced(client, AWAY_MS_MAX)
    for (const request of await client.requests()) {
      const { conversation, address, group, messages, dropped, firstAtMs } = request
      const last = group ? undefined : (await (await client.conversation(request.account)).history(1)).at(-1)?.text
      const preview = visible(last ?? '').replaceAll('\n', ' ').slice(0, PREVIEW_CHARACTERS_MAX)
      const what = group ? 'added you to a group' : `wrote ${String(messages + dropped)}: ${preview}`
      await context.output.result(
        { conversation, address, group, messages, dropped, firstAt: new Date(firstAtMs).toISOString() },
        `${timeText(firstAtMs, Date.now())} ${address}  ${what}`,
      )
    }
    if (!isComplete) throw shownWithoutServer()
  })
}

/** `evegram requests accept`: takes what waits as messages of anybody. */
export function acceptRequest(context: Context, wanted: string): Promise<void> {
  return decided(context, wanted, 'accepted', (client, { conversation }) => client.accept(conversation))
}

/** `evegram requests decline`: removes what waits. */
export function declineRequest(context: Context, wanted: string): Promise<void> {
  return decided(context, wanted, 'declined', (client, { conversation }) => client.decline(conversation))
}

/** `evegram block`: nothing of this account is shown any more. */
export function blockAccount(context: Context, address: string): Promise<void> {
  return context.withClient(async (client) => {
    await client.block(address)
    await context.output.result({ address, blocked: true }, `blocked ${visible(shortAddress(address))}`)
  })
}

/** `evegram unblock`: takes that back. */
export function unblockAccount(context: Context, address: string): Promise<void> {
  return context.withClient(async (client) => {
    await client.unblock(address)
    await context.output.result({ address, blocked: false }, `unblocked ${visible(shortAddress(address))}`)
  })
}

function decided(context: Context, wanted: string, what: string, act: (client: Client, request: MessageRequest) => Promise<void>): Promise<void> {
  return context.withClient(async (client) => {
    await synced(client, AWAY_MS_MAX)
    const request = namedRequest(await client.requests(), wanted)
    await act(client, request)
    const { conversation, address } = request
    await context.output.result({ conversation, address, [what]: true }, `${what} ${visible(shortAddress(address))}`)
  })
}

function namedRequest(waiting: readonly MessageRequest[], wanted: string): MessageRequest {
  const byId = (request: MessageRequest): boolean => wanted.length >= ID_DIGITS_MIN && request.conversation.startsWith(wanted.toLowerCase())
  const found = waiting.filter((request) => request.address === wanted || byId(request))
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  const none = 'No such request waits. See: evegram requests'
  const several = 'This names several requests: write the id of the conversation. See: evegram requests --json'
  throw new EvegramError('invalid.argument', { operation: 'find request', advice: found.length === 0 ? none : several })
}
