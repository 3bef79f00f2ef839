import { EvegramError, isEvegramError, LIMITS } from '@evegram/protocol'
import type { Conversation, FileSource, SentMessage } from '@evegram/sdk'
import { fileFromPath, plainFileFromPath } from '@evegram/sdk/node'
import type { Context } from '../context.js'
import { EXIT_CODES } from '../exit-codes.js'
import { namedMessage } from '../named-conversation.js'
import { standardInput } from '../standard-input.js'
import { transferBar } from '../transfer-bar.js'
import { oneLine } from '../visible.js'

/** What {@link send} takes. */
export interface SendOptions {
  readonly wait: number
  readonly replyTo?: string
  readonly file?: readonly string[]
  /** Photos and films go with what they say of where, when and by what they were made. */
  readonly unchanged?: boolean
}

/**
 * `evegram send`: sends one message and waits until the server has stored it, at most `wait` seconds; the message then stays queued
 * in the profile (`acked: false`, exit code 4) and goes out with the next command. The text `-` is read from standard input. Files are waited for as long as they move.
 */
export async function send(context: Context, address: string, text: string | undefined, options: SendOptions): Promise<void> {
  const { file: paths = [], wait } = options
  if (text === undefined && paths.length === 0) throw new EvegramError('invalid.argument', { operation: 'send', advice: 'Give a text, or --file.' })
  const body = text === '-' ? await standardInput(LIMITS.textBytesMax, 'too_large.payload') : text ?? ''
  await context.withClient(async (client) => {
    const conversation = await client.conversation(address)
    const reply = options.replyTo === undefined ? {} : { replyTo: (await namedMessage(conversation, options.replyTo)).messageId }
    const sent = paths.length === 0 ? await conversation.send(body, reply) : await sendFiles(context, conversation, { paths, isUnchanged: options.unchanged === true, text: body, ...reply }, wait)
    const acked = sent !== undefined && await Promise.race([sent.acked.then(() => true), delay(wait * 1_000).then(() => false)])
    if (!acked) process.exitCode = EXIT_CODES.unreachable[0]
    const later = 'the server did not answer; it goes out with the next command'
    if (sent === undefined) await context.output.result({ conversation: conversation.id, acked }, `queued: ${later}`)
    else await context.output.result({ messageId: sent.messageId, conversation: sent.conversation, acked }, acked ? `sent ${sent.messageId}` : `queued ${sent.messageId}: ${later}`)
  })
}

/** The message with the files, or undefined when they did not move for `waitS`. */
async function sendFiles(
  context: Context, conversation: Conversation, { paths, isUnchanged, ...said }: { readonly paths: readonly string[]; readonly isUnchanged: boolean; readonly text: string; readonly replyTo?: string }, waitS: number,
): Promise<SentMessage | undefined> {
  const sources: FileSource[] = []
  // One after the other: a photo is in memory while it is looked through.
  for (const path of paths) sources.push(await sourceOf(path, isUnchanged))
  const bar = transferBar(context.output)
  let moved = 0
  const onProgress = (progress: Parameters<typeof bar.show>[0]): void => {
    moved += 1
    bar.show(progress)
  }
  const { message } = await conversation.sendFiles(sources, { ...said, onProgress })
  try {
    for (let seen = -1; seen !== moved;) {
      seen = moved
      const sent = await Promise.race([message, delay(waitS * 1_000)])
      if (sent !== undefined) return sent
    }
    return undefined
  } finally {
    bar.end()
  }
}

/** The file at a path that somebody wrote. Rejects as {@link fileFromPath} does, and says which file it was. */
async function sourceOf(path: string, isUnchanged: boolean): Promise<FileSource> {
  try {
    return await (isUnchanged ? fileFromPath : plainFileFromPath)(path)
  } catch (cause) {
    if (!isEvegramError(cause)) throw cause
    const { code, advice, operation } = cause
    throw new EvegramError(code, { advice: `${oneLine(path)}: ${advice}`, details: { file: path }, cause, ...(operation === undefined ? {} : { operation }) })
  }
}

function delay(ms: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => { resolve(undefined) }, ms).unref()
  })
}
