import type { ChannelGap, ClientEvents } from '@evegram/sdk'
import { shortAddress } from './message-line.js'

/** A warning for machines and for people. */
export interface Warning {
  readonly object: Readonly<Record<string, unknown>>
  readonly text: string
}

/** Posts that are missing, by the name of the reason. */
export function gapWarning({ channel, from, to, reason }: ChannelGap): Warning {
  const posts = from === to ? `post ${String(from)}` : `posts ${String(from)} to ${String(to)}`
  const why = reason === 'expired' ? 'older than the server keeps' : 'the server says they are there, and does not show them'
  return { object: { code: 'channel-gap', channel, from, to, reason }, text: `${posts} of channel ${shortAddress(channel)} missing: ${why} (${reason})` }
}

/** Something of a channel that cannot be believed. */
export function channelAlarmWarning({ channel, code, reason }: ClientEvents['channel-alarm']): Warning {
  return {
    object: { code, channel, reason },
    text: `channel ${shortAddress(channel)} stays where it was: ${reason} (${code})`,
  }
}

/** An own post that was given up; its text, so that it can be posted again. */
export function postFailedWarning({ channel, text, error }: ClientEvents['channel-post-failed']): Warning {
  return {
    object: { code: 'channel-post-failed', channel, reason: error.code, text },
    text: `a post of channel ${shortAddress(channel)} was given up (${error.code}): ${text}`,
  }
}
