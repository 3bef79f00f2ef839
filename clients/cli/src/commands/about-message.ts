import { EvegramError, LIMITS } from '@evegram/protocol'
import type { SentMessage } from '@evegram/sdk'
import type { Context } from '../context.js'
import { EXIT_CODES } from '../exit-codes.js'
import { namedConversation, namedMessage, type Talked } from '../named-conversation.js'
import { standardInput } from '../standard-input.js'
import { synced } from '../synced.js'

/** How long the server may be away before what this device has is worked on without it. */
const AWAY_MS_MAX = 10_000

/** What commands about one message of a conversation take. */
export interface AboutOptions {
  /** The conversation is a group. */
  readonly group?: boolean
  readonly wait: number
}

/** `evegram react`: shows an emoji under a message, or none any more. */
export function react(context: Context, conversation: string, message: string, emoji: string | undefined, options: AboutOptions): Promise<void> {
  return about(context, conversation, message, options, emoji === undefined ? 'took back the reaction' : 'reacted', (talked, id) => talked.react(id, emoji ?? ''))
}

/** `evegram edit`: makes an own message say something else; the text `-` is read from standard input. */
export async function edit(context: Context, conversation: string, message: string, text: string, options: AboutOptions): Promise<void> {
  const body = text === '-' ? await standardInput(LIMITS.textBytesMax, 'too_large.payload') : text
  await about(context, conversation, message, options, 'edited', (talked, id) => talked.edit(id, body))
}

/** `evegram delete`: takes back an own message for everybody; in a group owners and admins may do so with any. */
export function deleteMessage(context: Context, conversation: string, message: string, options: AboutOptions): Promise<void> {
  return about(context, conversation, message, options, 'deleted', (talked, id) => talked.deleteForEveryone(id))
}

/** `evegram timer`: after how long messages of a conversation disappear; with `after` from now on. */
export function timer(context: Context, conversation: string, after: string | undefined, options: AboutOptions): Promise<void> {
  return context.withClient(async (client) => {
    await synced(client, AWAY_MS_MAX)
    const talked = await namedConversation(client, conversation, options)
    if (after === undefined) {
      const seconds = await talked.timer()
      await context.output.result({ conversation: talked.id, seconds }, seconds === 0 ? 'Messages stay.' : `Messages disappear ${durationText(seconds)} after they were read.`)
      return
    }
    const seconds = secondsOf(after)
    const acked = await stored(await talked.setTimer(seconds), options.wait)
    await context.output.result({ conversation: talked.id, seconds, acked }, seconds === 0 ? 'Messages stay from now on.' : `From now on messages disappear ${durationText(seconds)} after they were read.`)
  })
}

function about(
  context: Context, conversation: string, message: string, options: AboutOptions, what: string, act: (talked: Talked, messageId: string) => Promise<SentMessage>,
): Promise<void> {
  return context.withClient(async (client) => {
    await synced(client, AWAY_MS_MAX)
    const talked = await namedConversation(client, conversation, options)
    const { messageId } = await namedMessage(talked, message)
    const acked = await stored(await act(talked, messageId), options.wait)
    await context.output.result({ messageId, conversation: talked.id, acked }, acked ? `${what} ${messageId}` : `${what} ${messageId}: the server did not answer; it goes out with the next command`)
  })
}

/** Whether the server stored it within `waitS`; the exit code says it where it did not. */
async function stored({ acked }: SentMessage, waitS: number): Promise<boolean> {
  const isStored = await Promise.race([acked.then(() => true), new Promise<false>((resolve) => { setTimeout(() => resolve(false), waitS * 1_000).unref() })])
  if (!isStored) process.exitCode = EXIT_CODES.unreachable[0]
  return isStored
}

const UNITS: readonly (readonly [letter: string, name: string, seconds: number])[] = [['w', 'week', 604_800], ['d', 'day', 86_400], ['h', 'hour', 3_600], ['m', 'minute', 60], ['s', 'second', 1]]

/** Seconds of `off`, `30s`, `5m`, `8h`, `7d` or `4w`. Throws `invalid.argument`. */
export function secondsOf(text: string): number {
  if (text === 'off') return 0
  const [, count, letter] = /^([1-9][0-9]{0,7})([smhdw])$/.exec(text) ?? []
  const unit = UNITS.find(([known]) => known === letter)
  const seconds = Number(count) * (unit?.[2] ?? Number.NaN)
  if (seconds <= LIMITS.disappearSecondsMax) return seconds
  throw new EvegramError('invalid.argument', { operation: 'read time', advice: 'Write off, or a number with s, m, h, d or w behind it, at most a year: 30s, 8h, 7d.' })
}

/** `8 hours`, `1 day`: in the largest unit that fits whole. */
export function durationText(seconds: number): string {
  const [, name, size] = UNITS.find(([, , whole]) => seconds % whole === 0) ?? ['s', 'second', 1]
  const count = seconds / size
  return `${String(count)} ${name}${count === 1 ? '' : 's'}`
}
