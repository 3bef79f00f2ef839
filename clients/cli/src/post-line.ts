import type { ChannelPostShown } from '@evegram/sdk'
import { shortAddress } from './message-line.js'
import type { Output } from './output.js'
import { timeText } from './time-text.js'
import { oneLine, visible } from './visible.js'

/**
 * A post as `channel read` and `channel watch` print it for machines: exactly the documented fields. `seq` is its number in the channel, by which
 * `--after` goes on; `sentAt` is ISO 8601 by the author's clock; `name` is what the channel is called by now.
 */
export function postObject(post: ChannelPostShown, name: string): Readonly<Record<string, unknown>> {
  return { channel: post.channel, seq: post.seq, from: post.from, text: post.text, sentAt: new Date(post.atMs).toISOString(), name }
}

/** What surrounds a post on a line. */
export interface PostPlace {
  /** The post is of the own account. */
  readonly own: boolean
  /** Name of the channel, where posts of several are shown. */
  readonly name?: string
}

const UNKNOWN_KIND = '[a kind of post that this version cannot show: update evegram]'

/** A post as a person reads it, times in their zone. Further lines of a text are indented: none can pass for a post of its own. */
export function postText(post: ChannelPostShown, { own, name }: PostPlace, output: Output, nowMs: number): string {
  const who = own ? output.paint('green', 'you') : output.paint('cyan', shortAddress(post.from))
  const where = name === undefined ? '' : `${output.paint('bold', oneLine(name))} `
  const text = post.kind === 'text' ? visible(post.text).replaceAll('\n', '\n      ') : UNKNOWN_KIND
  return `${output.paint('dim', timeText(post.atMs, nowMs))} ${where}${output.paint('dim', `#${String(post.seq)}`)} ${who}  ${text}`
}
